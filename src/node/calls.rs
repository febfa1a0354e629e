//! The functions that JavaScript calls, twenty for each client. `NativeClient` in `lib/native/addon.ts` is their
//! contract: the same names, in the same order. Each is a call on the session, or reads something that does not need
//! the session; none returns a promise.

use std::ffi::CStr;
use std::rc::Rc;

use super::arguments::Arguments;
use super::client::Client;
use super::config::millis;
use super::functions::{Call, Returned};
use crate::clock::MILLI;
use crate::model::machine::Machine;
use crate::session::{Attempt, FailMode, Purpose, Recording, ScopeQuota, SentEvent, Session, Terms};
use crate::store::keys;

pub const CALLS: [(&CStr, Call); 20] = [
    (c"begin", begin),
    (c"again", again),
    (c"wait", wait),
    (c"complete", complete),
    (c"fail", fail),
    (c"forget", forget),
    (c"admin", admin),
    (c"define", define),
    (c"create", create),
    (c"send", send),
    (c"look", look),
    (c"due", due),
    (c"held", held),
    (c"hash", hash),
    (c"deriveKey", derive_key),
    (c"executor", executor),
    (c"leases", leases),
    (c"close", close),
    (c"advance", advance),
    (c"crash", crash),
];

/// The flags of `begin`.
const HOLD: u32 = 1;
const WILL_WAIT: u32 = 2;
const HAS_QUOTA: u32 = 4;

fn begin(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    let (op, flags) = (arguments.integer(0), arguments.integer(6));
    let identity = arguments.text(1).unwrap_or_default();
    let payload = arguments.text(2);
    let terms = Terms {
        lease_ms: millis(arguments.number(3)) / MILLI,
        max_lease_ms: millis(arguments.number(4)) / MILLI,
        retention_ms: millis(arguments.number(5)) / MILLI,
        hold: flags & HOLD != 0,
        will_wait: flags & WILL_WAIT != 0,
        budget: millis(arguments.number(7)),
    };
    let quota = (flags & HAS_QUOTA != 0).then(|| ScopeQuota {
        limit: (millis(arguments.number(8)) / MILLI).max(1),
        scope: arguments.text(9).unwrap_or_default(),
    });
    Returned::Outcomes(client.run(Some(op), move |session, now| {
        session.begin(op, &identity, payload.as_deref(), terms, quota.as_ref(), now);
    }))
}

fn again(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    let op = arguments.integer(0);
    Returned::Outcomes(client.run(Some(op), move |session, now| session.again(op, now)))
}

fn wait(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    let (op, for_us) = (arguments.integer(0), millis(arguments.number(1)));
    Returned::Outcomes(client.run(Some(op), move |session, now| session.wait(op, for_us, now)))
}

fn complete(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    let op = arguments.integer(0);
    let mark = u8::try_from(arguments.integer(5)).ok().filter(|mark| *mark != 0 && mark.is_ascii());
    let payload = arguments.text_behind(mark, 1).unwrap_or_default();
    let recording = recording(arguments, 2);
    Returned::Outcomes(client.run(Some(op), move |session, now| session.complete(op, payload, recording, now)))
}

fn fail(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    let (op, payload) = (arguments.integer(0), arguments.text(2));
    let mode = match arguments.integer(1) {
        0 => FailMode::Release,
        1 => FailMode::Record,
        _ => FailMode::Hold,
    };
    let recording = recording(arguments, 3);
    Returned::Outcomes(client.run(Some(op), move |session, now| session.fail(op, mode, payload, recording, now)))
}

fn forget(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    client.forget(arguments.integer(0));
    Returned::Nothing
}

fn admin(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    let (op, request) = (arguments.integer(0), arguments.text(1).unwrap_or_default());
    Returned::Outcomes(client.run(Some(op), move |session, now| session.admin(op, &request, now)))
}

fn define(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    let number = arguments.integer(0);
    match Machine::parse(&arguments.text(1).unwrap_or_default()) {
        Err(reason) => Returned::Text(reason),
        Ok(machine) => {
            client.run(None, move |session, _| session.define(number, machine));
            Returned::Nothing
        }
    }
}

