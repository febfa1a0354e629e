//! Cases that random sequences hardly ever reach.

use actonce::model::Now;
use actonce::model::machine::{Command, Look, Machine, StateNode, Timer, Token};
use actonce::scripts::TimeSource;
use actonce::scripts::machine::Prepared;
use actonce::store::embedded::MemoryStore;

use super::link::Reply;
use super::machine::{KEY, KEYS, LISTED, Lua, START_US, Trial, compare};
use super::machine_steps::{Ask, Elapse, Step, Whose};
use super::run::agree;

/// More callers and entries than are remembered, more bytes than are kept, and a wrong list of timers.
pub fn seldom(lua: &mut Lua) -> Result<(), String> {
    let json = r#"{"id":"test","initial":0,"historyLimit":50,"retentionMs":60000,"states":[
        {"name":"a","final":false,"after":null},{"name":"b","final":false,"after":{"ms":5000,"to":0}}],
        "events":[{"name":"STAY","edges":[{"from":0,"to":0}]},{"name":"GO","edges":[{"from":0,"to":1}]}]}"#;
    let machine = Machine::parse(json).unwrap();
    let of = |n| Whose::Attempt { record: n % 26, fence: 1, longer: 9, is_first: false };
    let send =
        |event, n| Ask::Send { event, token: n, data: None, payload: 0, expected: None, by: of(n), create: true };
    let step = |ask| Step { elapse: Elapse::Micros(1_000), ask };
    let many: Vec<_> = (0..19).map(|n| step(send(0, n))).collect();
    compare(lua, &machine, &many, false)?;
    // Several times as many entries as are kept before the oldest are forgotten; forgotten tokens come again.
    let look = |n: u8| step(if n % 5 == 4 { Ask::Look(Look::History) } else { send(0, n % 48) });
    let long: Vec<_> = (0..150).map(look).collect();
    for history_limit in [2, 20] {
        compare(lua, &Machine { history_limit, ..machine.clone() }, &long, false)?;
    }
    large(lua, &machine)?;
    unfinished_again(lua, &machine)?;

    // No instance, an instance without a timer, and a timer that runs longer than is listed.
    let prepared = Prepared::new(machine);
    let clock = TimeSource::Test { now: Now { us: START_US }, left_ms: 0 };
    let drain = Command::Look { purpose: Look::Drain };
    let listed = |lua: &mut Lua| lua.link.call(&[b"ZCOUNT", KEYS.due_set, b"-inf", b"+inf"]);
    lua.clear();
    for event in [None, Some(0), Some(1)] {
        if let Some(event) = event {
            lua.ask(&send(event, 1).command(&prepared.machine, None), &prepared, clock)?;
        }
        lua.link.call(&[b"ZADD", KEYS.due_set, b"1", KEYS.member]);
        lua.ask(&drain, &prepared, clock)?;
        if event == Some(1) {
            let due = START_US / 1_000 + 5_000;
            let exactly = due.to_string();
            let found = lua.link.call(&[b"ZCOUNT", KEYS.due_set, exactly.as_bytes(), exactly.as_bytes()]);
            agree("listed anew", &Reply::Integer(1), &found)?;
        } else {
            agree("still listed", &Reply::Integer(0), &listed(lua))?;
        }
        lua.link.call(&[b"DEL", KEYS.instance]);
    }
    foreign_timers(lua, &prepared)
}

/// A timer that another version of the config has listed stays for a day if this version knows the state, and forever
/// if it does not.
fn foreign_timers(lua: &mut Lua, prepared: &Prepared) -> Result<(), String> {
    let drain = Command::Look { purpose: Look::Drain };
    let create = Command::Create { token: Token([b't'; 11]), data: Vec::new() };
    let day_ms = 86_400_000;
    let listed = Some(Timer { ms: 1_000, to: 1 });
    let cases =
        [("a", listed, day_ms - 1, 1), ("a", listed, day_ms, 0), ("else", listed, 99 * day_ms, 1), ("a", None, 0, 0)];
    for (state, after, late_ms, is_left) in cases {
        lua.clear();
        let memory = MemoryStore::default();
        let mut other = prepared.machine.clone();
        other.states[0] = StateNode { name: state.into(), is_final: false, after };
        for (prepared, command, ms) in [(&Prepared::new(other), &create, 0), (prepared, &drain, 1_000 + late_ms)] {
            let now = Now { us: START_US + ms * 1_000 };
            lua.ask(command, prepared, TimeSource::Test { now, left_ms: 0 })?;
            memory.transition(&prepared.machine, KEY, LISTED, command, now);
        }
        let left = lua.link.call(&[b"ZCOUNT", KEYS.due_set, b"-inf", b"+inf"]);
        agree(&format!("left of a timer, {late_ms} ms late in {state}"), &Reply::Integer(is_left), &left)?;
        let left = memory.inspect_instance(KEY, LISTED, Now { us: START_US }).1.is_some();
        agree(&format!("left of it in memory, {late_ms} ms late in {state}"), &is_left, &i64::from(left))?;
    }
    Ok(())
}

/// Entries that are too large together lose their payloads and data first; where the names alone are too much, entries
/// are forgotten.
fn large(lua: &mut Lua, machine: &Machine) -> Result<(), String> {
    let with = |n: u8| {
        let (data, payload) = ((!n.is_multiple_of(3)).then_some(n % 4), n / 2 % 4);
        Ask::Send { event: 0, token: n, data, payload, expected: None, by: Whose::Call(n % 3), create: true }
    };
    let step = |ask| Step { elapse: Elapse::Micros(1_000), ask };
    // Each command comes again some steps later, both from the same call and from another one.
    let steps = |n: u8| [with(n), with(n.saturating_sub(7)), Ask::Look(Look::Trail)].map(step);
    compare(lua, machine, &(0..40).flat_map(steps).collect::<Vec<_>>(), false)?;
    let mut named = machine.clone();
    named.states[0].name = "n".repeat(900);
    compare(lua, &named, &(0..60).flat_map(steps).collect::<Vec<_>>(), false)
}

/// A state that was final and no longer is in a newer definition: an instance that leaves it must be kept.
fn unfinished_again(lua: &mut Lua, machine: &Machine) -> Result<(), String> {
    let mut older = machine.clone();
    older.states[0].is_final = true;
    older.events[0].edges.clear();
    lua.clear();
    let mut trial = Trial::new(lua, Prepared::new(older));
    trial.deliver(&Command::Create { token: Token([b't'; 11]), data: Vec::new() })?;
    agree("finished", &Some(true), &trial.instance.as_ref().map(|instance| instance.expires))?;
    trial.prepared = Prepared::new(machine.clone());
    trial.deliver(&Command::Look { purpose: Look::Wait })?;
    let (by, data, expected) = (Whose::Itself, None, None);
    let stay = Ask::Send { event: 0, token: 1, data, payload: 0, expected, by, create: false };
    trial.deliver(&stay.command(machine, None)).map(drop)
}
