//! What happened to an instance: entries from the oldest on, whose versions have no gap. The grammar in `instance.rs`
//! describes the text of an entry.
//!
//! An entry outlives its payload and its data: its token is how a repeat is recognised, and a repeat that is not
//! recognised is a second charge.

use std::collections::VecDeque;

use super::by::{By, Token};
use super::text::{Reader, name};
use crate::model::record::{base64url, decimal, digits, push_decimal};

/// At least this many entries are remembered, even if fewer are shown, so that a retried run meets its own steps again.
const FEWEST_ENTRIES: u64 = 16;
/// The history may exceed its limit by this many entries; then all of them are forgotten at once.
const MOST_SPARE_ENTRIES: u64 = 16;
/// In bytes, without the newest entry. In a larger history the oldest entries lose their payloads and their data until
/// a quarter of this size is free. If that is not enough, they are forgotten.
const LARGEST_HISTORY: usize = 65_536;

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
    pub by: By,
    pub cause: Cause,
    pub from: String,
    pub to: String,
    pub payload: Vec<u8>,
    /// The data before this transition, if the transition changed the data; empty where it is forgotten.
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

    /// The newest entry with this token.
    #[must_use]
    pub fn find(&self, token: Token) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.token == token)
    }

    /// Takes the token from the entry that has it, because another entry gets it.
    pub fn disown(&mut self, token: Token) {
        for entry in self.entries.iter_mut().filter(|entry| entry.token == token) {
            entry.token = Token::NONE;
        }
    }

    /// Makes room. In a history that is too large, the oldest entries lose their payloads and data first. Then the
    /// oldest entries are forgotten, many at once, but never the newest entry.
    pub fn forget(&mut self, limit: u64) {
        let limit = limit.max(FEWEST_ENTRIES);
        let enough = LARGEST_HISTORY / 4 * 3;
        if self.older_bytes() > LARGEST_HISTORY {
            self.slim(enough);
        }
        let is_long = self.count() > limit + MOST_SPARE_ENTRIES;
        let is_large = self.older_bytes() > LARGEST_HISTORY;
        while is_long && self.count() > limit || is_large && self.older_bytes() > enough {
            if let Some(oldest) = self.entries.pop_front() {
                self.bytes -= oldest.encoded_len();
            }
        }
    }

    /// Slims the oldest entries until at most `enough` bytes are left.
    fn slim(&mut self, enough: usize) {
        let newest = self.entries.back().map_or(0, Entry::encoded_len);
        let older = self.entries.len().saturating_sub(1);
        for entry in self.entries.iter_mut().take(older) {
            if self.bytes - newest <= enough {
                break;
            }
            let length = entry.encoded_len();
            entry.slim();
            self.bytes -= length - entry.encoded_len();
        }
    }

    fn count(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Bytes of all entries but the newest.
    fn older_bytes(&self) -> usize {
        self.bytes - self.entries.back().map_or(0, Entry::encoded_len)
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
        self.by.encode(out);
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

    /// Loses its payload and the data before it.
    fn slim(&mut self) {
        self.payload = Vec::new();
        self.before = self.before.as_ref().map(|_| Vec::new());
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
        let before = self.before.as_ref().map_or(0, |before| 1 + before.len());
        // The letter, three spaces and four line feeds.
        8 + numbers + texts + self.by.encoded_len() + before
    }

    fn decode(mut text: Reader<'_>) -> Option<Self> {
        let (&kind, rest) = text.0.split_first()?;
        text = Reader(rest);
        let (version, at_ms) = (text.number(b' ')?, text.number(b' ')?);
        let (token, by) = text.until(b'\n')?.split_at_checked(11)?;
        let (token, by) = (Token(base64url(token)?), By::decode(by)?);
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
        Some(Self { version, at_ms, token, by, cause, from, to, payload: payload.to_vec(), before })
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

fn length(text: &[u8]) -> Option<usize> {
    if text == b"0" { Some(0) } else { usize::try_from(decimal(text)?).ok() }
}
