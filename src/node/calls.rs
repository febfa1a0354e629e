//! The functions that JavaScript calls, one object of them per client. Each is a call on the session, or a look at
//! something that needs none; nothing returns a promise. `lib/native/addon.ts` is their contract.

use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::rc::Rc;

use napi::sys;

use super::arguments::Arguments;
use super::client::Client;
use super::config::millis;
use crate::clock::MILLI;
use crate::model::machine::Machine;
use crate::session::{FailMode, Purpose, Quota, Recording, Sent, Session, Terms};
use crate::store::keys;

const HOLD: u32 = 1;
const WILL_WAIT: u32 = 2;
const HAS_QUOTA: u32 = 4;

/// What a function answers at once.
enum Answer {
    /// So many outcomes lie in the buffer already: the embedded store's.
    Outcomes(usize),
    Bool(bool),
    Number(usize),
    Text(String),
    Nothing,
}

type Method = fn(&Rc<Client>, &Arguments) -> Answer;

const METHODS: [(&CStr, sys::napi_callback); 20] = [
    (c"begin", Some(called::<BEGIN>)),
    (c"again", Some(called::<AGAIN>)),
    (c"wait", Some(called::<WAIT>)),
    (c"complete", Some(called::<COMPLETE>)),
    (c"fail", Some(called::<FAIL>)),
    (c"forget", Some(called::<FORGET>)),
    (c"admin", Some(called::<ADMIN>)),
    (c"define", Some(called::<DEFINE>)),
    (c"create", Some(called::<CREATE>)),
    (c"send", Some(called::<SEND>)),
    (c"look", Some(called::<LOOK>)),
    (c"due", Some(called::<DUE>)),
    (c"held", Some(called::<HELD>)),
    (c"hash", Some(called::<HASH>)),
    (c"deriveKey", Some(called::<DERIVE_KEY>)),
    (c"executor", Some(called::<EXECUTOR>)),
    (c"leases", Some(called::<LEASES>)),
    (c"close", Some(called::<CLOSE>)),
    (c"advance", Some(called::<ADVANCE>)),
    (c"crash", Some(called::<CRASH>)),
];

const BEGIN: usize = 0;
const AGAIN: usize = 1;
const WAIT: usize = 2;
const COMPLETE: usize = 3;
const FAIL: usize = 4;
const FORGET: usize = 5;
const ADMIN: usize = 6;
const DEFINE: usize = 7;
const CREATE: usize = 8;
const SEND: usize = 9;
const LOOK: usize = 10;
const DUE: usize = 11;
const HELD: usize = 12;
const HASH: usize = 13;
const DERIVE_KEY: usize = 14;
const EXECUTOR: usize = 15;
const LEASES: usize = 16;
const CLOSE: usize = 17;
const ADVANCE: usize = 18;
const CRASH: usize = 19;

