mod repeats;

use super::*;
use crate::model::Unreadable;

const MINUTE_MS: u64 = 60_000;

/// A payment that may only move forward. It times out of `processing`, and also out of `failed`.
fn payment() -> Machine {
    Machine::parse(
        r#"{
            "id": "payment", "initial": 0, "historyLimit": 5, "retentionMs": 1000,
            "states": [
                { "name": "requested", "final": false, "after": null },
                { "name": "processing", "final": false, "after": { "ms": 60000, "to": 3 } },
                { "name": "completed", "final": true, "after": null },
                { "name": "failed", "final": false, "after": { "ms": 120000, "to": 4 } },
                { "name": "abandoned", "final": true, "after": null }
            ],
            "events": [
                { "name": "PROCESS", "edges": [{ "from": 0, "to": 1 }] },
                { "name": "COMPLETE", "edges": [{ "from": 1, "to": 2 }] },
                { "name": "FAIL", "edges": [{ "from": 1, "to": 3 }] },
                { "name": "RETRY", "edges": [{ "from": 3, "to": 1 }] }
            ]
        }"#,
    )
    .unwrap()
}

const PROCESS: usize = 0;
const COMPLETE: usize = 1;
const FAIL: usize = 2;
const RETRY: usize = 3;

/// One instance and the time.
struct World {
    machine: Machine,
    instance: Option<Instance>,
    now_ms: u64,
    effect: Effect,
}

impl World {
    fn new() -> Self {
        Self { machine: payment(), instance: None, now_ms: 1_000_000, effect: Effect::NONE }
    }

    fn created() -> Self {
        let mut world = Self::new();
        world.ask(&Command::Create { token: token(0), data: b"{}".to_vec() });
        world
    }

    fn ask(&mut self, command: &Command) -> Outcome {
        let now = Now { us: self.now_ms * 1_000 };
        let (instance, effect, outcome) = apply(&self.machine, self.instance.take(), command, now);
        (self.instance, self.effect) = (instance, effect);
        outcome
    }

    fn send(&mut self, event: usize, n: u8) -> Outcome {
        self.ask(&Command::Send(send(event, n)))
    }

    fn look(&mut self, purpose: Look) -> Outcome {
        self.ask(&Command::Look { purpose })
    }

    fn state(&self) -> (&str, u64) {
        let instance = self.instance.as_ref().unwrap();
        (&instance.state, instance.version)
    }
}

fn token(n: u8) -> Token {
    Token([b'a' + n; 11])
}

fn send(event: usize, n: u8) -> Send {
    let (token, by) = (token(n), By::Itself);
    let (data, payload, expected_version) = (None, Vec::new(), None);
    Send { token, by, is_first: false, event, data, payload, expected_version, create: false }
}

fn attempt(record: u8, fence: u64, until: u64) -> By {
    By::Attempt { caller: Caller { record: [record; 22], fence }, until }
}

#[test]
fn it_moves_forward_and_never_twice_into_the_same_step() {
    let mut world = World::created();
    assert!(
        matches!(world.send(PROCESS, 1), Outcome::Moved { from, to } if from == "requested" && to.state == "processing")
    );
    assert_eq!(world.effect.due, Due::At { ms: world.now_ms + MINUTE_MS });
    let illegal = world.send(PROCESS, 2);
    assert_eq!(illegal, Outcome::Illegal { state: "processing".into(), version: 2 });
    assert_eq!(world.effect, Effect::NONE);
    assert!(matches!(world.send(COMPLETE, 3), Outcome::Moved { .. }));
    let effect = Effect { write: Write::Store { ttl_ms: Some(1000) }, due: Due::Remove, publish: false };
    assert_eq!(world.effect, effect);
    assert_eq!(world.send(PROCESS, 4), Outcome::Illegal { state: "completed".into(), version: 3 });
}

#[test]
fn s72_at_the_millisecond_the_timer_wins_before_it_the_event() {
    for (early, wins) in [(1, "completed"), (0, "failed")] {
        let mut world = World::created();
        world.send(PROCESS, 1);
        world.now_ms += MINUTE_MS - early;
        let outcome = world.send(COMPLETE, 2);
        assert_eq!(world.state().0, wins);
        assert_eq!(matches!(outcome, Outcome::Moved { .. }), wins == "completed");
    }
}

#[test]
fn timers_fire_one_after_the_other_as_if_somebody_had_looked() {
    let mut world = World::created();
    world.send(PROCESS, 1);
    let (entered_ms, due_ms) = (world.now_ms, world.now_ms + MINUTE_MS);
    world.now_ms += 10 * MINUTE_MS;
    let Outcome::Instance { at, fired, history, .. } = world.look(Look::History) else { panic!() };
    assert_eq!((at.state.as_str(), at.version, fired), ("abandoned", 4, 2));
    let times: Vec<_> = history.iter().map(|entry| (entry.to.as_str(), entry.at_ms)).collect();
    assert_eq!(times[1..], [("processing", entered_ms), ("failed", due_ms), ("abandoned", due_ms + 2 * MINUTE_MS)]);
    assert_eq!(world.effect.write, Write::Store { ttl_ms: Some(1000) });
    assert!(matches!(world.look(Look::Glance), Outcome::Instance { fired: 0, .. }));
}

