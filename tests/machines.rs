//! State machines: the Lua on a real Redis, the embedded store and the pure model agree, for random definitions and
//! random commands. `ACTONCE_LONG=1` runs the long form.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]

mod support;

use std::cell::RefCell;

use actonce::model::Now;
use actonce::model::machine::{By, Caller, Command, Instance, Look, Machine, Outcome, Send, Token, apply};
use actonce::scripts::TimeSource;
use actonce::scripts::machine::Prepared;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use support::cases;
use support::machine::{Lua, compare};
use support::machine_seldom::seldom;
use support::machine_steps::{Step, machines, steps};
use support::server::Server;

fn hold_for_every_sequence(cases: u32, check: impl Fn(&mut Lua, &Machine, &[Step]) -> Result<(), String>) {
    let server = Server::start();
    let lua = RefCell::new(Lua::load(server.connect()));
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let result = TestRunner::new(config).run(&(machines(), steps()), |(machine, steps)| {
        check(&mut lua.borrow_mut(), &machine, &steps).map_err(TestCaseError::fail)
    });
    if let Err(TestError::Fail(reason, (machine, steps))) = result {
        panic!("{reason}\nafter the smallest sequence that shows it:\n{steps:#?}\non {machine:?}");
    }
}

#[test]
fn the_lua_the_model_and_the_embedded_store_agree() {
    hold_for_every_sequence(cases(500, 100_000), |lua, machine, steps| compare(lua, machine, steps, false));
}

#[test]
fn every_command_may_be_delivered_twice() {
    hold_for_every_sequence(cases(250, 50_000), |lua, machine, steps| {
        // The history has room for the token of the command before.
        let machine = Machine { history_limit: 50, ..machine.clone() };
        compare(lua, &machine, steps, true)
    });
}

#[test]
fn s69_every_event_in_every_state_is_answered_as_the_definition_says() {
    let server = Server::start();
    let lua = RefCell::new(Lua::load(server.connect()));
    let config = Config { cases: cases(100, 5_000), failure_persistence: None, ..Config::default() };
    let checked = RefCell::new((0, 0));
    let result = TestRunner::new(config).run(&machines(), |machine| {
        let (legal, illegal) = matrix(&mut lua.borrow_mut(), &Prepared::new(machine)).map_err(TestCaseError::fail)?;
        let mut checked = checked.borrow_mut();
        *checked = (checked.0 + legal, checked.1 + illegal);
        Ok(())
    });
    result.unwrap();
    let (legal, illegal) = checked.into_inner();
    assert!(legal > 100 && illegal > 100, "{legal} legal and {illegal} illegal transitions are too few");
}

#[test]
fn more_callers_than_are_remembered_and_a_wrong_list_of_timers() {
    let server = Server::start();
    seldom(&mut Lua::load(server.connect())).unwrap();
}

const NOW: Now = Now { us: 1_763_900_000_000_000 };
const CLOCK: TimeSource = TimeSource::Test { now: NOW, left_ms: 0 };

/// Sends every event in every state of a machine, in the model and on Redis. Returns how many led on, and how many did
/// not.
fn matrix(lua: &mut Lua, prepared: &Prepared) -> Result<(u32, u32), String> {
    let machine = &prepared.machine;
    let (mut legal, mut illegal) = (0, 0);
    for state in &machine.states {
        for (event, defined) in machine.events.iter().enumerate() {
            let instance = Instance { state: state.name.clone(), ..made(machine) };
            lua.clear();
            lua.put(&instance.fields());
            let command = Command::Send(Send {
                token: Token([b'e'; 11]),
                event,
                data: None,
                payload: Vec::new(),
                expected_version: None,
                by: By::Itself,
                is_first: false,
                create: false,
            });
            let outcome = lua.ask(&command, prepared, CLOCK)?;
            let edge = defined.edges.iter().find(|edge| machine.states[edge.from].name == state.name);
            let expected = match edge {
                Some(edge) => machine.states[edge.to].name.clone(),
                None => state.name.clone(),
            };
            let after = Instance::decode(&lua.get().unwrap()).unwrap();
            let answered = match (&outcome, edge) {
                (Outcome::Moved { from, to }, Some(_)) => {
                    legal += 1;
                    *from == state.name && to.state == expected && after.version == 2
                }
                (Outcome::Illegal { state: at, version: 1 }, None) => {
                    illegal += 1;
                    *at == state.name && after == instance
                }
                _ => false,
            };
            if !answered || after.state != expected {
                return Err(format!("{} in {}: {outcome:?}, then {after:?}", defined.name, state.name));
            }
            let (_, _, modelled) = apply(machine, Some(instance), &command, NOW);
            if modelled != outcome {
                return Err(format!("the model says {modelled:?}, not {outcome:?}"));
            }
        }
    }
    Ok((legal, illegal))
}