fn create(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    let (op, machine) = (arguments.integer(0), arguments.integer(1));
    let (id, data) = (arguments.text(2).unwrap_or_default(), arguments.text(3));
    let budget = millis(arguments.number(4));
    let create = move |session: &mut Session, now| session.create(op, machine, &id, data, budget, now);
    Returned::Outcomes(client.run(Some(op), create))
}

fn send(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    let (op, machine) = (arguments.integer(0), arguments.integer(1));
    let (id, sent) = (arguments.text(2).unwrap_or_default(), sent(arguments));
    let budget = millis(arguments.number(13));
    Returned::Outcomes(client.run(Some(op), move |session, now| session.send(op, machine, &id, sent, budget, now)))
}

fn look(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    let (op, machine) = (arguments.integer(0), arguments.integer(1));
    let id = arguments.text(2).unwrap_or_default();
    let purpose = purpose(&arguments.text(3).unwrap_or_default());
    let budget = millis(arguments.number(4));
    Returned::Outcomes(client.run(Some(op), move |session, now| session.look(op, machine, &id, purpose, budget, now)))
}

fn due(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    let (op, machine, partition) = (arguments.integer(0), arguments.integer(1), arguments.integer(2) as usize);
    let range = (u64::from(arguments.integer(3)), u64::from(arguments.integer(4)));
    let budget = millis(arguments.number(5));
    let due = move |session: &mut Session, now| session.due(op, machine, partition, range, budget, now);
    Returned::Outcomes(client.run(Some(op), due))
}

fn held(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    Returned::Bool(client.keeper.leases.is_held(arguments.integer(0), client.clock.now()))
}

fn hash(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    Returned::Text(client.hasher.hash(&arguments.text(0).unwrap_or_default()))
}

fn derive_key(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    let (identity, name) = (arguments.text(0).unwrap_or_default(), arguments.text(1).unwrap_or_default());
    Returned::Text(keys::derive_key(&client.prefix, &identity, &name))
}

fn executor(client: &Rc<Client>, _: &Arguments) -> Returned {
    Returned::Text(client.executor_name().to_owned())
}

fn leases(client: &Rc<Client>, _: &Arguments) -> Returned {
    Returned::Number(client.keeper.leases.len())
}

fn close(client: &Rc<Client>, _: &Arguments) -> Returned {
    client.close();
    Returned::Nothing
}

fn advance(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    Returned::Outcomes(client.advance(millis(arguments.number(0))))
}

fn crash(client: &Rc<Client>, arguments: &Arguments) -> Returned {
    let op = arguments.integer(0);
    client.run(None, move |session, now| session.crash(op, now));
    Returned::Nothing
}

fn recording(arguments: &Arguments, first: usize) -> Recording {
    Recording {
        retention_ms: millis(arguments.number(first)) / MILLI,
        patience: millis(arguments.number(first + 1)),
        budget: millis(arguments.number(first + 2)),
    }
}

/// The arguments of `send` from the third on: event, data, payload, key, version, create, record, fence, attempt,
/// retention.
fn sent(arguments: &Arguments) -> SentEvent {
    let version = arguments.number(7);
    let fence = millis(arguments.number(10)) / MILLI;
    let is_first = arguments.integer(11) == 1;
    let retention_ms = millis(arguments.number(12)) / MILLI;
    SentEvent {
        event: arguments.integer(3) as usize,
        data: arguments.text(4),
        payload: arguments.text(5),
        key: arguments.text(6),
        attempt: arguments.text(9).map(|record| Attempt { record, fence, is_first, retention_ms }),
        expected_version: (version >= 0.0).then(|| millis(version) / MILLI),
        create: arguments.integer(8) != 0,
    }
}

/// `glance`, `history`, `drain`, the names of a run that asks for its trail (JSON), or the numbers of the states to
/// wait for, separated by commas.
fn purpose(text: &str) -> Purpose {
    match text {
        "glance" => Purpose::Glance,
        "history" => Purpose::History,
        "drain" => Purpose::Drain,
        run if run.starts_with('{') => serde_json::from_str(run).map_or(Purpose::Glance, Purpose::Trail),
        states => Purpose::Reach(states.split(',').filter_map(|state| state.parse().ok()).collect()),
    }
}
