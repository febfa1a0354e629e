//! One instance of a state machine, and the fields of its hash. The fields are printable as far as names and data are,
//! so an operator can read them with `HGETALL`.
//!
//! ```text
//! head      = 'm1' version ' ' entered_ms ' ' waited expires ' ' first ' ' history_bytes ' ' state
//! data      = empty where there is none
//! callers   = (record, 22 characters ':' fence, 16 digits ';')*         newest last; absent where there are none
//! <version> = entry                               of each version from `first` to the present one
//! <token>   = version                             of each of these entries whose token somebody may send again
//! entry     = kind version ' ' at_ms ' ' token, 11 characters by '\n'
//!             event '\n' from '\n' to '\n'
//!             payload_len ' ' payload before
//! kind      = 'C' created (event and from are empty), 'E' by an event, 'A' by its timer (event is the delay in ms)
//! by        = '' no other command has the token, ' ' and 11 characters for one of the calls with its key, or
//!             ' ' record ':' fence ';' until, 16 digits, for an attempt whose record exists at least until then
//! before    = '' the data stayed as it was, or '<' and the data as it was until then, which may be forgotten: empty
//! ```
//! `waited` and `expires` are 0 or 1. Lengths are bytes. Numbers are decimal, 1 to 15 digits, a version 1 to 10 and so
//! shorter than a token, without leading zeros except a length of 0. Names hold no control characters.

use std::collections::BTreeMap;

use super::by::{Caller, Token};
use super::history::History;
use super::text::{Reader, name};
use crate::model::record::{Unreadable, digits, push_decimal};

/// The hash of an instance.
pub type Fields = BTreeMap<Vec<u8>, Vec<u8>>;

const VERSION: &[u8] = b"m1";
/// Keeps every version shorter than a token.
const MOST_VERSION_DIGITS: usize = 10;
/// An instance remembers the fences of this many records of idempotency keys.
const MOST_CALLERS: usize = 16;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instance {
    /// 1 for a new instance, and one more with every transition.
    pub version: u64,
    /// When the instance entered its state; its timer runs from here.
    pub entered_ms: u64,
    /// Somebody waits, so the next transition is published.
    pub waited: bool,
    /// The instance was finished when it was last written, and has a TTL.
    pub expires: bool,
    pub callers: Vec<Caller>,
    pub state: String,
    /// Empty where there is none.
    pub data: Vec<u8>,
    pub history: History,
}

impl Instance {
    /// The fence with which the instance last met this record.
    #[must_use]
    pub fn fence_of(&self, record: &[u8; 22]) -> Option<u64> {
        self.callers.iter().find(|caller| caller.record == *record).map(|caller| caller.fence)
    }

    /// Remembers a caller. True when the caller was not the newest one remembered.
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

    /// The data as `version` left it; empty where that is forgotten.
    #[must_use]
    pub fn data_at(&self, version: u64) -> &[u8] {
        let mut later = self.history.entries().filter(|entry| entry.version > version);
        later.find_map(|entry| entry.before.as_deref()).unwrap_or(&self.data)
    }

    #[must_use]
    pub fn fields(&self) -> Fields {
        let mut fields = Fields::from([(b"head".to_vec(), self.head()), (b"data".to_vec(), self.data.clone())]);
        if !self.callers.is_empty() {
            fields.insert(b"callers".to_vec(), callers_text(&self.callers));
        }
        for entry in self.history.entries() {
            fields.insert(text_of(entry.version), entry.encode());
            if entry.token != Token::NONE {
                fields.insert(entry.token.0.to_vec(), text_of(entry.version));
            }
        }
        fields
    }

    fn head(&self) -> Vec<u8> {
        let mut text = VERSION.to_vec();
        let out = &mut text;
        push_decimal(out, self.version);
        out.push(b' ');
        push_decimal(out, self.entered_ms);
        out.extend_from_slice(&[b' ', b'0' + u8::from(self.waited), b'0' + u8::from(self.expires), b' ']);
        push_decimal(out, self.history.entries().next().map_or(1, |oldest| oldest.version));
        out.push(b' ');
        push_decimal(out, self.history.bytes() as u64);
        out.push(b' ');
        out.extend_from_slice(self.state.as_bytes());
        text
    }

    /// Does not trust the fields: anything but an instance of this version is [`Unreadable`].
    ///
    /// # Errors
    /// Says why the fields are not an instance.
    pub fn decode(fields: &Fields) -> Result<Self, Unreadable> {
        let head = fields.get(&b"head"[..]).ok_or(Unreadable::Version)?;
        match head.get(..2) {
            None => return Err(Unreadable::TooShort),
            Some(version) if version != VERSION => return Err(Unreadable::Version),
            Some(_) => {}
        }
        let instance = Self::decode_version_1(Reader(&head[2..]), fields).ok_or(Unreadable::Malformed)?;
        // Fields that were not read must be as they would be written, and there must be no others.
        if instance.fields() == *fields { Ok(instance) } else { Err(Unreadable::Malformed) }
    }

    fn decode_version_1(mut head: Reader<'_>, fields: &Fields) -> Option<Self> {
        let (version, entered_ms) = (head.number(b' ')?, head.number(b' ')?);
        let (waited, expires) = match head.until(b' ')? {
            [waited, expires] => (*waited == b'1', *expires == b'1'),
            _ => return None,
        };
        let first = head.number(b' ')?;
        let _history_bytes = head.until(b' ')?;
        let entries = (first..=version).map(|version| fields.get(&text_of(version)));
        let history = History::decode(&entries.collect::<Option<Vec<_>>>()?)?;
        let callers = fields.get(&b"callers"[..]).map_or(&[][..], Vec::as_slice);
        let callers = callers.chunks(Caller::LENGTH).map(Caller::decode).collect::<Option<Vec<_>>>()?;
        let data = fields.get(&b"data"[..])?.clone();
        let state = name(head.0, 1)?;
        let is_short = digits(version) <= MOST_VERSION_DIGITS;
        is_short.then_some(Self { version, entered_ms, waited, expires, callers, state, data, history })
    }
}

fn callers_text(callers: &[Caller]) -> Vec<u8> {
    let mut text = Vec::new();
    for caller in callers {
        caller.encode(&mut text);
    }
    text
}

fn text_of(number: u64) -> Vec<u8> {
    let mut text = Vec::new();
    push_decimal(&mut text, number);
    text
}
