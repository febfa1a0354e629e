//! What the tests against a real Redis share: a server of their own, a connection to it, and random sequences of
//! commands that run through the model, the Lua and the embedded store side by side.
#![allow(dead_code, reason = "every test file is a crate of its own and uses a part of this")]
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]

pub mod link;
pub mod lua;
pub mod machine;
pub mod machine_seldom;
pub mod machine_steps;
pub mod run;
pub mod sequence;
pub mod server;

/// The number of cases of a proptest: `quick` by default, `long` with `ACTONCE_LONG=1`.
pub fn cases(quick: u32, long: u32) -> u32 {
    if std::env::var_os("ACTONCE_LONG").is_some_and(|value| value == "1") { long } else { quick }
}