const BODIES: [Method; 20] = [
    |client, arguments| {
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
        let quota = (flags & HAS_QUOTA != 0).then(|| Quota {
            limit: (millis(arguments.number(8)) / MILLI).max(1),
            scope: arguments.text(9).unwrap_or_default(),
        });
        let begin = move |session: &mut Session, now| {
            session.begin(op, &identity, payload.as_deref(), terms, quota.as_ref(), now);
        };
        Answer::Outcomes(client.run(Some(op), begin))
    },
    |client, arguments| {
        let op = arguments.integer(0);
        Answer::Outcomes(client.run(Some(op), move |session, now| session.again(op, now)))
    },
    |client, arguments| {
        let (op, for_us) = (arguments.integer(0), millis(arguments.number(1)));
        Answer::Outcomes(client.run(Some(op), move |session, now| session.wait(op, for_us, now)))
    },
    |client, arguments| {
        let op = arguments.integer(0);
        let mark = u8::try_from(arguments.integer(5)).ok().filter(|mark| *mark != 0 && mark.is_ascii());
        let payload = arguments.text_behind(mark, 1).unwrap_or_default();
        let recording = recording(arguments, 2);
        Answer::Outcomes(client.run(Some(op), move |session, now| session.complete(op, payload, recording, now)))
    },
    |client, arguments| {
        let (op, payload) = (arguments.integer(0), arguments.text(2));
        let mode = match arguments.integer(1) {
            0 => FailMode::Release,
            1 => FailMode::Record,
            _ => FailMode::Hold,
        };
        let recording = recording(arguments, 3);
        Answer::Outcomes(client.run(Some(op), move |session, now| session.fail(op, mode, payload, recording, now)))
    },
    |client, arguments| {
        client.forget(arguments.integer(0));
        Answer::Nothing
    },
    |client, arguments| {
        let (op, request) = (arguments.integer(0), arguments.text(1).unwrap_or_default());
        Answer::Outcomes(client.run(Some(op), move |session, now| session.admin(op, &request, now)))
    },
    |client, arguments| {
        let number = arguments.integer(0);
        match Machine::parse(&arguments.text(1).unwrap_or_default()) {
            Err(reason) => Answer::Text(reason),
            Ok(machine) => {
                client.run(None, move |session, _| session.define(number, machine));
                Answer::Nothing
            }
        }
    },
    |client, arguments| {
        let (op, machine) = (arguments.integer(0), arguments.integer(1));
        let (id, data) = (arguments.text(2).unwrap_or_default(), arguments.text(3));
        let budget = millis(arguments.number(4));
        let create = move |session: &mut Session, now| session.create(op, machine, &id, data, budget, now);
        Answer::Outcomes(client.run(Some(op), create))
    },
    |client, arguments| {
        let (op, machine) = (arguments.integer(0), arguments.integer(1));
        let (id, sent) = (arguments.text(2).unwrap_or_default(), sent(arguments));
        let budget = millis(arguments.number(11));
        Answer::Outcomes(client.run(Some(op), move |session, now| session.send(op, machine, &id, sent, budget, now)))
    },
    |client, arguments| {
        let (op, machine) = (arguments.integer(0), arguments.integer(1));
        let id = arguments.text(2).unwrap_or_default();
        let purpose = purpose(&arguments.text(3).unwrap_or_default());
        let budget = millis(arguments.number(4));
        Answer::Outcomes(client.run(Some(op), move |session, now| session.look(op, machine, &id, purpose, budget, now)))
    },
    |client, arguments| {
        let (op, machine, partition) = (arguments.integer(0), arguments.integer(1), arguments.integer(2) as usize);
        let (limit, budget) = (u64::from(arguments.integer(3)), millis(arguments.number(4)));
        let due = move |session: &mut Session, now| session.due(op, machine, partition, limit, budget, now);
        Answer::Outcomes(client.run(Some(op), due))
    },
    |client, arguments| Answer::Bool(client.keeper.leases.is_held(arguments.integer(0), client.clock.now())),
    |client, arguments| Answer::Text(client.hasher.hash(&arguments.text(0).unwrap_or_default())),
    |client, arguments| {
        let (identity, name) = (arguments.text(0).unwrap_or_default(), arguments.text(1).unwrap_or_default());
        Answer::Text(keys::derive_key(&client.prefix, &identity, &name))
    },
    |client, _| Answer::Text(client.executor_name().to_owned()),
    |client, _| Answer::Number(client.keeper.leases.len()),
    |client, _| {
        client.close();
        Answer::Nothing
    },
    |client, arguments| Answer::Outcomes(client.advance(millis(arguments.number(0)))),
    |client, arguments| {
        let op = arguments.integer(0);
        client.run(None, move |session, now| session.crash(op, now));
        Answer::Nothing
    },
];

fn recording(arguments: &Arguments, first: usize) -> Recording {
    Recording {
        retention_ms: millis(arguments.number(first)) / MILLI,
        patience: millis(arguments.number(first + 1)),
        budget: millis(arguments.number(first + 2)),
    }
}

