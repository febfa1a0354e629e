//! The native half of actonce, which makes a call run once per idempotency key and remembers its outcome.
//!
//! The map, from the decisions outwards:
//!
//! - [`model`]: what a record is and what each command does to it. Pure.
//! - [`scripts`]: the same decisions as Lua, one file per operation.
//! - [`store`]: where records live, behind one seam: [`store::embedded`] in this process, [`store::redis`] behind a
//!   connection that is a state machine without I/O.
//! - [`lease`]: the leases this process holds, renewed from a thread of their own.
//! - [`seal`]: the form in which payloads are stored: compressed, encrypted.
//! - [`session`]: one client's operations: begin, wait, complete, fail; what JavaScript is told.
//! - `uv`: sockets on Node's own event loop. `node`: the only module that knows Node-API.
//! - [`threads`], [`clock`], [`error`], `shrink`: threads, time, what can go wrong, and giving memory back.
//!
//! A call travels `node` → `session` → `store` → Lua or `model`, and its outcome travels back. Rust never calls
//! the user's function and never interprets its result: payloads are opaque text.

pub mod clock;
pub mod error;
pub mod lease;
pub mod model;
pub mod scripts;
pub mod seal;
pub mod session;
mod shrink;
pub mod store;
pub mod threads;

#[cfg(feature = "node")]
mod node;
#[cfg(feature = "node")]
mod uv;
