//! What is fuzzed: functions of bytes that must come back, whatever the bytes. libFuzzer drives them (`fuzz/bins`), and
//! `tests/fuzz.rs` drives them with the committed corpus and with mutations of it, on stable Rust in `npm test`.

mod engine;
mod texts;

pub type Target = fn(&[u8]);

/// By the name of its binary and of its folder in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 5] = [
    ("record", texts::record),
    ("instance", texts::instance),
    ("machine", texts::machine),
    ("replies", texts::replies),
    ("engine", engine::engine),
];
