//! One instance of a state machine, and its text: printable as far as names and data are, so that an operator reads it
//! with `GET`.
//!
//! ```text
//! instance = 'm1' version ' ' entered_ms ' ' waited ' ' history_bytes ' ' callers '\n'
//!            tokens '\n'
//!            state '\n'
//!            data                                    to the end; empty where there is none
//! callers  = (record, 22 characters ':' fence, 16 digits ';')*         newest last
//! tokens   = (token, 11 characters ' ')*             one for each entry of the history, oldest first
//! entry    = kind version ' ' at_ms ' ' token '\n'
//!            event '\n' from '\n' to '\n'
//!            payload_len ' ' payload before
//! kind     = 'C' created (event and from are empty), 'E' by an event, 'A' by its timer (event is the delay in ms)
//! before   = '' the data stayed as it was, or '<' and the data as it was until then
//! ```
//! The history is a list beside it, of one text each, oldest first, versions without a gap. Lengths are bytes. Numbers
//! are decimal, 1 to 15 digits, without leading zeros except a length of 0. Names hold no control characters.

use std::collections::VecDeque;

use crate::model::record::{Unreadable, base64url, decimal, digits, push_decimal, push_fence, value_of};

const VERSION: &[u8] = b"m1";
/// So many records of idempotency keys an instance remembers the fences of.
pub const MOST_CALLERS: usize = 16;
/// A longer history loses its oldest entries, however few they are.
pub const LARGEST_HISTORY: usize = 65_536;

/// Names a command, so that it is recognised when it comes again: 66 bits, random or of a hash. Short, because fifty of
/// them are read and written with every transition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token(pub [u8; 11]);

impl Token {
    /// Of a text, or of random characters, that is longer.
    #[must_use]
    pub fn start_of(name: &[u8]) -> Self {
        let mut token = Self::NONE;
        token.0.copy_from_slice(&name[..11]);
        token
    }

    /// Of what nobody sends.
    pub const NONE: Self = Self([b'-'; 11]);
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
        push_decimal(out, self.history.len as u64);
        out.push(b' ');
        for caller in &self.callers {
            out.extend_from_slice(&caller.record);
            out.push(b':');
            push_fence(out, caller.fence);
            out.push(b';');
        }
        out.push(b'\n');
        for entry in self.history.entries() {
            out.extend_from_slice(&entry.token.0);
            out.push(b' ');
        }
        out.push(b'\n');
        out.extend_from_slice(self.state.as_bytes());
        out.push(b'\n');
        out.extend_from_slice(&self.data);
    }

    /// Never trusts the bytes: anything but an instance of this version and its history is [`Unreadable`].
    ///
    /// # Errors
    /// Why it is none.
    pub fn decode(text: &[u8], history: &[Vec<u8>]) -> Result<Self, Unreadable> {
        match text.get(..2) {
            None => return Err(Unreadable::TooShort),
            Some(version) if version != VERSION => return Err(Unreadable::Version),
            Some(_) => {}
        }
        Self::decode_version_1(Reader(&text[2..]), history).ok_or(Unreadable::Malformed)
    }

    fn decode_version_1(mut text: Reader<'_>, history: &[Vec<u8>]) -> Option<Self> {
        let (version, entered_ms) = (text.number(b' ')?, text.number(b' ')?);
        let waited = match text.until(b' ')? {
            b"0" => false,
            b"1" => true,
            _ => return None,
        };
        let history_bytes = length(text.until(b' ')?)?;
        let callers = text.until(b'\n')?.chunks(40).map(caller).collect::<Option<Vec<_>>>()?;
        let tokens = text.until(b'\n')?.chunks(12).map(token).collect::<Option<Vec<_>>>()?;
        let state = text.name(1)?;
        let history = History::decode(history)?;
        let sound = callers.len() <= MOST_CALLERS
            && history.len == history_bytes
            && history.entries.back().is_some_and(|last| last.version == version)
            && history.entries().map(|entry| entry.token).eq(tokens);
        sound.then_some(Self { version, entered_ms, waited, callers, state, data: text.0.to_vec(), history })
    }
}

impl History {
    #[must_use]
    pub fn texts(&self) -> Vec<Vec<u8>> {
        self.entries.iter().map(Entry::encode).collect()
    }

    #[must_use]
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries.into()
    }

    #[must_use]
    pub fn decode<B: AsRef<[u8]>>(texts: &[B]) -> Option<Self> {
        let mut history = Self::default();
        for text in texts {
            let entry = Entry::decode(Reader(text.as_ref()))?;
            if history.entries.back().is_some_and(|last| last.version + 1 != entry.version) {
                return None;
            }
            history.push(entry);
        }
        Some(history)
    }
}

impl Entry {
    fn encode(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.encoded_len());
        let out = &mut text;
        out.push(self.cause.letter());
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
        push_decimal(out, self.payload.len() as u64);
        out.push(b' ');
        out.extend_from_slice(&self.payload);
        if let Some(before) = &self.before {
            out.push(b'<');
            out.extend_from_slice(before);
        }
        text
    }

    /// How many bytes [`Entry::encode`] gives.
    fn encoded_len(&self) -> usize {
        let event = match &self.cause {
            Cause::Created => 0,
            Cause::Event(event) => event.len(),
            Cause::After { ms } => digits(*ms),
        };
        let numbers = digits(self.version) + digits(self.at_ms) + digits(self.payload.len() as u64);
        let texts = self.token.0.len() + event + self.from.len() + self.to.len() + self.payload.len();
        // The letter, three spaces and four line feeds.
        8 + numbers + texts + self.before.as_ref().map_or(0, |before| 1 + before.len())
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
}

fn token(text: &[u8]) -> Option<Token> {
    base64url(text.strip_suffix(b" ")?).map(Token)
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
