//! One record per idempotency key, and its text, which is printable so that an operator can read it with `GET`.
//!
//! ```text
//! offset 0   version '1'
//!        1   state: P processing, I indeterminate, R released, C completed, F failed
//!        2   fence, 16 decimal digits
//!        18  owner, 16 characters base64url
//!        34  fingerprint, 22 characters base64url, or 22 dashes for none
//!        56  flags, one octal digit: 1 waited, 2 recovered, 4 hold
//!        57  attempt, a space, then by state
//!            P  lease_ms ' ' ttl_ms
//!            I  lease_ms ' ' ttl_ms ' ' since_ms
//!            R C F  payload, any bytes
//! ```
//! Numbers are decimal, 1 to 15 digits, without leading zeros. The Lua uses the same offsets, one higher.

use std::borrow::Cow;
use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use thiserror::Error;

const VERSION: u8 = b'1';
const FENCE: usize = 2;
const OWNER: usize = 18;
const FINGERPRINT: usize = 34;
const FLAGS: usize = 56;
const ATTEMPT: usize = 57;
/// Attempt, space, and the body's first byte at most: no record is shorter than a header and `1 `.
const SHORTEST: usize = ATTEMPT + 2;
const NO_FINGERPRINT: &[u8; 22] = b"----------------------";
/// Longer numbers would not be exact in Lua and JavaScript.
const MOST_DIGITS: usize = 15;
/// Fences stay below 2^53, up to which a double is exact, with room for more. The server's clock gets there in 2255.
pub const FENCE_LIMIT: u64 = 9_000_000_000_000_000;
/// An unfinished record outlives any lease by far, so that neither a replica's clock nor eviction by TTL ends a lease.
const SHORTEST_UNFINISHED_TTL_MS: u64 = 3_600_000;

/// The owner of an attempt: 96 random bits drawn for one begin. This token makes every command idempotent.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner([u8; 16]);

