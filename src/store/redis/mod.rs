//! Redis and whatever speaks like it. `engine` is the protocol without I/O, `connect` makes connections on a
//! background thread (asking Sentinels first, where there are any), `wire` joins the two, a `fleet` is the wires to all
//! servers of a client: one, or a cluster's nodes. `task` turns a fleet on a tokio thread, `node/on_loop` on Node's loop. `verdict` says
//! what a server's error means, `fields` reads what a server says of itself.

mod backoff;
mod bounds;
pub mod connect;
pub mod engine;
mod eviction;
pub mod fields;
pub mod fleet;
pub mod inbox;
pub mod request;
mod sentinel;
mod slots;
pub mod stream;
pub mod target;
pub mod task;
pub mod verdict;
pub mod wire;