#[test]
fn an_expected_version_has_to_be_the_version() {
    let mut world = World::created();
    let expecting = |expected_version, event, n| Command::Send(Send { expected_version, ..send(event, n) });
    let conflict = Outcome::Conflict { state: "requested".into(), version: 1 };
    assert_eq!(world.ask(&expecting(Some(2), PROCESS, 1)), conflict);
    assert!(matches!(world.ask(&expecting(Some(1), PROCESS, 1)), Outcome::Moved { .. }));
}

#[test]
fn an_instance_is_made_by_the_way_only_by_an_event_that_leads_on() {
    let mut world = World::new();
    assert_eq!(world.send(PROCESS, 1), Outcome::Absent);
    let making = |event| Command::Send(Send { create: true, ..send(event, 1) });
    assert_eq!(world.ask(&making(COMPLETE)), Outcome::Illegal { state: "requested".into(), version: 0 });
    assert_eq!((&world.instance, world.effect), (&None, Effect::NONE));
    assert!(matches!(world.ask(&making(PROCESS)), Outcome::Moved { to, .. } if to.version == 2));
}

#[test]
fn creating_twice_makes_one_and_tells_the_one_who_made_it() {
    let mut world = World::created();
    let again = |n| Command::Create { token: token(n), data: b"other".to_vec() };
    assert!(matches!(world.ask(&again(0)), Outcome::Instance { created: true, at, .. } if at.data == b"{}"));
    assert!(matches!(world.ask(&again(1)), Outcome::Instance { created: false, at, .. } if at.data == b"{}"));
    assert_eq!(world.effect, Effect::NONE);
}

#[test]
fn whoever_waits_is_told_once_of_the_next_transition() {
    let mut world = World::created();
    world.look(Look::Wait);
    assert_eq!(world.effect.write, Write::Patch);
    world.look(Look::Wait);
    assert_eq!(world.effect, Effect::NONE);
    world.send(PROCESS, 1);
    assert!(world.effect.publish);
    world.send(COMPLETE, 2);
    assert!(!world.effect.publish);
}

#[test]
fn a_state_that_is_gone_keeps_its_instance_as_it_is_and_its_timer_listed() {
    let mut world = World::created();
    world.instance.as_mut().unwrap().state = "refunding".into();
    assert_eq!(world.send(PROCESS, 1), Outcome::Illegal { state: "refunding".into(), version: 1 });
    for purpose in [Look::Glance, Look::Drain] {
        assert!(matches!(world.look(purpose), Outcome::Instance { at, .. } if at.state == "refunding"));
        assert_eq!(world.effect, Effect::NONE);
    }
}

#[test]
fn a_timer_that_this_config_does_not_know_is_left_for_a_day() {
    let mut world = World::created();
    world.look(Look::Drain);
    let day_ms = 86_400_000;
    assert_eq!(world.effect.due, Due::RemoveUntil { ms: 0 });
    world.now_ms += 2 * day_ms;
    world.look(Look::Drain);
    assert_eq!(world.effect.due, Due::RemoveUntil { ms: world.now_ms - day_ms });
}

#[test]
fn what_is_written_is_read_and_nothing_else() {
    let mut world = World::created();
    world.ask(&Command::Send(Send {
        data: Some("naïve\n{}".into()),
        payload: b"\n0 E9 9 <".to_vec(),
        by: attempt(b'r', 7, 8),
        ..send(PROCESS, 1)
    }));
    world.ask(&Command::Send(Send { data: Some(b"2".to_vec()), by: By::Call(token(9)), ..send(FAIL, 2) }));
    world.send(RETRY, 3);
    world.now_ms += MINUTE_MS;
    world.look(Look::Wait);
    let instance = world.instance.unwrap();
    let fields = instance.fields();
    assert_eq!(Instance::decode(&fields), Ok(instance));
    let with = |field: &[u8], value: &[u8]| {
        let mut fields = fields.clone();
        fields.insert(field.to_vec(), value.to_vec());
        Instance::decode(&fields)
    };
    assert_eq!(with(b"head", b""), Err(Unreadable::TooShort));
    assert_eq!(with(b"head", b"1P"), Err(Unreadable::Version));
    assert_eq!(with(b"another", b""), Err(Unreadable::Malformed));
    assert_eq!(with(&token(1).0, b"1"), Err(Unreadable::Malformed));
    let head = &fields[&b"head"[..]];
    for cut in 2..head.len() - "failed".len() {
        assert_eq!(with(b"head", &head[..cut]), Err(Unreadable::Malformed), "{cut}");
    }
    for field in fields.keys().filter(|field| **field != b"callers") {
        let mut fields = fields.clone();
        fields.remove(field);
        assert!(Instance::decode(&fields).is_err(), "without {}", field.escape_ascii());
    }
}

#[test]
fn a_definition_with_unsound_numbers_is_none() {
    let json = |after: &str, to: usize| {
        format!(
            r#"{{"id":"m","initial":0,"historyLimit":1,"retentionMs":1,
            "states":[{{"name":"a","final":false,"after":{after}}},{{"name":"b","final":false,"after":{{"ms":1,"to":{to}}}}}],"events":[]}}"#
        )
    };
    assert!(Machine::parse(&json("null", 0)).is_ok());
    assert!(Machine::parse(&json("null", 2)).is_err());
    assert!(Machine::parse(&json("null", 1)).is_err());
    assert!(Machine::parse(&json(r#"{"ms":1,"to":1}"#, 0)).is_err());
}
