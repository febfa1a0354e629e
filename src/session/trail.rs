//! Everything that an instance remembers, and which of it one run of an idempotency key did. From this a run that is
//! repeated learns how far the attempt before it came.

use serde::{Deserialize, Serialize};

use super::delivery::{Delivery, Tag};
use super::machines::token_of;
use crate::model::machine::{By, Entry};
use crate::store::keys;

/// Names the run that asks for a trail.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RunNames {
    /// Names the record of the key.
    record: String,
    /// The keys of the steps that may end the run.
    ends: Vec<String>,
}

/// An entry as JavaScript reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Footprint<'a> {
    version: u64,
    state: &'a str,
    /// An attempt of the run made it.
    is_own: bool,
    /// Its index in `ends`.
    end: Option<usize>,
}

impl RunNames {
    pub fn told(&self, id: u32, entries: &[Entry]) -> Delivery {
        let record = keys::name_of(&self.record);
        let ends: Vec<_> = self.ends.iter().map(|key| token_of(key)).collect();
        let footprints = entries.iter().map(|entry| Footprint {
            version: entry.version,
            state: &entry.to,
            is_own: matches!(entry.by, By::Attempt { caller, .. } if caller.record == record),
            end: ends.iter().position(|end| *end == entry.token),
        });
        let footprints: Vec<_> = footprints.collect();
        Delivery::text(id, Tag::Record, serde_json::to_vec(&footprints).unwrap_or_default())
    }
}
