//! Where records live. Both stores take the same [`crate::model::Command`] for a record's key and answer with the
//! same [`crate::model::Outcome`]; what differs is whether the answer is there at once.

pub mod embedded;
pub mod keys;
pub mod redis;
