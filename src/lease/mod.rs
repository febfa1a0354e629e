//! Leases that this process holds, and the thread that renews them.
//!
//! `table` remembers the leases. The JavaScript thread (hold, ending, release) and the keeper lock it for moments only.
//! `keeper` renews from its own thread and connection, so a busy event loop keeps its leases, while a frozen or dead
//! process loses them. An operation that ends before its first renewal costs one insert and one remove.

pub mod keeper;
mod table;

pub use table::{Held, Leases, Loss, Renewal, margin, renewal_interval};
