//! Names. No text from a client reaches Redis as a name: record keys, fingerprints and owners are hashes or random.
//! Only the instances of state machines, which the application names, have names in clear text.

use std::cell::RefCell;
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::clock;
use crate::model::{Fingerprint, Owner};

/// Hashes identities and payloads, keyed by one application secret, or by a constant of this format if there is none.
#[derive(Clone)]
pub struct Hasher {
    record: [u8; 32],
    fingerprint: [u8; 32],
    prefix: String,
}

impl Hasher {
    #[must_use]
    pub fn new(prefix: &str, secret: &str) -> Self {
        Self {
            record: blake3::derive_key("actonce 2026-11 record key", secret.as_bytes()),
            fingerprint: blake3::derive_key("actonce 2026-11 payload fingerprint", secret.as_bytes()),
            prefix: prefix.to_owned(),
        }
    }

    /// 22 characters, 128 bits. Logs and events may show this hash.
    #[must_use]
    pub fn hash(&self, identity: &str) -> String {
        URL_SAFE_NO_PAD.encode(half(&blake3::keyed_hash(&self.record, identity.as_bytes())))
    }

    /// `prefix:{hash}`: no braces but these are in a key, so the hash decides the record's cluster slot.
    #[must_use]
    pub fn record_key(&self, hash: &str) -> Arc<str> {
        let mut key = String::with_capacity(self.prefix.len() + hash.len() + 3);
        key.push_str(&self.prefix);
        key.push_str(":{");
        key.push_str(hash);
        key.push('}');
        key.into()
    }

    /// `prefix:{hash}:quota`: how many keys a scope has. No identity consists of a scope's text alone.
    #[must_use]
    pub fn quota_key(&self, scope: &str) -> Arc<str> {
        format!("{}:quota", self.record_key(&self.hash(scope))).into()
    }

    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A fingerprint is bound to its record, so equal payloads under two keys do not look equal in Redis.
    #[must_use]
    pub fn fingerprint(&self, hash: &str, payload: &str) -> Fingerprint {
        let mut hasher = blake3::Hasher::new_keyed(&self.fingerprint);
        hasher.update(hash.as_bytes());
        hasher.update(payload.as_bytes());
        Fingerprint::from_hash(half(&hasher.finalize()))
    }
}

fn half(digest: &blake3::Hash) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&digest.as_bytes()[..16]);
    half
}

/// Names one `begin`. A begin with the same name is a repeat by the same caller.
///
/// Random bits are fetched from the system in bulk, because each fetch costs a third of a microsecond. A machine that
/// is cloned while it runs (a snapshot) clones the fetched bits. The clock's nanoseconds, which differ, are mixed in.
#[must_use]
pub fn new_owner() -> Owner {
    thread_local!(static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; Pool::SIZE], used: Pool::SIZE }) });
    let mut bits = POOL.with_borrow_mut(Pool::take);
    let now = clock::nanoseconds().to_le_bytes();
    for (bit, tick) in bits.iter_mut().zip(now) {
        *bit ^= tick;
    }
    Owner::from_random(bits)
}

struct Pool {
    bytes: [u8; Self::SIZE],
    used: usize,
}

impl Pool {
    const SIZE: usize = 64 * 12;

    fn take(&mut self) -> [u8; 12] {
        if self.used == Self::SIZE {
            // Without the pool a v4 UUID asks the system by itself, and panics where that fails.
            if getrandom::fill(&mut self.bytes).is_err() {
                let mut bits = [0; 12];
                bits.copy_from_slice(&Uuid::new_v4().as_bytes()[4..]);
                return bits;
            }
            self.used = 0;
        }
        let mut bits = [0; 12];
        bits.copy_from_slice(&self.bytes[self.used..self.used + 12]);
        self.used += 12;
        bits
    }
}

/// A downstream `Idempotency-Key` for the step `name` of this record, the same in all attempts and processes.
/// No secret goes in, because rotating a secret must not turn one charge into two.
#[must_use]
pub fn derive_key(prefix: &str, identity: &str, name: &str) -> String {
    let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"urn:actonce:derived-key");
    let text = format!("{}:{prefix}{}:{identity}{name}", prefix.len(), identity.len());
    Uuid::new_v5(&namespace, text.as_bytes()).to_string()
}

