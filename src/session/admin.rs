//! An operator's requests: look at a record, resolve an indeterminate one, reset one. They are rare, so they cross to
//! Rust as JSON.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::delivery::{Delivery, Tag};
use super::names::Names;
use super::op::{Op, Phase};
use super::terms::DAY_MS;
use super::{Ask, Command, Session, Terms};
use crate::clock::{MILLI, Micros};
use crate::error::StoreError;
use crate::model::{Outcome, Record, Resolution, State, Unreadable};
use crate::seal;
use crate::store::ask::NO_EXPIRY_MS;

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Inspect,
    Resolve,
    Reset,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdminRequest {
    #[serde(rename = "do")]
    what: What,
    /// Exactly one of the two names the record.
    hash: Option<String>,
    identity: Option<String>,
    #[serde(default)]
    force: bool,
    /// The result to record, as encoded text. Without a value, `resolve` lets the next caller run.
    value: Option<String>,
    #[serde(default)]
    rerun: bool,
    retention_ms: Option<u64>,
    /// How long the answer may take.
    budget_ms: Option<u64>,
}

/// A record as `inspect` shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    state: &'static str,
    fence: u64,
    attempt: u64,
    recovered: bool,
    waited: bool,
    on_crash: &'static str,
    expires_in_ms: u64,
    lease_remaining_ms: Option<u64>,
    since_ms: Option<u64>,
    /// The key id of a sealed payload, which is shown without opening the payload.
    key_id: Option<String>,
    payload: Option<String>,
}

const DEFAULT_BUDGET_MS: u64 = 5_000;

impl Session {
    pub fn admin(&mut self, id: u32, request: &str, now: Micros) {
        let request: AdminRequest = match serde_json::from_str(request) {
            Ok(request) => request,
            Err(error) => return self.deliver(Delivery::failed(id, &StoreError::Invalid(error.to_string()))),
        };
        let budget = request.budget_ms.unwrap_or(DEFAULT_BUDGET_MS) * MILLI;
        let terms = Terms { retention_ms: request.retention_ms.unwrap_or(DAY_MS), ..Terms::without_lease(budget) };
        let names = match (&request.hash, &request.identity) {
            // An operator names a record by what logs show.
            (Some(hash), None) => Names::at(self.hashers[0].record_key(hash)),
            (None, Some(identity)) => Names::of(&self.hashers, identity, None),
            _ => return self.deliver(Delivery::failed(id, &StoreError::Invalid("give hash or identity".into()))),
        };
        let mut op = Op::new(names, terms, now + budget);
        op.phase = Phase::Admin(request);
        self.ops.insert(id, op);
        self.send_admin(id, now);
    }

    fn send_admin(&mut self, id: u32, now: Micros) {
        let Some(op) = self.ops.get(&id) else { return };
        let Phase::Admin(request) = &op.phase else { return };
        let (owner, force, retention_ms) = (op.owner, request.force, op.terms.retention_ms);
        let ask = match (request.what, &request.value) {
            (What::Inspect, _) => Ask::Inspect,
            (What::Reset, _) => Ask::Command(Command::Reset { owner, retention_ms, force }),
            (What::Resolve, Some(value)) if !request.rerun => {
                let to = Resolution::Value { payload: value.clone().into_bytes(), retention_ms };
                Ask::Command(Command::Resolve { owner, to, force })
            }
            (What::Resolve, _) => {
                Ask::Command(Command::Resolve { owner, to: Resolution::Rerun { retention_ms }, force })
            }
        };
        let (key, deadline) = (Arc::clone(op.key()), op.deadline);
        self.ask(u64::from(id), key, ask, deadline, now);
    }

    /// There is no record under this secret; perhaps there is one under an older secret.
    fn try_next_name(&mut self, id: u32, now: Micros) -> bool {
        let more = self.ops.get_mut(&id).is_some_and(|op| op.names.choose_next());
        if more {
            self.send_admin(id, now);
        }
        more
    }

    pub(super) fn administered(&mut self, id: u32, outcome: &Outcome, now: Micros) {
        let bare = |tag| Delivery::bare(id, tag);
        let delivery = match outcome {
            Outcome::Lost if self.try_next_name(id, now) => return,
            Outcome::Done => bare(Tag::Done),
            Outcome::Settled => bare(Tag::Settled),
            Outcome::InProgress { fence, remaining_ms } => {
                Delivery { fence: *fence, ms: *remaining_ms, ..bare(Tag::InProgress) }
            }
            Outcome::Unreadable(why) => Delivery::text(id, Tag::Unreadable, why.to_string().into_bytes()),
            _ => bare(Tag::Lost),
        };
        self.end_in_order(id, delivery, now);
    }

    pub(super) fn shown(&mut self, id: u32, found: Option<(Vec<u8>, u64)>, now: Micros) {
        let delivery = match found {
            None if self.try_next_name(id, now) => return,
            None => Delivery::bare(id, Tag::Lost),
            Some((text, left_ms)) => match self.show(&text, left_ms) {
                Ok(json) => Delivery::text(id, Tag::Record, json),
                Err(why) => Delivery::text(id, Tag::Unreadable, why.into_bytes()),
            },
        };
        self.end(id, delivery, now);
    }

    fn show(&self, text: &[u8], left_ms: u64) -> Result<Vec<u8>, String> {
        let record = Record::decode(text).map_err(|why| why.to_string())?;
        let (state, lease, since_ms, stored) = match record.state {
            State::Processing { .. } if left_ms == NO_EXPIRY_MS => return Err(Unreadable::NoExpiry.to_string()),
            State::Processing { lease_ms, ttl_ms } => {
                let age_ms = ttl_ms.saturating_sub(left_ms);
                ("processing", Some(lease_ms.saturating_sub(age_ms)), None, None)
            }
            State::Indeterminate { since_ms, .. } => ("indeterminate", None, Some(since_ms), None),
            State::Released { payload } => {
                ("released", None, None, Some(payload).filter(|payload| !payload.is_empty()))
            }
            State::Completed { payload } => ("completed", None, None, Some(payload)),
            State::Failed { payload } => ("failed", None, None, Some(payload)),
        };
        let key_id = stored.as_deref().and_then(seal::key_id_of).map(str::to_owned);
        let mut unsealed = stored.filter(|_| key_id.is_none());
        if let Some(stored) = &mut unsealed {
            self.sealer.open_unsealed(stored).map_err(|why| why.to_string())?;
        }
        let payload = unsealed.and_then(|payload| String::from_utf8(payload).ok());
        let shown = Shown {
            state,
            fence: record.fence,
            attempt: record.attempt,
            recovered: record.flags.recovered,
            waited: record.flags.waited,
            on_crash: if record.flags.hold { "hold" } else { "rerun" },
            expires_in_ms: left_ms,
            lease_remaining_ms: lease,
            since_ms,
            key_id,
            payload,
        };
        serde_json::to_vec(&shown).map_err(|error| error.to_string())
    }
}
