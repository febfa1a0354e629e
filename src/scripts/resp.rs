//! A script's call as RESP bytes, appended to a connection's output buffer. No list of arguments is built in between,
//! and a result is copied only once. Also how to read the fields that all scripts' replies have in common.

use thiserror::Error;

use super::Script;
use crate::model::record::{digits, push_decimal, value_of};
use crate::model::{Now, Owner, Record, Unreadable};

/// Where a script gets its time from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeSource {
    /// The server's `TIME` and `PTTL`. Production always uses these.
    Server,
    /// A test's time: `now` replaces `TIME`, and `left_ms` replaces `PTTL`.
    Test { now: Now, left_ms: i64 },
}

/// The server gave an answer that none of these scripts gives, so it is not a store to be trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the script's reply is not one of its outcomes")]
pub struct Malformed;

pub(super) fn call<'a>(out: &'a mut Vec<u8>, script: &Script, key: &[u8], arguments: u64) -> Resp<'a> {
    Resp::start(out, 4 + arguments).arg(b"EVALSHA").arg(script.sha1.as_bytes()).arg(b"1").arg(key)
}

/// A RESP array under construction.
pub(super) struct Resp<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Resp<'a> {
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

    pub(super) fn record(self, record: &Record) -> Self {
        let request = self.bulk(record.encoded_len());
        record.encode(request.out);
        request.end()
    }

    pub(super) fn owner(self, owner: Owner) -> Self {
        self.arg(owner.as_bytes())
    }

    pub(super) fn flag(self, set: bool) -> Self {
        self.arg(if set { b"1" } else { b"0" })
    }

    pub(super) fn clock(self, clock: TimeSource) -> Self {
        match clock {
            TimeSource::Server => self.arg(b""),
            TimeSource::Test { now, left_ms } => self.arg(format!("{} {left_ms}", now.us).as_bytes()),
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

pub(super) fn unreadable(word: &[u8]) -> Option<Unreadable> {
    match word {
        b"version" => Some(Unreadable::Version),
        b"too_short" => Some(Unreadable::TooShort),
        b"malformed" => Some(Unreadable::Malformed),
        b"no_expiry" => Some(Unreadable::NoExpiry),
        _ => None,
    }
}

/// Reads a decimal number; a fence is zero padded.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    let sound = (1..=16).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    sound.then(|| value_of(text))
}
