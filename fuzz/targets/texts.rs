//! Texts that come from Redis: a record, an instance with its history, any reply. And a machine's definition.

use std::sync::LazyLock;

use actonce::model::machine::{self, Fields, Instance, Look, Machine};
use actonce::model::record::FENCE_LIMIT;
use actonce::model::{
    Absent, Begin, Command, Effect, Failure, Fingerprint, Flags, Now, Owner, Record, Resolution, State, Stored, apply,
};
use actonce::scripts;
use actonce::store::redis::inbox::Inbox;
use actonce::store::redis::{fields, verdict};
use redis::Value;

const NOW: Now = Now { us: 1_763_900_000_000_000 };

/// A text is refused, or is what the record that it gave would be written as. No command on that record panics, and
/// what one writes can be read again.
pub fn record(text: &[u8]) {
    let Ok(record) = Record::decode(text) else { return };
    let mut again = Vec::new();
    record.encode(&mut again);
    assert_eq!(again, text);
    assert_eq!(record.encoded_len(), text.len());
    let (fence, attempt) = (record.fence, record.attempt);
    let commands = commands(&record);
    for left_ms in [0, 1, 30_000, u64::MAX / 4] {
        let stored = Stored { record: record.clone(), expires_at_ms: NOW.ms().saturating_add(left_ms), told: None };
        for command in &commands {
            let (Effect::Write { record, .. } | Effect::Patch { record }, _) = apply(Some(&stored), command, NOW)
            else {
                continue;
            };
            // The last that can be counted have no successor that can be read.
            if fence < FENCE_LIMIT - 1 && attempt < 999_999_999_999_999 {
                let mut text = Vec::new();
                record.encode(&mut text);
                assert_eq!(Record::decode(&text).as_ref(), Ok(&record), "{command:?}");
            }
        }
    }
}

fn commands(record: &Record) -> Vec<Command> {
    let begin = |owner, hold| {
        Command::Begin(Begin {
            owner,
            fingerprint: Some(Fingerprint::from_hash([1; 16])),
            lease_ms: 30_000,
            retention_ms: 86_400_000,
            hold,
            mark_waited: true,
            awaited_fence: Some(record.fence),
            absent: Absent::Acquire,
        })
    };
    let (holder, other) = (record.owner, Owner::from_random([7; 12]));
    let completed =
        Record { flags: Flags::default(), state: State::Completed { payload: Vec::new() }, ..record.clone() };
    let fail = |failure| Command::Fail { owner: holder, failure };
    let resolve = |to| Command::Resolve { owner: other, to, force: true };
    vec![
        begin(holder, false),
        begin(other, false),
        begin(other, true),
        Command::Extend { owner: holder },
        Command::Complete { record: completed, retention_ms: 1 },
        fail(Failure::Release { payload: vec![1], told_for_ms: 1 }),
        fail(Failure::Record { payload: vec![1], retention_ms: 1 }),
        fail(Failure::Hold),
        resolve(Resolution::Value { payload: Vec::new(), retention_ms: 1 }),
        resolve(Resolution::Rerun { retention_ms: 1 }),
        Command::Resolve { owner: other, to: Resolution::Rerun { retention_ms: 1 }, force: false },
        Command::Reset { owner: other, retention_ms: 1, force: true },
        Command::Reset { owner: other, retention_ms: 1, force: false },
    ]
}

/// The fields of an instance's hash, names and values in turn, each ended by a zero byte.
pub fn instance(texts: &[u8]) {
    let texts: Vec<&[u8]> = texts.split(|&byte| byte == 0).collect();
    let fields: Fields = texts.chunks_exact(2).map(|pair| (pair[0].to_vec(), pair[1].to_vec())).collect();
    let Ok(instance) = Instance::decode(&fields) else { return };
    assert_eq!(instance.fields(), fields);
    for version in [0, 1, instance.version, u64::MAX] {
        let _ = instance.data_at(version);
    }
    for purpose in [Look::Glance, Look::History, Look::Wait, Look::Drain] {
        let command = machine::Command::Look { purpose };
        let _ = machine::apply(&MACHINE, Some(instance.clone()), &command, NOW);
    }
}

static MACHINE: LazyLock<Machine> = LazyLock::new(|| Machine::parse(DEFINITION).expect("a machine"));
const DEFINITION: &str = r#"{"id":"order","initial":0,"states":[{"name":"requested","final":false,
"after":{"ms":1000,"to":1}},{"name":"b","final":true,"after":null}],"events":[{"name":"PAY","edges":[{"from":0,"to":1}]}],
"historyLimit":3,"retentionMs":20000}"#;

/// A definition is refused, or a machine in which no command on a new instance panics or runs for ever.
pub fn machine(text: &[u8]) {
    let Some(machine) = std::str::from_utf8(text).ok().and_then(|text| Machine::parse(text).ok()) else { return };
    let prepared = scripts::machine::Prepared::new(machine);
    let machine = &prepared.machine;
    let token = machine::Token::start_of(b"abcdefghijk");
    let create = machine::Command::Create { token, data: Vec::new() };
    let (instance, ..) = machine::apply(machine, None, &create, NOW);
    for event in 0..machine.events.len() {
        let send = machine::Command::Send(machine::Send {
            token,
            event,
            data: None,
            payload: Vec::new(),
            expected_version: None,
            by: machine::By::Call(token),
            is_first: false,
            create: true,
        });
        for stored in [None, instance.clone()] {
            let _ = machine::apply(machine, stored, &send, Now { us: NOW.us + 1_000_000_000 });
        }
        let keys = scripts::machine::Keys { instance: b"i", due_set: b"d", member: b"m" };
        scripts::machine::pack(&send, &prepared, keys, scripts::TimeSource::Server, &mut Vec::new());
    }
}

/// Everything that is ever made of a reply, made of each of these.
pub fn replies(bytes: &[u8]) {
    let mut inbox = Inbox::default();
    // A connection delivers in pieces.
    for piece in bytes.chunks(61) {
        if inbox.push(piece).is_err() {
            return;
        }
        while let Ok(Some(value)) = inbox.next_reply() {
            interpret(&value);
        }
    }
}

fn interpret(value: &Value) {
    let _ = fields::field(value, "version").as_deref().map(fields::major_minor);
    if let Some(time) = fields::time(value) {
        assert!(time < FENCE_LIMIT);
    }
    match value {
        Value::ServerError(error) => {
            let _ = verdict::judge(error);
        }
        Value::BulkString(text) => {
            let begin = Begin {
                owner: Owner::from_random([1; 12]),
                fingerprint: None,
                lease_ms: 1,
                retention_ms: 1,
                hold: false,
                mark_waited: false,
                awaited_fence: None,
                absent: Absent::Acquire,
            };
            scripts::judge_set(Some(text.clone()), &begin, NOW.us);
        }
        Value::Array(parts) => {
            let texts: Option<Vec<String>> = parts.iter().map(fields::text).collect();
            if let Some(texts) = texts {
                let _ = scripts::parse(&texts);
                let _ = scripts::machine::parse(&texts);
            }
        }
        _ => {}
    }
}