impl Owner {
    pub fn from_random(bits: [u8; 12]) -> Self {
        let mut text = [0; 16];
        let written = URL_SAFE_NO_PAD.encode_slice(bits, &mut text);
        debug_assert_eq!(written, Ok(16));
        Self(text)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Which attempt wrote a payload, and for which input: the owner and fingerprint as they stand in the record.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin([u8; FLAGS - OWNER]);

impl Origin {
    pub fn new(owner: Owner, fingerprint: Option<&Fingerprint>) -> Self {
        let mut text = [0; FLAGS - OWNER];
        text[..FINGERPRINT - OWNER].copy_from_slice(owner.as_bytes());
        text[FINGERPRINT - OWNER..].copy_from_slice(Fingerprint::text(fingerprint));
        Self(text)
    }

    /// `None` when the text does not have the length of an origin.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        text.try_into().ok().map(Self)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether a caller with this payload can be answered from it: payloads are compared where both sides have one.
    pub fn fits(&self, fingerprint: Option<&Fingerprint>) -> bool {
        let theirs = &self.0[FINGERPRINT - OWNER..];
        fingerprint.is_none_or(|ours| theirs == NO_FINGERPRINT || theirs == ours.0)
    }

    /// The first of the two, which names the attempt.
    pub fn owner(&self) -> &[u8] {
        &self.0[..FINGERPRINT - OWNER]
    }
}

/// Identifies the caller's input: 128 bits of its hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 22]);

impl Fingerprint {
    pub fn from_hash(bits: [u8; 16]) -> Self {
        let mut text = [0; 22];
        let written = URL_SAFE_NO_PAD.encode_slice(bits, &mut text);
        debug_assert_eq!(written, Ok(22));
        Self(text)
    }

    /// The 22 characters in a record; dashes when there is no fingerprint. A hash never ends in a dash, because its
    /// last character carries only two bits.
    pub fn text(of: Option<&Self>) -> &[u8] {
        of.map_or(NO_FINGERPRINT, |fingerprint| &fingerprint.0)
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Flags {
    /// Somebody waits for this attempt, so its end is published.
    pub waited: bool,
    /// An earlier attempt started and its end is unknown.
    pub recovered: bool,
    /// The holder's policy: when its lease ends, hold the key as indeterminate instead of running again.
    pub hold: bool,
}

impl Flags {
    pub fn bits(self) -> u8 {
        u8::from(self.waited) | u8::from(self.recovered) << 1 | u8::from(self.hold) << 2
    }

    fn from_bits(bits: u8) -> Self {
        Self { waited: bits & 1 != 0, recovered: bits & 2 != 0, hold: bits & 4 != 0 }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// `ttl_ms` is the TTL set by the last lease write. The lease's age is `ttl_ms` minus the time left of the key.
    Processing {
        lease_ms: u64,
        ttl_ms: u64,
    },
    Indeterminate {
        lease_ms: u64,
        ttl_ms: u64,
        since_ms: u64,
    },
    /// The tombstone of an attempt that gave the key back. Earlier versions kept its error here; now there is none.
    Released {
        payload: Vec<u8>,
    },
    Completed {
        payload: Vec<u8>,
    },
    Failed {
        payload: Vec<u8>,
    },
}

impl State {
    /// The recorded payload; empty for an attempt that has not ended.
    pub fn take_payload(&mut self) -> Vec<u8> {
        self.payload_mut().map(std::mem::take).unwrap_or_default()
    }

    pub fn payload_len(&self) -> usize {
        match self {
            Self::Released { payload } | Self::Completed { payload } | Self::Failed { payload } => payload.len(),
            Self::Processing { .. } | Self::Indeterminate { .. } => 0,
        }
    }

    fn payload_mut(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Self::Released { payload } | Self::Completed { payload } | Self::Failed { payload } => Some(payload),
            Self::Processing { .. } | Self::Indeterminate { .. } => None,
        }
    }

    /// The letter as it stands in the record and as it is published.
    pub fn letter(&self) -> u8 {
        match self {
            Self::Processing { .. } => b'P',
            Self::Indeterminate { .. } => b'I',
            Self::Released { .. } => b'R',
            Self::Completed { .. } => b'C',
            Self::Failed { .. } => b'F',
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Record {
    /// Grows with every acquisition of the key.
    pub fence: u64,
    pub owner: Owner,
    pub fingerprint: Option<Fingerprint>,
    pub flags: Flags,
    pub attempt: u64,
    pub state: State,
}

/// Why the stored value cannot be used. In that case nothing is written and no function runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
pub enum Unreadable {
    #[error("the record has a newer or unknown version")]
    Version,
    #[error("the record is cut short")]
    TooShort,
    #[error("the record does not follow the format of version 1")]
    Malformed,
    #[error("the record is being processed but has no expiry, so the age of its lease is unknown")]
    NoExpiry,
}

/// How long an unfinished record (processing, indeterminate, released) lives after its last lease write.
pub fn unfinished_ttl_ms(retention_ms: u64, lease_ms: u64) -> u64 {
    retention_ms.max(lease_ms.saturating_mul(10)).max(SHORTEST_UNFINISHED_TTL_MS)
}

impl Record {
    pub fn origin(&self) -> Origin {
        Origin::new(self.owner, self.fingerprint.as_ref())
    }

    /// Appends the record's text to `out`, which the caller may reuse.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.encoded_len());
        out.extend_from_slice(&[VERSION, self.state.letter()]);
        push_fence(out, self.fence);
        out.extend_from_slice(&self.owner.0);
        out.extend_from_slice(Fingerprint::text(self.fingerprint.as_ref()));
        out.push(b'0' + self.flags.bits());
        push_decimal(out, self.attempt);
        out.push(b' ');
        match &self.state {
            State::Processing { lease_ms, ttl_ms } => push_spaced(out, &[*lease_ms, *ttl_ms]),
            State::Indeterminate { lease_ms, ttl_ms, since_ms } => push_spaced(out, &[*lease_ms, *ttl_ms, *since_ms]),
            State::Released { payload } | State::Completed { payload } | State::Failed { payload } => {
                out.extend_from_slice(payload);
            }
        }
    }

    /// How many bytes [`Record::encode`] appends, so that the length can be written before the text.
    pub fn encoded_len(&self) -> usize {
        ATTEMPT
            + digits(self.attempt)
            + 1
            + match &self.state {
                State::Processing { lease_ms, ttl_ms } => digits(*lease_ms) + 1 + digits(*ttl_ms),
                State::Indeterminate { lease_ms, ttl_ms, since_ms } => {
                    digits(*lease_ms) + 1 + digits(*ttl_ms) + 1 + digits(*since_ms)
                }
                State::Released { payload } | State::Completed { payload } | State::Failed { payload } => payload.len(),
            }
    }

    /// Does not trust the bytes: anything but a record of this version is [`Unreadable`]. The payload of an owned text
    /// is not copied.
    pub fn decode<'a>(text: impl Into<Cow<'a, [u8]>>) -> Result<Self, Unreadable> {
        let mut text = text.into();
        match text.first() {
            None => return Err(Unreadable::TooShort),
            Some(&VERSION) => {}
            Some(_) => return Err(Unreadable::Version),
        }
        if text.len() < SHORTEST {
            return Err(Unreadable::TooShort);
        }
        let (mut record, body) = Self::decode_version_1(&text).ok_or(Unreadable::Malformed)?;
        if let Some(payload) = record.state.payload_mut() {
            *payload = match &mut text {
                Cow::Borrowed(text) => text[body..].to_vec(),
                Cow::Owned(text) => {
                    text.drain(..body);
                    std::mem::take(text)
                }
            };
        }
        Ok(record)
    }

    /// Decodes all but the payload, and returns where the payload begins.
    fn decode_version_1(text: &[u8]) -> Option<(Self, usize)> {
        let digits = &text[FENCE..OWNER];
        let fence = digits.iter().all(u8::is_ascii_digit).then(|| value_of(digits)).filter(|&f| f < FENCE_LIMIT)?;
        let owner = Owner(base64url(&text[OWNER..FINGERPRINT])?);
        let fingerprint = base64url(&text[FINGERPRINT..FLAGS])?;
        let fingerprint = (fingerprint != *NO_FINGERPRINT).then_some(Fingerprint(fingerprint));
        let flags = Flags::from_bits(text[FLAGS].checked_sub(b'0').filter(|&bits| bits < 8)?);
        let (attempt, body) = split_at_space(&text[ATTEMPT..])?;
        let attempt = decimal(attempt)?;
        let state = match text[1] {
            b'P' => {
                let (lease, ttl) = split_at_space(body)?;
                State::Processing { lease_ms: decimal(lease)?, ttl_ms: decimal(ttl)? }
            }
            b'I' => {
                let (lease, rest) = split_at_space(body)?;
                let (ttl, since) = split_at_space(rest)?;
                State::Indeterminate { lease_ms: decimal(lease)?, ttl_ms: decimal(ttl)?, since_ms: decimal(since)? }
            }
            b'R' => State::Released { payload: Vec::new() },
            b'C' => State::Completed { payload: Vec::new() },
            b'F' => State::Failed { payload: Vec::new() },
            _ => return None,
        };
        Some((Self { fence, owner, fingerprint, flags, attempt, state }, text.len() - body.len()))
    }
}

/// Appends 16 digits, zero padded: the only number of fixed width.
pub(crate) fn push_fence(out: &mut Vec<u8>, fence: u64) {
    let start = out.len();
    out.extend_from_slice(&[b'0'; OWNER - FENCE]);
    write_digits(&mut out[start..], fence);
}

/// A request has about twenty of these numbers, nearly all of one or two digits.
pub(crate) fn push_decimal(out: &mut Vec<u8>, number: u64) {
    if number >= 100 {
        let start = out.len();
        out.resize(start + digits(number), b'0');
        return write_digits(&mut out[start..], number);
    }
    if number >= 10 {
        out.push(b'0' + (number / 10 % 10) as u8);
    }
    out.push(b'0' + (number % 10) as u8);
}

pub(crate) fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// `digits` are only digits, at most 16 of them; the caller rules out overflow.
pub(crate) fn value_of(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'))
}

fn write_digits(cells: &mut [u8], mut number: u64) {
    for cell in cells.iter_mut().rev() {
        *cell = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn push_spaced(out: &mut Vec<u8>, numbers: &[u64]) {
    for (index, number) in numbers.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        push_decimal(out, *number);
    }
}

fn split_at_space(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = text.iter().position(|&byte| byte == b' ')?;
    Some((&text[..space], &text[space + 1..]))
}

pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    let canonical = (1..=MOST_DIGITS).contains(&text.len()) && text[0] != b'0' && text.iter().all(u8::is_ascii_digit);
    canonical.then(|| value_of(text))
}

pub(crate) fn base64url<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let text: [u8; N] = text.try_into().ok()?;
    text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).then_some(text)
}

#[cfg(test)]
mod tests;
