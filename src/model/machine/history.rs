//! What happened to an instance: entries from the oldest on, whose versions have no gap. The grammar in `instance.rs`
//! describes the text of an entry.

use std::collections::VecDeque;

use crate::model::record::{base64url, decimal, digits, push_decimal};

/// The history may exceed its limit by this many entries; then all of them are forgotten at once.
const MOST_SPARE_ENTRIES: u64 = 16;
/// In bytes. A longer history loses its oldest entries, however few it has, until a quarter of this size is free.
const LARGEST_HISTORY: usize = 65_536;

/// Names a command, so that a repeat of the command is recognised: 66 bits, random or from a hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token(pub [u8; 11]);

impl Token {
    /// The first characters of a longer text, which is a hash or random.
    #[must_use]
    pub fn start_of(name: &[u8]) -> Self {
        let mut token = Self::NONE;
        token.0.copy_from_slice(&name[..11]);
        token
    }

    /// The token of a transition that nobody sent.
    pub const NONE: Self = Self([b'-'; 11]);
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct History {
    entries: VecDeque<Entry>,
    /// The bytes of their texts.
    bytes: usize,
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
    /// The data before this transition, if the transition changed the data.
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
        self.bytes += entry.encoded_len();
        self.entries.push_back(entry);
    }

    /// The bytes of its text.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest entries, at most this many.
    pub fn newest(&self, limit: u64) -> impl Iterator<Item = &Entry> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.entries.iter().skip(self.entries.len().saturating_sub(limit))
    }

    /// Forgets the oldest entries, many at once when there are too many, but never the newest entry.
    pub fn forget(&mut self, limit: u64) {
        let count = |history: &Self| history.entries.len() as u64;
        if count(self) <= limit + MOST_SPARE_ENTRIES && self.bytes <= LARGEST_HISTORY {
            return;
        }
        while count(self) > 1 && (count(self) > limit || self.bytes > LARGEST_HISTORY / 4 * 3) {
            if let Some(oldest) = self.entries.pop_front() {
                self.bytes -= oldest.encoded_len();
            }
        }
    }

    #[must_use]
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries.into()
    }

    /// `None` when a text is not an entry, or a version is missing.
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
    pub(super) fn encode(&self) -> Vec<u8> {
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

    /// How many bytes [`Entry::encode`] writes.
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

/// The part of a text that has not been read yet.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// Reads up to `end`, and skips `end`.
    pub(super) fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let at = self.0.iter().position(|&byte| byte == end)?;
        let (part, rest) = self.0.split_at(at);
        self.0 = &rest[1..];
        Some(part)
    }

    pub(super) fn number(&mut self, end: u8) -> Option<u64> {
        decimal(self.until(end)?)
    }

    fn name(&mut self, shortest: usize) -> Option<String> {
        name(self.until(b'\n')?, shortest)
    }
}

pub(super) fn name(text: &[u8], shortest: usize) -> Option<String> {
    let name = std::str::from_utf8(text).ok()?;
    (name.len() >= shortest && !name.contains(char::is_control)).then(|| name.to_owned())
}

fn length(text: &[u8]) -> Option<usize> {
    if text == b"0" { Some(0) } else { usize::try_from(decimal(text)?).ok() }
}
