//! libuv handles on Node's own event loop, as values that close themselves. Except for one call in `store/turner.rs`,
//! all unsafe code is here and in `node/`.
//!
//! This module assumes no struct layout of libuv: a handle is an allocation of `uv_handle_size` bytes, and the
//! functions are looked up in the running process. Where they are not found (Bun, Deno, an embedder), [`Library::get`]
//! says so and the caller takes the thread executor instead.
//!
//! Rules: everything here stays on the loop's thread. A callback may drop the handle that called it. Rust never
//! unwinds into C. Only libuv's close callback frees an allocation.
#![allow(unsafe_code, reason = "this module is the seam to libuv; each block says why it is sound")]

mod handle;
mod library;

pub use handle::{Loop, Poll, Prepare, Timer};
pub use library::Library;
