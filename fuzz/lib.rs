//! The targets by name, for the binaries.

mod targets;

pub fn run(name: &str, bytes: &[u8]) {
    let (_, target) = targets::TARGETS.iter().find(|(known, _)| *known == name).expect("a target's name");
    target(bytes);
}
