//! How a command is named, and which of the commands with its name it is. A token names what was asked for. Who asked
//! says whether an earlier transition with the token was this very command, another one with its key, or one whose
//! record no longer exists.

use crate::model::record::{base64url, push_fence, value_of};

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

/// The attempt of an idempotency key that moves an instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller {
    /// Names the key's record.
    pub record: [u8; 22],
    pub fence: u64,
}

/// Who sends a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// No other command has its token. Entries of the first layout, which did not say who sent, read like this too.
    Itself,
    /// One of the calls with the same key, named by random characters.
    Call(Token),
    Attempt {
        caller: Caller,
        /// The record of its key exists at least until then. The time has the form of a fence.
        until: u64,
    },
}

/// How a command is related to the entry with its token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kinship {
    /// This very command made the entry; its answer was lost.
    Same,
    /// An earlier command with the same key made the entry.
    Repeat,
    /// A later attempt, with this fence, made the entry.
    Stale { fence: u64 },
    /// The record under which the entry was made no longer exists, so the two keys count as different keys.
    None,
}

impl By {
    /// `is_first`: `self` is the first attempt of its record.
    #[must_use]
    pub fn kinship(&self, entry: &Self, is_first: bool) -> Kinship {
        match (self, entry) {
            _ if self == entry => Kinship::Same,
            (Self::Attempt { caller, .. }, Self::Attempt { caller: theirs, until }) => {
                match theirs.fence.cmp(&caller.fence) {
                    std::cmp::Ordering::Greater => Kinship::Stale { fence: theirs.fence },
                    std::cmp::Ordering::Equal => Kinship::Same,
                    std::cmp::Ordering::Less if is_first || caller.fence > *until => Kinship::None,
                    std::cmp::Ordering::Less => Kinship::Repeat,
                }
            }
            (Self::Attempt { .. }, _) if is_first => Kinship::None,
            _ => Kinship::Repeat,
        }
    }

    /// Writes what follows a token.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        if *self != Self::Itself {
            out.push(b' ');
            self.name(out);
        }
    }

    /// Writes the name; nothing for [`By::Itself`].
    pub fn name(&self, out: &mut Vec<u8>) {
        match self {
            Self::Itself => {}
            Self::Call(call) => out.extend_from_slice(&call.0),
            Self::Attempt { caller, until } => {
                caller.encode(out);
                push_fence(out, *until);
            }
        }
    }

    pub(super) fn encoded_len(&self) -> usize {
        match self {
            Self::Itself => 0,
            Self::Call(call) => 1 + call.0.len(),
            Self::Attempt { .. } => 1 + Caller::LENGTH + 16,
        }
    }

    pub(super) fn decode(text: &[u8]) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::Itself);
        }
        let name = text.strip_prefix(b" ")?;
        if name.len() == 11 {
            return Some(Self::Call(Token(base64url(name)?)));
        }
        let (caller, until) = name.split_at_checked(Caller::LENGTH)?;
        Some(Self::Attempt { caller: Caller::decode(caller)?, until: fence(until)? })
    }
}

impl Caller {
    /// The bytes of its text.
    pub(super) const LENGTH: usize = 40;

    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.record);
        out.push(b':');
        push_fence(out, self.fence);
        out.push(b';');
    }

    pub(super) fn decode(text: &[u8]) -> Option<Self> {
        let (record, rest) = text.split_at_checked(22)?;
        let text = rest.strip_prefix(b":")?.strip_suffix(b";")?;
        Some(Self { record: base64url(record)?, fence: fence(text)? })
    }
}

fn fence(text: &[u8]) -> Option<u64> {
    let sound = text.len() == 16 && text.iter().all(u8::is_ascii_digit);
    sound.then(|| value_of(text))
}
