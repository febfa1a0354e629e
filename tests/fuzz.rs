//! The fuzz targets without a fuzzer: every input of the committed corpus, and mutations of it from a fixed seed. What
//! `cargo fuzz` found once stays found here. `ACTONCE_LONG=1` runs more mutations.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::path::Path;
use std::{fs, panic};

use targets::{TARGETS, Target};

type Input = Vec<u8>;

fn corpus(name: &str) -> Vec<Input> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Returns, or fails with the input that the target did not survive.
fn survives(name: &str, target: Target, input: &[u8]) {
    let survived = panic::catch_unwind(|| target(input)).is_ok();
    assert!(survived, "{name} does not survive b\"{}\"", input.escape_ascii());
}

/// `SplitMix64`: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit.max(1) as u64).unwrap()
    }

    /// A few bytes changed, cut out, repeated or taken from another input.
    fn mutated(&mut self, inputs: &[Input]) -> Input {
        let mut input = inputs[self.below(inputs.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(input.len() + 1);
            let end = (at + self.below(9)).min(input.len());
            match self.below(6) {
                0 => drop(input.drain(at..end)),
                1 => drop(input.splice(at..at, input[at..end].to_vec())),
                2 => input.insert(at, b"0123456789-\r\n $*+:\0"[self.below(19)]),
                3 => {
                    let other = &inputs[self.below(inputs.len())];
                    let from = self.below(other.len());
                    input.splice(at..end, other[from..].iter().copied());
                }
                4 => input.truncate(at),
                _ if at < input.len() => input[at] = u8::try_from(self.below(256)).unwrap(),
                _ => {}
            }
        }
        input
    }
}

#[test]
fn the_corpus_is_survived() {
    for (name, target) in TARGETS {
        let inputs = corpus(name);
        assert!(inputs.len() > 10, "the corpus of {name} is missing");
        for input in &inputs {
            survives(name, target, input);
        }
    }
}

#[test]
fn mutations_of_the_corpus_are_survived() {
    let long = std::env::var_os("ACTONCE_LONG").is_some_and(|value| value == "1");
    for (name, target) in TARGETS {
        let inputs = corpus(name);
        let mut random = Random(1);
        for _ in 0..if long { 2_000_000 } else { 20_000 } {
            survives(name, target, &random.mutated(&inputs));
        }
    }
}
