//! The decisions of actonce, and nothing else: what a record is, and what each command does to it.
//!
//! Owns the record with its text form ([`record`]), what can be asked of it ([`command`]) and the state machine of one
//! idempotency key ([`idempotency`]); how many keys a scope has ([`quota`]); and the state machines that users define
//! ([`machine`]). Must not do I/O, read a clock or draw random numbers: all three come in as arguments. The Lua in
//! `scripts/` makes the same decisions inside Redis; `tests/differential.rs`, `tests/quota.rs` and `tests/machines.rs`
//! hold them together.

pub mod command;
pub mod idempotency;
pub mod machine;
pub mod quota;
pub mod record;

pub use command::{Begin, Command, Failure, Resolution};
pub use idempotency::{Effect, Now, Outcome, Stored, apply, outcome_at_any_time};
pub use record::{Fingerprint, Flags, Origin, Owner, Record, State, Unreadable, unfinished_ttl_ms};
