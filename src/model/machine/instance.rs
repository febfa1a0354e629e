//! One instance of a state machine, and its text: printable as far as names and data are, so that an operator reads it
//! with `GET`.
//!
//! ```text
//! instance = 'm1' version ' ' entered_ms ' ' waited ' ' callers '\n'
//!            state '\n'
//!            data_len ' ' data '\n'
//!            entry*                                  the history, oldest first, versions without a gap
//! callers  = (record, 22 characters ':' fence, 16 digits ';')*         newest last
//! entry    = body_len ' ' body '\n'
//! body     = kind version ' ' at_ms ' ' token, 22 characters '\n'
//!            event '\n' from '\n' to '\n'
//!            payload_len ' ' payload before
//! kind     = 'C' created (event and from are empty), 'E' by an event, 'A' by its timer (event is the delay in ms)
//! before   = '' the data stayed as it was, or '<' and the data as it was until then
//! ```
//! Lengths are bytes. Numbers are decimal, 1 to 15 digits, without leading zeros except a length of 0. Names hold no
//! control characters. No data is data of length 0.

use std::collections::VecDeque;

use crate::model::record::{Unreadable, digits, push_decimal, push_fence, value_of};

const VERSION: &[u8] = b"m1";
const MOST_DIGITS: usize = 15;
/// So many records of idempotency keys an instance remembers the fences of.
pub const MOST_CALLERS: usize = 16;
/// A longer history loses its oldest entries, however few they are.
pub const LARGEST_HISTORY: usize = 65_536;

/// Names a command, so that it is recognised when it comes again. Random ones end in dashes, which no hash does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token(pub [u8; 22]);

impl Token {
    /// Of an instance that was made by the way.
    pub const NONE: Self = Self([b'-'; 22]);
}

