//! The decisions of actonce, and nothing else: what a record is, and what each command does to it.
//!
//! This module owns the record with its text form ([`record`]), the commands on it ([`command`]) and the state machine
//! of one idempotency key ([`idempotency`]); how many keys a scope has ([`quota`]); and the state machines that users
//! define ([`machine`]). It must not do I/O, read a clock or draw random numbers: callers pass in what it needs. The
//! Lua in `scripts/` makes the same decisions inside Redis; `tests/differential.rs`, `tests/quota.rs` and
//! `tests/machines.rs` check that model and Lua agree.

pub mod command;
pub mod idempotency;
pub mod machine;
pub mod quota;
pub mod record;

pub use command::{Absent, Begin, Command, Failure, Resolution};
pub use idempotency::{Effect, Now, Outcome, Stored, Tell, Told, apply, outcome_at_any_time};
pub use record::{Fingerprint, Flags, Origin, Owner, Record, State, Unreadable, unfinished_ttl_ms};
