//! An exhaustive check of the protocol around one key. It explores every order in which callers, their keepers, a
//! network that loses, repeats and delays, crashes, freezes, clocks and an operator can act, up to a bound. What a
//! command does to the record is not modelled: the check runs `model::apply` itself. A freeze is a step that is not
//! taken while time goes on. docs/reliability/protocol.md has the results; `ACTONCE_LONG=1` runs the larger bounds.
#![allow(clippy::print_stdout, reason = "how much was looked at belongs to the result")]
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]

mod actions;
mod caller;
mod laws;
mod mutants;
mod world;

use std::collections::BTreeSet;
use std::time::Instant;

use stateright::{Checker, Model};

use caller::End;
use laws::{EVENTS, Law};
use world::OnCrash::{Hold, Rerun};
use world::{Fault, Setting};

/// The broken laws and the events that never happened, by their names.
struct Found {
    broken: BTreeSet<&'static str>,
    unseen: BTreeSet<&'static str>,
}

/// Explores everything that can happen, and prints how much that was.
fn explore(setting: &Setting) -> Found {
    let started = Instant::now();
    let checker = setting.clone().checker().threads(2).spawn_bfs().join();
    let found = checker.discoveries();
    let broken = Law::ALL.iter().map(|law| law.text()).filter(|name| found.contains_key(name)).collect();
    let unseen = EVENTS.iter().map(|(name, _)| *name).filter(|name| !found.contains_key(name)).collect();
    let (states, steps) = (checker.unique_state_count(), checker.state_count());
    println!("{}: {states} states, {steps} steps, {:.1} s", setting.name, started.elapsed().as_secs_f64());
    Found { broken, unseen }
}

/// Asserts that no law is broken, and that every event happens except those named.
fn holds(setting: &Setting, unseen: &[&str]) {
    let found = explore(setting);
    assert_eq!(found.broken, BTreeSet::new(), "{}: broken", setting.name);
    assert_eq!(found.unseen, unseen.iter().copied().collect(), "{}: never happened", setting.name);
}

/// Asserts that exactly these laws are broken; all others still hold.
fn breaks(setting: &Setting, laws: &[Law]) {
    let found = explore(setting);
    let expected: BTreeSet<_> = laws.iter().map(|law| law.text()).collect();
    assert_eq!(found.broken, expected, "{}: broken", setting.name);
}

fn is_long() -> bool {
    std::env::var_os("ACTONCE_LONG").is_some_and(|value| value == "1")
}

const RENEWED: &str = "a lease that outlives its length by renewal";
const TAKEN_OVER: &str = "a takeover";
const VANISHED: &str = "an attempt that vanished";
const REFUSED: &str = "a zombie that is refused";
const SHARED: &str = "an error shared by those who waited for it";
const TWO_RUNS: &str = "two runs";
const VANISHED_COMPLETED: &str = "an attempt that vanished, and completed after all";

#[test]
fn with_delayed_duplicates_every_law_holds() {
    let ticks = if is_long() { 3 } else { 2 };
    let base = |name, policies: &[_]| Setting { copies: 1, ..Setting::new(name, policies, ticks) };
    let not_yet = if is_long() { None } else { Some(RENEWED) };
    let but = |more: &[&'static str]| -> Vec<&str> { not_yet.into_iter().chain(more.iter().copied()).collect() };
    holds(&base("duplicates, rerun", &[Rerun, Rerun]), &but(&[VANISHED, VANISHED_COMPLETED]));
    holds(&base("duplicates, hold", &[Hold, Hold]), &but(&[TAKEN_OVER]));
    holds(&base("duplicates, both", &[Hold, Rerun]), &but(&[]));
}

#[test]
fn with_every_end_and_renewed_leases_every_law_holds() {
    let ends = vec![End::Value, End::Record, End::Release, End::Hold];
    let ticks = if is_long() { 4 } else { 3 };
    let base = |name, policies: &[_]| Setting { ends: ends.clone(), ..Setting::new(name, policies, ticks) };
    holds(&base("ends, rerun", &[Rerun, Rerun]), &[]);
    holds(&base("ends, hold", &[Hold, Hold]), &[TAKEN_OVER, REFUSED]);
}

/// Only in the long form, because a million states take half a minute.
#[test]
fn with_three_callers_every_law_holds() {
    let ends = vec![End::Value];
    let three = |name, policy| Setting { ends: ends.clone(), ..Setting::new(name, &[policy; 3], 2) };
    if is_long() {
        holds(&three("three, rerun", Rerun), &[RENEWED, VANISHED, VANISHED_COMPLETED, SHARED]);
        holds(&three("three, hold", Hold), &[RENEWED, TAKEN_OVER, REFUSED, SHARED, TWO_RUNS]);
    }
}

#[test]
fn with_an_operator_every_law_holds() {
    let base = |name, policies: &[_]| Setting { operator: true, ..Setting::new(name, policies, 2) };
    let ends = vec![End::Value];
    holds(&Setting { ends, ..base("an operator", &[Hold, Rerun]) }, &[RENEWED, SHARED]);
    if is_long() {
        holds(&base("an operator, and releases", &[Hold, Rerun]), &[RENEWED]);
    }
}

/// The same callers on a store that breaks a promise once. Laws that are not listed still hold.
#[test]
fn where_the_store_does_not_keep_what_it_acknowledged_exactly_these_laws_break() {
    let ends = vec![End::Value];
    let faulty = |name, policy, fault| {
        let base = Setting::new(name, &[policy; 2], 2);
        Setting { ends: ends.clone(), fault: Some(fault), ..base }
    };
    let waiting = |setting| Setting { waits_for_replica: true, ..setting };
    let (overlaps, starts_twice, misled) = (Law::OneHolder, Law::HoldOnce, Law::EveryoneKnows);
    // A forgotten takeover gives the key back to the attempt it was taken from.
    let forgets_takeover = [overlaps, Law::OneAuthority, Law::HolderIsRecognised, misled];
    breaks(&faulty("clock forward, rerun", Rerun, Fault::ClockForward), &[overlaps]);
    breaks(&faulty("clock forward, hold", Hold, Fault::ClockForward), &[]);
    breaks(&faulty("clock back, rerun", Rerun, Fault::ClockBack), &[]);
    breaks(&faulty("clock back, hold", Hold, Fault::ClockBack), &[]);
    breaks(&faulty("loss, rerun", Rerun, Fault::Loss), &[overlaps, misled]);
    breaks(&faulty("loss, hold", Hold, Fault::Loss), &[overlaps, starts_twice, misled]);
    breaks(&faulty("failover, rerun", Rerun, Fault::Failover), &forgets_takeover);
    breaks(&faulty("failover, hold", Hold, Fault::Failover), &[overlaps, starts_twice, misled]);
    breaks(&waiting(faulty("failover with WAIT, rerun", Rerun, Fault::Failover)), &forgets_takeover);
    breaks(&waiting(faulty("failover with WAIT, hold", Hold, Fault::Failover)), &[]);
}