fn made(machine: &Machine) -> Instance {
    let create = Command::Create { token: Token([b'c'; 11]), data: b"{}".to_vec() };
    apply(machine, None, &create, NOW).0.unwrap()
}

#[test]
fn in_production_the_servers_clock_decides() {
    let server = Server::start();
    let mut lua = Lua::load(server.connect());
    let json = r#"{"id":"m","initial":0,"historyLimit":9,"retentionMs":60000,
        "states":[{"name":"a","final":false,"after":{"ms":50,"to":1}},{"name":"b","final":true,"after":null}],"events":[]}"#;
    let prepared = Prepared::new(Machine::parse(json).unwrap());
    let create = Command::Create { token: Token([b'c'; 11]), data: Vec::new() };
    let look = Command::Look { purpose: Look::Glance };
    let Ok(Outcome::Instance { at, created: true, .. }) = lua.ask(&create, &prepared, TimeSource::Server) else {
        panic!()
    };
    assert_eq!(at.state, "a");
    std::thread::sleep(std::time::Duration::from_millis(60));
    let Ok(Outcome::Instance { at: later, fired: 1, .. }) = lua.ask(&look, &prepared, TimeSource::Server) else {
        panic!()
    };
    assert_eq!((later.state.as_str(), later.entered_ms), ("b", at.entered_ms + 50));
}

#[test]
fn what_is_no_instance_is_left_alone() {
    let server = Server::start();
    let mut lua = Lua::load(server.connect());
    let json = r#"{"id":"m","initial":0,"historyLimit":9,"retentionMs":60000,
        "states":[{"name":"a","final":false,"after":null}],"events":[{"name":"E","edges":[{"from":0,"to":0}]}]}"#;
    let prepared = Prepared::new(Machine::parse(json).unwrap());
    let mut instance = made(&prepared.machine);
    instance.meet(Caller { record: [b'r'; 22], fence: 7 });
    let sound = instance.fields();
    let head = String::from_utf8(sound[&b"head"[..]].clone()).unwrap();
    let edited = |field: &str, value: &[u8]| {
        let mut fields = sound.clone();
        fields.insert(field.into(), value.to_vec());
        fields
    };
    let without = |field: &str| {
        let mut fields = sound.clone();
        fields.remove(field.as_bytes());
        fields
    };
    let token = "c".repeat(11);
    // A look finds each of these, or the command that was sent first, with its caller.
    let foreign = [
        without("head"),
        edited("head", b""),
        edited("head", b"m"),
        edited("head", format!("m2{}", &head[2..]).as_bytes()),
        edited("head", b"1P0000000000000001"),
        edited("head", head.replace("m11 ", "m112345678901 ").as_bytes()),
        edited("head", head.replace("m11 ", "m101 ").as_bytes()),
        edited("head", head.replace(" 00 ", " 0 ").as_bytes()),
        edited("head", head.replace(" 00 ", " 20 ").as_bytes()),
        edited("head", head.replace(" 00 1 ", " 00 2 ").as_bytes()),
        edited("head", head.strip_suffix('a').unwrap().as_bytes()),
        edited("head", format!("{head}\n").as_bytes()),
        without("data"),
        edited("callers", b"x"),
        without("1"),
        edited("1", b"E1 1 x\n"),
        edited(&token, b""),
        edited(&token, b"2"),
    ];
    let send = Send {
        token: Token([b'c'; 11]),
        event: 0,
        data: None,
        payload: Vec::new(),
        expected_version: None,
        by: By::Attempt { caller: Caller { record: [b'r'; 22], fence: 8 }, until: 9 },
        is_first: false,
        create: true,
    };
    let looks = [Look::Glance, Look::Wait, Look::Drain].map(|purpose| Command::Look { purpose });
    for fields in foreign {
        assert!(Instance::decode(&fields).is_err(), "{fields:?}");
        lua.put(&fields);
        // Only a repeat sees the fields that only concern repeats.
        let of_repeats = ["1", &token].iter().any(|field| fields.get(field.as_bytes()) != sound.get(field.as_bytes()));
        let commands = if of_repeats { &looks[..0] } else { &looks[..] };
        for command in commands.iter().chain([&Command::Send(send.clone())]) {
            let outcome = lua.ask(command, &prepared, CLOCK).unwrap();
            assert!(matches!(outcome, Outcome::Unreadable(_)), "{command:?} on {fields:?}: {outcome:?}");
        }
        assert_eq!(lua.get().unwrap(), fields);
    }
}
