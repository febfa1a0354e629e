//! What compression and encryption of a payload cost on one thread, and what it costs to hand a payload to another
//! thread and back. The test prints, and asserts nothing about time, because a shared machine proves nothing.
//! `cargo test --release --no-default-features --test seal_cost -- --ignored --nocapture`
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]

use std::fmt::Write;
use std::hint::black_box;
use std::sync::mpsc;
use std::time::Instant;

use actonce::model::{Fingerprint, Origin, Owner};
use actonce::seal::{By, Key, Keyring, Place, Sealer};
use actonce::threads;

const SIZES: [usize; 6] = [250, 1_000, 10_000, 32_000, 100_000, 1_000_000];
const ROUNDS: usize = 15;

/// Orders as JSON, in which names repeat and numbers do not.
fn payload(bytes: usize) -> Vec<u8> {
    let mut text = String::from("[");
    let mut number = 1_u64;
    while text.len() < bytes {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        write!(text, "{{\"id\":\"o_{number:x}\",\"price\":{},\"city\":\"Linz\"}},", number >> 48).unwrap();
    }
    text.truncate(bytes);
    text.into_bytes()
}

fn place() -> Place {
    let origin = Origin::new(Owner::from_random([1; 12]), Some(&Fingerprint::from_hash([2; 16])));
    Place { key: "actonce:{Jt9Zq0b1y3R5k2n8x7u4Vw}".into(), origin, state: b'C' }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The median over the rounds of the µs that `work` takes on its own copy of `input`.
fn micros(input: &[u8], mut work: impl FnMut(&mut Vec<u8>)) -> f64 {
    let times = (2_000_000 / input.len()).clamp(5, 500);
    let rounds = (0..ROUNDS).map(|_| {
        let mut copies = vec![input.to_vec(); times];
        let started = Instant::now();
        copies.iter_mut().for_each(&mut work);
        let took = started.elapsed().as_nanos() as f64 / 1_000.0 / times as f64;
        black_box(copies);
        took
    });
    median(rounds.collect())
}

#[test]
#[ignore = "a measurement"]
fn sealing_and_opening() {
    let keyring = || Some(Keyring::new(Key::new("k1", &[7; 32]).unwrap(), Vec::new()));
    let sealers = [
        ("encrypted", Sealer::new(keyring(), None, false)),
        ("compressed", Sealer::new(None, Some(64), true)),
        ("both", Sealer::new(keyring(), Some(64), false)),
    ];
    println!("µs, median of {ROUNDS} rounds");
    for bytes in SIZES {
        let text = payload(bytes);
        for (name, sealer) in &sealers {
            let mut stored = text.clone();
            sealer.seal(&mut stored, &place(), By::Attempt);
            let place = place();
            let seal = micros(&text, |payload| sealer.seal(payload, &place, By::Attempt));
            let open = micros(&stored, |payload| sealer.open(payload, &place).unwrap());
            println!("{bytes:>9} bytes {name:>10}: {:>7} stored, seal {seal:>8.2}, open {open:>8.2}", stored.len());
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn to_another_thread_and_back() {
    let (send, receive) = mpsc::channel();
    let hops = (0..2_000).map(|_| {
        let send = send.clone();
        let started = Instant::now();
        threads::seal().spawn(async move { send.send(()).unwrap() });
        receive.recv().unwrap();
        started.elapsed().as_nanos() as f64 / 1_000.0
    });
    println!("there and back: {:.1} µs", median(hops.collect()));
}
