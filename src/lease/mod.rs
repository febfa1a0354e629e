//! Leases that this process holds, and the thread that renews them.
//!
//! `table` remembers: it is locked for moments by the JavaScript thread (hold, ending, release) and by the keeper.
//! `keeper` renews from its own thread and connection, so that a busy event loop keeps its leases, while a frozen
//! or dead process loses them. An operation that ends before its first renewal costs one insert and one remove.

pub mod keeper;
mod table;

pub use table::{Held, Leases, Loss, Renewal, margin, renewal_interval};
