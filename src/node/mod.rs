//! The seam to Node: arguments become calls on the session, its deliveries become numbers and texts for one
//! JavaScript callback. Nothing else: no decision is taken here.
//!
//! `calls` are the functions, `functions` how they become JavaScript's, `arguments` how they read what they are given,
//! `client` what they belong to, `config` what it is configured with, `on_loop` and `on_thread` the two executors,
//! `outbox` the callback, `waker` how another thread reaches this one.
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