/// The attempt of an idempotency key that moves an instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller {
    /// Names the key's record.
    pub record: [u8; 22],
    pub fence: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instance {
    /// 1 when it is created, one more with every transition.
    pub version: u64,
    /// When it came into its state; its timer runs from here.
    pub entered_ms: u64,
    /// Somebody waits: the next transition is published.
    pub waited: bool,
    pub callers: Vec<Caller>,
    pub state: String,
    /// Empty where there is none.
    pub data: Vec<u8>,
    pub history: History,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct History {
    entries: VecDeque<Entry>,
    /// Bytes of their text.
    len: usize,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub version: u64,
    pub at_ms: u64,
    pub token: Token,
    pub cause: Cause,
    pub from: String,
    pub to: String,
    pub payload: Vec<u8>,
    /// The data until then, if this changed it.
    pub before: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cause {
    Created,
    Event(String),
    After { ms: u64 },
}

impl History {
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    pub fn push(&mut self, entry: Entry) {
        self.len += entry.encoded_len();
        self.entries.push_back(entry);
    }

    /// Forgets the oldest, all but the newest.
    pub fn trim(&mut self, limit: u64) {
        while self.entries.len() > 1 && (self.entries.len() as u64 > limit || self.len > LARGEST_HISTORY) {
            if let Some(oldest) = self.entries.pop_front() {
                self.len -= oldest.encoded_len();
            }
        }
    }
}

impl Instance {
    /// The fence that this record was last seen with.
    #[must_use]
    pub fn fence_of(&self, record: &[u8; 22]) -> Option<u64> {
        self.callers.iter().find(|caller| caller.record == *record).map(|caller| caller.fence)
    }

    /// True when that is news.
    pub fn meet(&mut self, caller: Caller) -> bool {
        if self.callers.last() == Some(&caller) {
            return false;
        }
        self.callers.retain(|known| known.record != caller.record);
        self.callers.push(caller);
        if self.callers.len() > MOST_CALLERS {
            self.callers.remove(0);
        }
        true
    }

    /// The data as `version` left it.
    #[must_use]
    pub fn data_at(&self, version: u64) -> &[u8] {
        let mut later = self.history.entries().filter(|entry| entry.version > version);
        later.find_map(|entry| entry.before.as_deref()).unwrap_or(&self.data)
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(VERSION);
        push_decimal(out, self.version);
        out.push(b' ');
        push_decimal(out, self.entered_ms);
        out.extend_from_slice(if self.waited { b" 1 " } else { b" 0 " });
        for caller in &self.callers {
            out.extend_from_slice(&caller.record);
            out.push(b':');
            push_fence(out, caller.fence);
            out.push(b';');
        }
        out.push(b'\n');
        out.extend_from_slice(self.state.as_bytes());
        out.push(b'\n');
        push_sized(out, &self.data);
        out.push(b'\n');
        for entry in self.history.entries() {
            entry.encode(out);
        }
    }

    /// Never trusts the bytes: anything but an instance of this version is [`Unreadable`].
    ///
    /// # Errors
    /// Why it is none.
    pub fn decode(text: &[u8]) -> Result<Self, Unreadable> {
        match text.get(..2) {
            None => return Err(Unreadable::TooShort),
            Some(version) if version != VERSION => return Err(Unreadable::Version),
            Some(_) => {}
        }
        Self::decode_version_1(Reader(&text[2..])).ok_or(Unreadable::Malformed)
    }

    fn decode_version_1(mut text: Reader<'_>) -> Option<Self> {
        let (version, entered_ms) = (text.number(b' ')?, text.number(b' ')?);
        let waited = match text.until(b' ')? {
            b"0" => false,
            b"1" => true,
            _ => return None,
        };
        let callers = text.until(b'\n')?;
        let callers = callers.chunks(40).map(caller).collect::<Option<Vec<_>>>()?;
        let state = text.name(1)?;
        let data = text.sized(b'\n')?.to_vec();
        let history = History::decode(text.0, version)?;
        let sound = callers.len() <= MOST_CALLERS && !history.entries.is_empty();
        sound.then_some(Self { version, entered_ms, waited, callers, state, data, history })
    }
}

impl History {
    #[must_use]
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries.into()
    }

    /// The text after an instance's data; the last entry is of `version`. No text is no history.
    #[must_use]
    pub fn decode(text: &[u8], version: u64) -> Option<Self> {
        let (mut text, mut history) = (Reader(text), Self::default());
        while !text.0.is_empty() {
            let body = text.sized(b'\n')?;
            let entry = Entry::decode(Reader(body))?;
            if history.entries.back().is_some_and(|last| last.version + 1 != entry.version) {
                return None;
            }
            history.push(entry);
        }
        history.entries.back().is_none_or(|last| last.version == version).then_some(history)
    }
}

impl Entry {
    fn encode(&self, out: &mut Vec<u8>) {
        push_decimal(out, self.body_len() as u64);
        out.extend([b' ', self.cause.letter()]);
        push_decimal(out, self.version);
        out.push(b' ');
        push_decimal(out, self.at_ms);
        out.push(b' ');
        out.extend_from_slice(&self.token.0);
        out.push(b'\n');
        match &self.cause {
            Cause::Created => {}
            Cause::Event(event) => out.extend_from_slice(event.as_bytes()),
            Cause::After { ms } => push_decimal(out, *ms),
        }
        for name in [&self.from, &self.to] {
            out.push(b'\n');
            out.extend_from_slice(name.as_bytes());
        }
        out.push(b'\n');
        push_sized(out, &self.payload);
        if let Some(before) = &self.before {
            out.push(b'<');
            out.extend_from_slice(before);
        }
        out.push(b'\n');
    }

    fn encoded_len(&self) -> usize {
        let body = self.body_len();
        digits(body as u64) + 1 + body + 1
    }

    fn body_len(&self) -> usize {
        let event = match &self.cause {
            Cause::Created => 0,
            Cause::Event(event) => event.len(),
            Cause::After { ms } => digits(*ms),
        };
        1 + digits(self.version)
            + 1
            + digits(self.at_ms)
            + 1
            + self.token.0.len()
            + 1
            + event
            + 1
            + self.from.len()
            + 1
            + self.to.len()
            + 1
            + digits(self.payload.len() as u64)
            + 1
            + self.payload.len()
            + self.before.as_ref().map_or(0, |before| 1 + before.len())
    }

    fn decode(mut text: Reader<'_>) -> Option<Self> {
        let (&kind, rest) = text.0.split_first()?;
        text = Reader(rest);
        let (version, at_ms) = (text.number(b' ')?, text.number(b' ')?);
        let token = Token(base64url(text.until(b'\n')?)?);
        let event = text.until(b'\n')?;
        let cause = match kind {
            b'C' if event.is_empty() => Cause::Created,
            b'E' => Cause::Event(name(event, 1)?),
            b'A' => Cause::After { ms: decimal(event)? },
            _ => return None,
        };
        let from = text.name(usize::from(kind != b'C'))?;
        let to = text.name(1)?;
        let length = length(text.until(b' ')?)?;
        let (payload, before) = text.0.split_at_checked(length)?;
        let before = match before.split_first() {
            None => None,
            Some((b'<', before)) => Some(before.to_vec()),
            Some(_) => return None,
        };
        Some(Self { version, at_ms, token, cause, from, to, payload: payload.to_vec(), before })
    }
}

impl Cause {
    fn letter(&self) -> u8 {
        match self {
            Self::Created => b'C',
            Self::Event(_) => b'E',
            Self::After { .. } => b'A',
        }
    }
}

/// What is left of a text.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Up to `end`, which is read over.
    fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let at = self.0.iter().position(|&byte| byte == end)?;
        let (part, rest) = self.0.split_at(at);
        self.0 = &rest[1..];
        Some(part)
    }

    fn number(&mut self, end: u8) -> Option<u64> {
        decimal(self.until(end)?)
    }

    fn name(&mut self, shortest: usize) -> Option<String> {
        name(self.until(b'\n')?, shortest)
    }

    /// A length, a space, as many bytes, and `end`.
    fn sized(&mut self, end: u8) -> Option<&'a [u8]> {
        let length = length(self.until(b' ')?)?;
        let (part, rest) = self.0.split_at_checked(length)?;
        let (&last, rest) = rest.split_first()?;
        self.0 = rest;
        (last == end).then_some(part)
    }
}

fn push_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    push_decimal(out, bytes.len() as u64);
    out.push(b' ');
    out.extend_from_slice(bytes);
}

fn caller(text: &[u8]) -> Option<Caller> {
    let (record, rest) = text.split_at_checked(22)?;
    let fence = rest.strip_prefix(b":")?.strip_suffix(b";")?;
    let sound = fence.len() == 16 && fence.iter().all(u8::is_ascii_digit);
    Some(Caller { record: base64url(record)?, fence: sound.then(|| value_of(fence))? })
}

fn name(text: &[u8], shortest: usize) -> Option<String> {
    let name = std::str::from_utf8(text).ok()?;
    (name.len() >= shortest && !name.contains(char::is_control)).then(|| name.to_owned())
}

fn length(text: &[u8]) -> Option<usize> {
    if text == b"0" { Some(0) } else { usize::try_from(decimal(text)?).ok() }
}

fn decimal(text: &[u8]) -> Option<u64> {
    let canonical = (1..=MOST_DIGITS).contains(&text.len()) && text[0] != b'0' && text.iter().all(u8::is_ascii_digit);
    canonical.then(|| value_of(text))
}

fn base64url<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let text: [u8; N] = text.try_into().ok()?;
    text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).then_some(text)
}
