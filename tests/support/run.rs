use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actonce::model::{Absent, Command, Effect, Flags, Now, Outcome, Record, State, Stored, apply};
use actonce::store::embedded::MemoryStore;

use super::lua::{Lua, MARK_MS, Seen};
use super::sequence::Step;

/// How far a TTL may be from the given one when it is read, because the machine may be loaded.
const SLACK_MS: i64 = 5_000;
const START: Now = Now { us: 1_763_900_000_000_000 };

/// What the model says is stored, and the time.
pub struct World {
    pub stored: Option<Stored>,
    pub now: Now,
}

impl World {
    pub fn new() -> Self {
        Self { stored: None, now: START }
    }

    /// Lets time pass. A record whose time is over is gone for good.
    pub fn reach(&mut self, now: Now) {
        self.now = now;
        self.stored = self.stored.take().filter(|stored| stored.expires_at_ms > now.ms());
        if let Some(stored) = &mut self.stored {
            stored.forget_told(now);
        }
    }

    /// What lies beside the record for those who waited: the record's text and its error.
    pub fn beside(&self) -> Option<Vec<u8>> {
        let told = self.stored.as_ref()?.told.as_ref()?;
        Some([self.text()?, told.payload.clone()].concat())
    }

    pub fn apply(&mut self, command: &Command) -> (Effect, Outcome) {
        let (effect, outcome) = apply(self.stored.as_ref(), command, self.now);
        let expires_at = |ttl_ms: u64| self.now.ms() + ttl_ms;
        match (&effect, &mut self.stored) {
            (Effect::Write { record, ttl_ms, tell, .. }, stored) => {
                *stored = Some(Stored::new(record.clone(), *ttl_ms, tell.clone(), self.now));
            }
            (Effect::Patch { record }, Some(stored)) => stored.record = record.clone(),
            (Effect::Renew { ttl_ms }, Some(stored)) => stored.expires_at_ms = expires_at(*ttl_ms),
            (Effect::Remove { .. }, stored) => *stored = None,
            _ => {}
        }
        (effect, outcome)
    }

    pub fn left_ms(&self) -> Option<u64> {
        self.stored.as_ref().map(|stored| stored.expires_at_ms - self.now.ms())
    }

    pub fn text(&self) -> Option<Vec<u8>> {
        self.stored.as_ref().map(|stored| text(&stored.record))
    }
}

/// Runs `steps` through the model, the Lua and the embedded store; the first difference is the error. `twice` delivers
/// every command a second time, which must change nothing and get the same answer.
pub fn compare(lua: &mut Lua, steps: &[Step], twice: bool) -> Result<(), String> {
    let mut trial = Trial::new(lua);
    for (number, step) in steps.iter().enumerate() {
        trial.elapse(step);
        let command = step.ask.command(trial.world.stored.as_ref());
        let delivered = trial.deliver(&command);
        let delivered = if twice {
            delivered.and_then(|outcome| trial.deliver_again(&command, &outcome))
        } else {
            delivered.map(drop)
        };
        let us = trial.world.now.us;
        delivered.map_err(|error| format!("step {number}, {command:?} at {us}: {error}"))?;
    }
    Ok(())
}

/// One key in all three, with what the model says it holds.
struct Trial<'a> {
    world: World,
    lua: &'a mut Lua,
    memory: MemoryStore,
    /// How often the embedded store called its watcher.
    told: Arc<AtomicUsize>,
}

impl<'a> Trial<'a> {
    fn new(lua: &'a mut Lua) -> Self {
        lua.clear();
        let (memory, told) = (MemoryStore::default(), Arc::new(AtomicUsize::new(0)));
        let teller = Arc::clone(&told);
        let tell = move || {
            teller.fetch_add(1, Ordering::Relaxed);
        };
        memory.subscribe("key", 1, Box::new(tell));
        Self { world: World::new(), lua, memory, told }
    }

    fn elapse(&mut self, step: &Step) {
        let (had_record, had_told) = (self.world.stored.is_some(), self.world.beside().is_some());
        self.world.reach(step.elapse.from(self.world.now, self.world.stored.as_ref()));
        if had_record && self.world.stored.is_none() {
            self.lua.clear();
        } else if had_told && self.world.beside().is_none() {
            self.lua.forget_told();
        }
    }