/// Instances of state machines lie in this many cluster slots, each with the list of its running timers beside it.
pub const PARTITIONS: usize = 16;

/// What their keys have between braces. The tags spread the slots evenly: each is within 20 of its ideal place.
const TAGS: [&str; PARTITIONS] = [
    "00td", "01ud", "02vd", "03wd", "04pd", "05qd", "06rd", "07sd", "08ca", "09ba", "10qn", "11pn", "12bl", "13cl",
    "14un", "15tn",
];

#[must_use]
pub fn partition_of(machine: &str, id: &str) -> usize {
    let digest = blake3::Hasher::new().update(machine.as_bytes()).update(b":").update(id.as_bytes()).finalize();
    usize::from(digest.as_bytes()[0]) % PARTITIONS
}

/// `prefix:{tag}:m:<machine>:<id>`. A machine's name holds no colon. No secret goes in, because an unfinished instance
/// lives forever and a secret does not.
#[must_use]
pub fn instance_key(prefix: &str, machine: &str, id: &str, partition: usize) -> Arc<str> {
    format!("{prefix}:{{{}}}:m:{machine}:{id}", TAGS[partition]).into()
}

/// `prefix:{tag}:due:<machine>` lists the machine's instances in this partition whose timer runs.
#[must_use]
pub fn due_set_key(prefix: &str, machine: &str, partition: usize) -> Arc<str> {
    format!("{prefix}:{{{}}}:due:{machine}", TAGS[partition]).into()
}

/// Hashes a text that is itself unguessable, or is no secret.
#[must_use]
pub fn name_of(text: &str) -> [u8; 22] {
    let mut name = [0; 22];
    let written = URL_SAFE_NO_PAD.encode_slice(half(&blake3::hash(text.as_bytes())), &mut name);
    debug_assert_eq!(written, Ok(22));
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_changes_every_hash_and_the_same_secret_none() {
        let (plain, keyed) = (Hasher::new("actonce", ""), Hasher::new("actonce", "s3cret"));
        assert_ne!(plain.hash("a"), keyed.hash("a"));
        assert_eq!(keyed.hash("a"), Hasher::new("other", "s3cret").hash("a"));
        assert_ne!(keyed.fingerprint("r1", "p"), keyed.fingerprint("r2", "p"));
        assert_eq!(&*plain.record_key("h"), "actonce:{h}");
        assert_eq!(plain.hash("a").len(), 22);
        assert_eq!(&*plain.quota_key("a"), format!("actonce:{{{}}}:quota", plain.hash("a")));
    }

    #[test]
    fn owners_never_repeat() {
        let owners: std::collections::HashSet<_> = (0..10_000).map(|_| new_owner()).collect();
        assert_eq!(owners.len(), 10_000);
    }

    #[test]
    fn the_partitions_lie_evenly_over_a_clusters_slots() {
        for (index, tag) in TAGS.iter().enumerate() {
            let slot = usize::from(crc16(tag.as_bytes())) % 16_384;
            assert!(slot.abs_diff(index * 1_024 + 512) < 20, "{tag} lies at {slot}");
        }
        let partitions: std::collections::HashSet<_> =
            (0..1_000).map(|n| partition_of("payment", &n.to_string())).collect();
        assert_eq!(partitions.len(), PARTITIONS);
        assert_eq!(&*instance_key("p", "payment", "{x}:1", 0), "p:{00td}:m:payment:{x}:1");
    }

    /// CRC-16/XMODEM, as the cluster specification has it.
    fn crc16(bytes: &[u8]) -> u16 {
        bytes.iter().fold(0_u16, |crc, byte| {
            (0..8).fold(
                crc ^ (u16::from(*byte) << 8),
                |crc, _| {
                    if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
                },
            )
        })
    }

    #[test]
    fn derived_keys_are_injective_in_their_parts() {
        assert_eq!(derive_key("p", "id", "charge"), derive_key("p", "id", "charge"));
        assert_ne!(derive_key("p", "id", "charge"), derive_key("p", "idc", "harge"));
        assert_ne!(derive_key("p", "id", "charge"), derive_key("p", "id", "mail"));
    }
}
