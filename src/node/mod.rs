//! The seam to Node. Arguments become calls on the session, and its deliveries become numbers and texts for one
//! JavaScript callback. Nothing is decided here.
//!
//! `calls` has the functions, `functions` makes them JavaScript functions, and `arguments` reads what they get.
//! `client` is what they belong to, and `config` is its configuration. `on_loop` and `on_thread` are the two executors.
//! `outbox` calls JavaScript back, and `waker` lets another thread reach this one.
#![allow(unsafe_code, reason = "raw Node-API where the bindings have no form for it; each block says why it is sound")]

mod arguments;
mod calls;
mod client;
mod config;
mod functions;
mod on_loop;
mod on_thread;
mod outbox;
mod waker;
