//! Requests as RESP bytes, appended to a connection's output buffer: no list of arguments in between, and a
//! result is copied once.

use super::Script;
use crate::model::record::{digits, push_decimal, push_fence};
use crate::model::{Begin, Command, Failure, Fingerprint, Flags, Now, Owner, Record, Resolution, unfinished_ttl_ms};

/// Where a script takes its time from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// `TIME` and `PTTL` of the server: always, in production.
    Server,
    /// A test's: replaces `TIME`, and `PTTL` by what is left of the key.
    Test { now: Now, left_ms: i64 },
}

/// Appends the `EVALSHA` of `command` on the record at `key`.
pub fn pack(command: &Command, key: &[u8], clock: Clock, out: &mut Vec<u8>) {
    let script = Script::of(command);
    match command {
        Command::Begin(begin) => pack_begin(call(out, script, key, 8), begin, clock),
        Command::Extend { owner } => call(out, script, key, 1).owner(*owner),
        Command::Complete { record, retention_ms } => call(out, script, key, 2).record(record).number(*retention_ms),
        Command::Fail { owner, failure } => pack_fail(call(out, script, key, 5).owner(*owner), failure, clock),
        Command::Resolve { owner, to, force } => {
            pack_resolve(call(out, script, key, 6).owner(*owner), to).flag(*force).clock(clock)
        }
        Command::Reset { owner, retention_ms, force } => {
            let ttl_ms = unfinished_ttl_ms(*retention_ms, 0);
            call(out, script, key, 4).owner(*owner).number(ttl_ms).flag(*force).clock(clock)
        }
    };
}

/// Appends the plain `SET … NX GET PX` that is a begin on Redis 7 and newer: it acquires a free key with `fence`, the
/// client's estimate of the server's microseconds, or returns the record that is there, for [`super::judge_set`].
pub fn pack_set_if_absent(begin: &Begin, key: &[u8], fence: u64, out: &mut Vec<u8>) {
    let record = begin.record(fence, 1, Flags::default());
    Request::start(out, 7)
        .arg(b"SET")
        .arg(key)
        .record(&record)
        .arg(b"NX")
        .arg(b"GET")
        .arg(b"PX")
        .number(begin.ttl_ms());
}

/// Appends the plain `SET … IFEQ … PX` that is a complete on Redis 8.4, Valkey 8.1 and newer, at an eighth of the
/// script's cost. `held` is the record that this attempt's begin wrote, [`Begin::record`] with what `Acquired` told.
/// `OK` is [`crate::model::Outcome::Done`]; nil means that the record is another by now, be it that somebody waits or
/// that this is a repeat: then the script of the same complete is to be run.
pub fn pack_set_if_equal(held: &Record, completed: &Record, retention_ms: u64, key: &[u8], out: &mut Vec<u8>) {
    let request = Request::start(out, 7).arg(b"SET").arg(key).record(completed).arg(b"IFEQ").record(held);
    request.arg(b"PX").number(retention_ms);
}

fn pack_begin<'a>(request: Request<'a>, begin: &Begin, clock: Clock) -> Request<'a> {
    let mut awaited = Vec::new();
    if let Some(fence) = begin.awaited_fence {
        push_fence(&mut awaited, fence);
    }
    request
        .owner(begin.owner)
        .arg(Fingerprint::text(begin.fingerprint.as_ref()))
        .number(begin.lease_ms)
        .number(begin.ttl_ms())
        .arg(if begin.hold { b"4" } else { b"0" })
        .flag(begin.mark_waited)
        .arg(&awaited)
        .clock(clock)
}

fn pack_fail<'a>(request: Request<'a>, failure: &Failure, clock: Clock) -> Request<'a> {
    match failure {
        Failure::Release { payload } => request.arg(b"R").arg(payload).arg(b""),
        Failure::Record { payload, retention_ms } => request.arg(b"F").arg(payload).number(*retention_ms),
        Failure::Hold => request.arg(b"I").arg(b"").arg(b""),
    }
    .clock(clock)
}

fn pack_resolve<'a>(request: Request<'a>, to: &Resolution) -> Request<'a> {
    match to {
        Resolution::Value { payload, retention_ms } => request.arg(b"C").arg(payload).number(*retention_ms),
        Resolution::Rerun { retention_ms } => request.arg(b"R").arg(b"").number(unfinished_ttl_ms(*retention_ms, 0)),
    }
}

pub(super) fn call<'a>(out: &'a mut Vec<u8>, script: &Script, key: &[u8], arguments: u64) -> Request<'a> {
    Request::start(out, 4 + arguments).arg(b"EVALSHA").arg(script.sha1.as_bytes()).arg(b"1").arg(key)
}

/// A RESP array under construction.
pub(super) struct Request<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Request<'a> {
    pub(super) fn start(out: &'a mut Vec<u8>, parts: u64) -> Self {
        out.push(b'*');
        push_decimal(out, parts);
        out.extend_from_slice(b"\r\n");
        Self { out }
    }

    pub(super) fn arg(self, bytes: &[u8]) -> Self {
        let request = self.bulk(bytes.len());
        request.out.extend_from_slice(bytes);
        request.end()
    }

    pub(super) fn number(self, number: u64) -> Self {
        let request = self.bulk(digits(number));
        push_decimal(request.out, number);
        request.end()
    }

    fn record(self, record: &Record) -> Self {
        let request = self.bulk(record.encoded_len());
        record.encode(request.out);
        request.end()
    }

    fn owner(self, owner: Owner) -> Self {
        self.arg(owner.as_bytes())
    }

    fn flag(self, set: bool) -> Self {
        self.arg(if set { b"1" } else { b"0" })
    }

    pub(super) fn clock(self, clock: Clock) -> Self {
        match clock {
            Clock::Server => self.arg(b""),
            Clock::Test { now, left_ms } => self.arg(format!("{} {left_ms}", now.us).as_bytes()),
        }
    }

    pub(super) fn bulk(self, length: usize) -> Self {
        // A large result would be copied several times while the buffer grows under it.
        self.out.reserve(length + 16);
        self.out.push(b'$');
        push_decimal(self.out, length as u64);
        self.out.extend_from_slice(b"\r\n");
        self
    }

    pub(super) fn end(self) -> Self {
        self.out.extend_from_slice(b"\r\n");
        self
    }
}