/// The third argument of `send` and what follows it: event, data, payload, key, record, fence, version, create.
fn sent(arguments: &Arguments) -> Sent {
    let fence = millis(arguments.number(8)) / MILLI;
    let version = arguments.number(9);
    Sent {
        event: arguments.integer(3) as usize,
        data: arguments.text(4),
        payload: arguments.text(5),
        key: arguments.text(6),
        caller: arguments.text(7).map(|record| (record, fence)),
        expected_version: (version >= 0.0).then(|| millis(version) / MILLI),
        create: arguments.integer(10) != 0,
    }
}

/// `glance`, `history`, `drain`, or the numbers of the states to wait for, with commas between.
fn purpose(text: &str) -> Purpose {
    match text {
        "glance" => Purpose::Glance,
        "history" => Purpose::History,
        "drain" => Purpose::Drain,
        states => Purpose::Reach(states.split(',').filter_map(|state| state.parse().ok()).collect()),
    }
}

/// The object of functions for `client`, which lives until it is closed or the environment ends: what it tells
/// JavaScript keeps JavaScript's side alive, and a call under way must be answered.
pub fn object_of(env: sys::napi_env, client: &Rc<Client>) -> sys::napi_value {
    let mut object = null_mut();
    // SAFETY: inside the call that makes the client. Each function owns one share of the client, as its data, which
    // its finalizer takes back.
    unsafe {
        sys::napi_create_object(env, &raw mut object);
        for (name, callback) in METHODS {
            let share = Rc::into_raw(Rc::clone(client)).cast_mut().cast::<c_void>();
            let mut function = null_mut();
            sys::napi_create_function(env, name.as_ptr(), -1, callback, share, &raw mut function);
            sys::napi_add_finalizer(env, function, share, Some(collected), null_mut(), null_mut());
            sys::napi_set_named_property(env, object, name.as_ptr(), function);
        }
    }
    object
}

/// # Safety
/// Called by Node once per function.
unsafe extern "C" fn collected(_: sys::napi_env, share: *mut c_void, _: *mut c_void) {
    // SAFETY: the share made in `object_of`.
    drop(unsafe { Rc::from_raw(share.cast::<Client>()) });
}

/// # Safety
/// Called by Node as the callback of function number `METHOD`.
unsafe extern "C" fn called<const METHOD: usize>(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: the callback under way; its data is the function's share of the client, alive while the function is.
    let (arguments, client) = unsafe {
        let arguments = Arguments::of(env, info);
        let client = arguments.data.cast::<Client>().cast_const();
        Rc::increment_strong_count(client);
        (arguments, Rc::from_raw(client))
    };
    let body = AssertUnwindSafe(|| BODIES[METHOD](&client, &arguments));
    if let Ok(answer) = catch_unwind(body) {
        // SAFETY: values for the callback under way.
        return unsafe { value_of(env, answer) };
    }
    // SAFETY: as above; both strings end in NUL.
    unsafe {
        let message = c"a bug in actonce's native half; please report it";
        sys::napi_throw_error(env, c"ERR_STORE_PROTOCOL".as_ptr(), message.as_ptr());
    }
    null_mut()
}

/// # Safety
/// As [`called`].
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "counts and short texts")]
unsafe fn value_of(env: sys::napi_env, answer: Answer) -> sys::napi_value {
    let mut value = null_mut();
    // SAFETY: the caller's promise; the length is the text's.
    unsafe {
        match answer {
            Answer::Outcomes(count) | Answer::Number(count) => {
                sys::napi_create_uint32(env, count as u32, &raw mut value);
            }
            Answer::Bool(is) => {
                sys::napi_get_boolean(env, is, &raw mut value);
            }
            Answer::Text(text) => {
                sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, &raw mut value);
            }
            Answer::Nothing => {}
        }
    }
    value
}
