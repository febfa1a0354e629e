//! How a payload lies in the store: as it is, compressed, or sealed (encrypted and authenticated).
//!
//! ```text
//! stored = text                                          a result or an error, as JavaScript wrote it
//!        | 'Z' length ' ' block                          that text, compressed (LZ4)
//!        | 'S' key_id ' ' nonce ciphertext tag           one of the two above, sealed
//!        | 'O' key_id ' ' nonce ciphertext tag           the same, by an operator, who does not know the fingerprint
//! ```
//! No text from JavaScript begins with these letters. Turning an option off never loses what was written with it: a
//! client reads everything it has the key for. This module is pure except for the random nonce; the session decides
//! which thread does the work.

mod compress;
mod keyring;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use thiserror::Error;

use crate::model::{Command, Failure, Origin, Record, Resolution, State};

pub use compress::{LONGEST as LONGEST_COMPRESSED, SHORTEST as SHORTEST_COMPRESSED};
pub use keyring::{Key, Keyring};

/// From this size on, sealing takes longer than handing the payload to another thread and back; see
/// docs/performance.md.
const SEAL_THREAD_MIN_BYTES: usize = 32 * 1024;

/// Where a payload lies. A sealed one opens nowhere else.
#[derive(Clone, Debug)]
pub struct Place {
    pub key: Arc<str>,
    pub origin: Origin,
    /// The letter of the record's state, so that a result does not open as an error.
    pub state: u8,
}

/// Why a payload cannot be read. In that case nothing is written and no function runs.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Unopened {
    #[error("it is encrypted with the key '{0}', which this client was not given")]
    UnknownKey(String),
    #[error("it does not decrypt: it was changed, or moved here from another record")]
    NotAuthentic,
    #[error("it is not encrypted, and this client reads only encrypted payloads; see readsPlaintext")]
    Plaintext,
    #[error("its compressed form is malformed")]
    Compression,
}

/// How a client writes payloads, and which payloads it reads.
#[derive(Debug, Default)]
pub struct Sealer {
    keyring: Option<Keyring>,
    /// Payloads of at least this many bytes are compressed; `None` compresses nothing.
    compress_from: Option<usize>,
    /// With a keyring, also read payloads that are not sealed, while old records run out.
    reads_plaintext: bool,
}

impl Sealer {
    #[must_use]
    pub fn new(keyring: Option<Keyring>, compress_from: Option<usize>, reads_plaintext: bool) -> Self {
        Self { keyring, compress_from, reads_plaintext }
    }

    /// Whether payloads are stored in a form other than the one they come in.
    #[must_use]
    pub fn changes_payloads(&self) -> bool {
        self.keyring.is_some() || self.compress_from.is_some()
    }

    /// Whether a payload of this size is to be sealed on another thread.
    #[must_use]
    pub fn seals_slowly(&self, bytes: usize) -> bool {
        self.changes_payloads() && bytes >= SEAL_THREAD_MIN_BYTES
    }

    /// Whether this payload is to be opened on another thread.
    #[must_use]
    pub fn opens_slowly(&self, stored: &[u8]) -> bool {
        match stored.first() {
            Some(&(keyring::SEALED | keyring::SEALED_BY_OPERATOR)) => stored.len() >= SEAL_THREAD_MIN_BYTES,
            Some(&compress::COMPRESSED) => {
                compress::length_of(stored).is_some_and(|length| length >= SEAL_THREAD_MIN_BYTES)
            }
            _ => false,
        }
    }

    /// Puts a payload into the form in which it is stored at `place`.
    pub fn seal(&self, payload: &mut Vec<u8>, place: &Place, by: By) {
        if self.compress_from.is_some_and(|least| payload.len() >= least) {
            compress::compress(payload);
        }
        if let Some(keyring) = &self.keyring {
            keyring.seal(payload, place, by);
        }
    }

    /// Restores the payload as it was before [`Sealer::seal`].
    ///
    /// # Errors
    /// The payload was not written at this place by a holder of one of the keys.
    pub fn open(&self, stored: &mut Vec<u8>, place: &Place) -> Result<(), Unopened> {
        let Some(id) = keyring::key_id_of(stored) else { return self.open_unsealed(stored) };
        let keyring = self.keyring.as_ref().ok_or_else(|| Unopened::UnknownKey(id.to_owned()))?;
        keyring.open(stored, place)?;
        compress::decompress(stored)
    }

    /// Does the same for a payload that is not sealed, whatever its place.
    ///
    /// # Errors
    /// This client reads only sealed payloads, or the compressed form is malformed.
    pub fn open_unsealed(&self, stored: &mut Vec<u8>) -> Result<(), Unopened> {
        if self.keyring.is_some() && !self.reads_plaintext {
            return Err(Unopened::Plaintext);
        }
        compress::decompress(stored)
    }
}

/// Who writes a payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// The attempt itself, which knows its record's fingerprint.
    Attempt,
    Operator,
}

/// The key that a stored payload is sealed with.
#[must_use]
pub fn key_id_of(stored: &[u8]) -> Option<&str> {
    keyring::key_id_of(stored)
}

/// The payload a command carries, if there is one, the state it is stored in, and who writes it. The empty payload of a
/// release does not count, because it is always stored as it is.
pub fn payload_of(command: &mut Command) -> Option<(&mut Vec<u8>, u8, By)> {
    match command {
        Command::Complete { record: Record { state: State::Completed { payload }, .. }, .. } => {
            Some((payload, b'C', By::Attempt))
        }
        Command::Resolve { to: Resolution::Value { payload, .. }, .. } => Some((payload, b'C', By::Operator)),
        Command::Fail { failure: Failure::Release { payload, .. }, .. } if !payload.is_empty() => {
            Some((payload, b'R', By::Attempt))
        }
        Command::Fail { failure: Failure::Record { payload, .. }, .. } => Some((payload, b'F', By::Attempt)),
        _ => None,
    }
}
