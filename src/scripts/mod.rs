//! The decisions of `model/` again, as Lua that Redis runs atomically. Each folder of scripts has a Rust file of the
//! same name that calls them: `record` has one script per command on a record; `machine` has one for all commands on a
//! state machine's instance, and one that lists due timers; `quota` has one that counts a scope's keys. `includes` has
//! what the scripts share; `resp` writes the calls.
//!
//! This module owns the script sources, the bytes that call them ([`pack`]; for the two common cases also a plain
//! command each, [`pack_set_if_absent`] and [`pack_set_if_equal`]) and the meaning of the replies ([`parse`],
//! [`judge_set`]). It must not decide anything: `model/` does, and `tests/differential.rs` holds the Lua to it. It
//! knows only enough RESP to write a request; connections belong to `store/redis`.

pub mod machine;
pub mod quota;
mod record;
mod resp;

use std::sync::LazyLock;

pub use record::{judge_set, pack, pack_set_if_absent, pack_set_if_equal, parse};
pub use resp::{Malformed, TimeSource};

use crate::model::Command;

/// One operation's Lua. Every new connection loads the source with `SCRIPT LOAD`; requests name it by its SHA-1.
#[derive(Debug)]
pub struct Script {
    pub name: &'static str,
    /// With its includes in place.
    pub source: String,
    /// 40 hexadecimal digits.
    pub sha1: String,
}

/// Scripts of every folder include these: a line `-- @include <name>` stands for the file.
const INCLUDES: [(&str, &str); 6] = [
    ("record.lua", include_str!("includes/record.lua")),
    ("lease.lua", include_str!("includes/lease.lua")),
    ("now.lua", include_str!("includes/now.lua")),
    ("instance.lua", include_str!("includes/instance.lua")),
    ("repeat.lua", include_str!("includes/repeat.lua")),
    ("forget.lua", include_str!("includes/forget.lua")),
];

pub static BEGIN: LazyLock<Script> = LazyLock::new(|| Script::new("begin", include_str!("record/begin.lua")));
pub static EXTEND: LazyLock<Script> = LazyLock::new(|| Script::new("extend", include_str!("record/extend.lua")));
pub static COMPLETE: LazyLock<Script> = LazyLock::new(|| Script::new("complete", include_str!("record/complete.lua")));
pub static FAIL: LazyLock<Script> = LazyLock::new(|| Script::new("fail", include_str!("record/fail.lua")));
pub static RESOLVE: LazyLock<Script> = LazyLock::new(|| Script::new("resolve", include_str!("record/resolve.lua")));
pub static RESET: LazyLock<Script> = LazyLock::new(|| Script::new("reset", include_str!("record/reset.lua")));
pub static TRANSITION: LazyLock<Script> =
    LazyLock::new(|| Script::new("transition", include_str!("machine/transition.lua")));
pub static DUE: LazyLock<Script> = LazyLock::new(|| Script::new("due", include_str!("machine/due.lua")));
/// Loaded on first use, because few clients have a quota.
pub static ADMIT: LazyLock<Script> = LazyLock::new(|| Script::new("admit", include_str!("quota/admit.lua")));

/// The scripts that carry out a [`Command`].
pub static RECORD_SCRIPTS: [&LazyLock<Script>; 6] = [&BEGIN, &EXTEND, &COMPLETE, &FAIL, &RESOLVE, &RESET];
/// The scripts that every new connection loads.
pub static ALL: [&LazyLock<Script>; 8] = [&BEGIN, &EXTEND, &COMPLETE, &FAIL, &RESOLVE, &RESET, &TRANSITION, &DUE];

impl Script {
    fn new(name: &'static str, file: &str) -> Self {
        let mut source = file.to_owned();
        for (include, text) in INCLUDES {
            source = source.replace(&format!("-- @include {include}\n"), text);
        }
        let sha1 = sha1_smol::Sha1::from(&source).digest().to_string();
        Self { name, source, sha1 }
    }

    pub fn of(command: &Command) -> &'static Self {
        match command {
            Command::Begin(_) => &BEGIN,
            Command::Extend { .. } => &EXTEND,
            Command::Complete { .. } => &COMPLETE,
            Command::Fail { .. } => &FAIL,
            Command::Resolve { .. } => &RESOLVE,
            Command::Reset { .. } => &RESET,
        }
    }
}