    fn deliver(&mut self, command: &Command) -> Result<Outcome, String> {
        let (now, before) = (self.world.now, self.world.text());
        let (plain, after_plain) = self.plain(command).unzip();
        let seen = self.lua.run(command, now, signed(self.world.left_ms()))?;
        let remembered = self.memory.execute("key", command, now);
        let (effect, outcome) = self.world.apply(command);
        let published = match &effect {
            Effect::Write { record, publish: true, .. } => vec![vec![record.state.letter()]],
            Effect::Remove { publish: true } => vec![b"-".to_vec()],
            _ => Vec::new(),
        };
        let record = shown(self.world.text());

        agree("outcome", &outcome, &seen.outcome)?;
        agree("record", &record, &shown(seen.record.clone()))?;
        agree_on_ttl(&effect, &self.world, &seen)?;
        agree_on_told(&effect, &self.world, &seen)?;
        agree("published", &published, &seen.published)?;

        let (kept, left_ms) = self.memory.inspect("key", now).unzip();
        agree("outcome in memory", &outcome, &remembered)?;
        agree("record in memory", &record, &shown(kept))?;
        agree("time left in memory", &self.world.left_ms(), &left_ms)?;
        agree("told by memory", &published.len(), &self.told.swap(0, Ordering::Relaxed))?;

        match plain {
            Some(Some(answer)) => {
                agree("outcome of a plain SET", &outcome, &answer)?;
                agree("record after a plain SET", &record, &shown(after_plain.flatten()))?;
            }
            Some(None) => agree("what a plain SET left alone", &shown(before), &shown(after_plain.flatten()))?,
            None => {}
        }
        Ok(outcome)
    }

    /// Each common case has a plain command, where the server knows it. Returns its answer, or none when it leaves the
    /// decision to the script, and the record afterwards.
    fn plain(&mut self, command: &Command) -> Option<(Option<Outcome>, Option<Vec<u8>>)> {
        match command {
            Command::Begin(begin) if self.lua.link.version >= (7, 0) && begin.absent != Absent::Refuse => {
                Some(self.lua.plain_begin(begin, self.world.now))
            }
            Command::Complete { record, .. } if self.lua.set_if_equal => {
                // The lease, its TTL and the flags are those of the begin, and the record mostly still has them.
                let (flags, state) = match &self.world.stored {
                    Some(Stored { record: Record { flags, state: state @ State::Processing { .. }, .. }, .. }) => {
                        (Flags { waited: false, ..*flags }, state.clone())
                    }
                    _ => (Flags::default(), State::Processing { lease_ms: 30_000, ttl_ms: 86_400_000 }),
                };
                let held = Record { flags, state, ..record.clone() };
                let (stored, after) = self.lua.plain_complete(&held, record);
                Some((stored.then_some(Outcome::Done), after))
            }
            _ => None,
        }
    }

    fn deliver_again(&mut self, command: &Command, first: &Outcome) -> Result<(), String> {
        let (record, left_ms) = (shown(self.world.text()), self.world.left_ms());
        let again = self.deliver(command).map_err(|error| format!("delivered again, {error}"))?;
        agree("outcome of the second delivery", first, &again)?;
        agree("record after the second delivery", &record, &shown(self.world.text()))?;
        agree("time left after the second delivery", &left_ms, &self.world.left_ms())
    }
}

fn agree_on_ttl(effect: &Effect, world: &World, seen: &Seen) -> Result<(), String> {
    let expected = match effect {
        _ if world.stored.is_none() => return agree("TTL", &-2, &seen.pttl_ms),
        Effect::Write { ttl_ms, .. } | Effect::Renew { ttl_ms } => *ttl_ms,
        Effect::Keep | Effect::Patch { .. } | Effect::Remove { .. } => MARK_MS,
    };
    agree_nearly("TTL", expected, seen.pttl_ms)
}

fn agree_nearly(what: &str, ttl_ms: u64, pttl_ms: i64) -> Result<(), String> {
    let expected = i64::try_from(ttl_ms).unwrap();
    if (expected - SLACK_MS..=expected).contains(&pttl_ms) { Ok(()) } else { agree(what, &expected, &pttl_ms) }
}

/// Ignores what an earlier attempt left beside the record.
fn agree_on_told(effect: &Effect, world: &World, seen: &Seen) -> Result<(), String> {
    let text = world.text();
    let is_of_this = |beside: &Vec<u8>| text.as_ref().is_some_and(|text| beside.starts_with(text));
    agree("what is told", &shown(world.beside()), &shown(seen.beside.clone().filter(is_of_this)))?;
    let Effect::Write { tell: Some(tell), .. } = effect else { return Ok(()) };
    agree_nearly("TTL of what is told", tell.ttl_ms, seen.beside_pttl_ms)
}

pub fn agree<T: PartialEq + std::fmt::Debug>(what: &str, model: &T, other: &T) -> Result<(), String> {
    if model == other { Ok(()) } else { Err(format!("{what}: the model says {model:?}, not {other:?}")) }
}

/// The time left as `PTTL` gives it when there may be no record.
fn signed(left_ms: Option<u64>) -> i64 {
    left_ms.map_or(-2, |ms| i64::try_from(ms).unwrap())
}

/// A record as a person reads it in a failure message.
fn shown(record: Option<Vec<u8>>) -> String {
    record.map_or("no record".into(), |record| record.escape_ascii().to_string())
}

pub fn text(record: &Record) -> Vec<u8> {
    let mut text = Vec::new();
    record.encode(&mut text);
    text
}
