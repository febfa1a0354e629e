//! The embedded store: the model's decisions on a table in this process. Nothing here reads a clock or starts a thread.
//!
//! `table` has the records, instances and counts with their expiry, `shelf` removes what has expired, `memory` is a
//! table behind a lock, with those who watch it, and `machines` is what it does with instances.

mod machines;
mod memory;
mod shelf;
mod table;

#[cfg(test)]
mod tests;

pub use memory::{MemoryStore, Watch};
