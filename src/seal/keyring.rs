//! Authenticated encryption with named keys, so that keys can be rotated.
//!
//! XChaCha20-Poly1305 has nonces long enough to be drawn at random for an unlimited number of payloads. So there is no
//! counter to keep and no key to derive per scope. The place of a payload is authenticated together with the payload.

use std::fmt;

use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};

use super::{By, Place, Unopened};

pub const SEALED: u8 = b'S';
pub const SEALED_BY_OPERATOR: u8 = b'O';
const NONCE: usize = 24;
const TAG: usize = 16;
const LONGEST_ID: usize = 32;

pub struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
}

impl Key {
    /// `None` when the id is not 1 to 32 letters, digits, `.`, `_` or `-`.
    #[must_use]
    pub fn new(id: &str, bytes: &[u8; 32]) -> Option<Self> {
        is_id(id.as_bytes()).then(|| Self { id: id.to_owned(), cipher: XChaCha20Poly1305::new(&(*bytes).into()) })
    }
}

/// Shows the ids of keys, never the keys.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The first key seals, all of them open.
#[derive(Debug)]
pub struct Keyring {
    first: Key,
    others: Vec<Key>,
}

impl Keyring {
    #[must_use]
    pub fn new(first: Key, others: Vec<Key>) -> Self {
        Self { first, others }
    }

    fn key(&self, id: &str) -> Option<&Key> {
        std::iter::once(&self.first).chain(&self.others).find(|key| key.id == id)
    }

    pub fn seal(&self, payload: &mut Vec<u8>, place: &Place, by: By) {
        let Key { id, cipher } = &self.first;
        let letter = if by == By::Operator { SEALED_BY_OPERATOR } else { SEALED };
        let nonce = random_nonce();
        let mut sealed = Vec::with_capacity(1 + id.len() + 1 + NONCE + payload.len() + TAG);
        sealed.push(letter);
        sealed.extend_from_slice(id.as_bytes());
        sealed.push(b' ');
        sealed.extend_from_slice(&nonce);
        let start = sealed.len();
        sealed.extend_from_slice(payload);
        let text = InOutBuf::from(&mut sealed[start..]);
        let tag = cipher.encrypt_inout_detached(&nonce, &associated(letter, place), text);
        #[allow(clippy::expect_used, reason = "it fails above 256 GiB only")]
        sealed.extend_from_slice(&tag.expect("a payload that fits into memory"));
        *payload = sealed;
    }

    pub fn open(&self, sealed: &mut Vec<u8>, place: &Place) -> Result<(), Unopened> {
        let letter = *sealed.first().ok_or(Unopened::NotAuthentic)?;
        let id = key_id_of(sealed).ok_or(Unopened::NotAuthentic)?;
        let key = self.key(id).ok_or_else(|| Unopened::UnknownKey(id.to_owned()))?;
        let nonce_at = 1 + id.len() + 1;
        let start = nonce_at + NONCE;
        let end = sealed.len().checked_sub(TAG).filter(|end| *end >= start).ok_or(Unopened::NotAuthentic)?;
        let (head, tag) = sealed.split_at_mut(end);
        let (head, text) = head.split_at_mut(start);
        let nonce = XNonce::try_from(&head[nonce_at..]).map_err(|_| Unopened::NotAuthentic)?;
        let tag = Tag::try_from(&*tag).map_err(|_| Unopened::NotAuthentic)?;
        key.cipher
            .decrypt_inout_detached(&nonce, &associated(letter, place), InOutBuf::from(text), &tag)
            .map_err(|_| Unopened::NotAuthentic)?;
        sealed.truncate(end);
        sealed.drain(..start);
        Ok(())
    }
}

/// The key id in a sealed payload; `None` when the payload is not sealed.
#[must_use]
pub fn key_id_of(stored: &[u8]) -> Option<&str> {
    let (&letter, rest) = stored.split_first()?;
    if letter != SEALED && letter != SEALED_BY_OPERATOR {
        return None;
    }
    let end = rest.iter().take(LONGEST_ID + 1).position(|byte| *byte == b' ').unwrap_or(0);
    // A sealed payload with a malformed id gets the empty id, which no key has.
    Some(std::str::from_utf8(&rest[..end]).ok().filter(|id| is_id(id.as_bytes())).unwrap_or_default())
}

fn is_id(id: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=LONGEST_ID).contains(&id.len()) && id.iter().all(fits)
}

/// What is authenticated with a payload: its form, where it lies, and which attempt wrote it. Everything before the
/// record's key has a fixed length.
fn associated(letter: u8, place: &Place) -> Vec<u8> {
    let Place { key, origin, state } = place;
    let author = if letter == SEALED_BY_OPERATOR { origin.owner() } else { origin.as_bytes() };
    [&[letter, *state], author, key.as_bytes()].concat()
}

fn random_nonce() -> XNonce {
    let mut nonce = [0; NONCE];
    #[allow(clippy::expect_used, reason = "without random numbers nothing can be kept secret; node/ answers a panic")]
    getrandom::fill(&mut nonce).expect("the system gives random numbers");
    nonce.into()
}
