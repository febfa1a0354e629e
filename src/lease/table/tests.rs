use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;

const LEASE: Micros = 600 * MILLI;
const FOREVER: Micros = Micros::MAX / 2;

fn held(sent_at: Micros, ends_at: Micros) -> Held {
    Held { key: "k".into(), owner: Owner::from_random([7; 12]), lease: LEASE, sent_at, ends_at }
}

fn turn(leases: &Leases, now: Micros) -> (Vec<u32>, Vec<(u32, Loss)>, Micros) {
    let (mut renewals, mut losses) = (Vec::new(), Vec::new());
    let next = leases.turn(now, &mut renewals, &mut losses);
    (renewals.iter().map(|renewal| renewal.op).collect(), losses, next)
}

fn quiet() -> Leases {
    Leases::new(Box::new(|| {}))
}

#[test]
fn the_keeper_is_woken_once_for_many_short_operations() {
    let woken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&woken);
    let leases = Leases::new(Box::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    for op in 0..10_000 {
        leases.hold(op, held(u64::from(op), FOREVER));
        leases.release(op);
    }
    assert_eq!(woken.load(Ordering::Relaxed), 1);
    assert!(leases.table().queues.values().map(VecDeque::len).sum::<usize>() < 2_000);
    assert_eq!(turn(&leases, LEASE), (vec![], vec![], Micros::MAX));
}

#[test]
fn a_lease_is_renewed_at_a_third_and_again_a_third_after_the_renewal_was_sent() {
    let leases = quiet();
    leases.hold(1, held(0, FOREVER));
    assert_eq!(turn(&leases, LEASE / 3 - 1), (vec![], vec![], LEASE / 3));
    let deadline = LEASE - margin(LEASE);
    assert_eq!(turn(&leases, LEASE / 3), (vec![1], vec![], deadline));
    assert_eq!(turn(&leases, LEASE / 3 + 1), (vec![], vec![], deadline));
    leases.renewed(1, LEASE / 3);
    assert_eq!(turn(&leases, LEASE / 3 + 2), (vec![], vec![], LEASE / 3 * 2));
    assert!(leases.is_held(1, deadline));
}

#[test]
fn a_lease_whose_renewal_is_not_heard_of_is_lost_before_the_server_ends_it() {
    let leases = quiet();
    leases.hold(1, held(0, FOREVER));
    turn(&leases, LEASE / 3);
    let deadline = LEASE - margin(LEASE);
    assert_eq!(turn(&leases, deadline - 1).1, vec![]);
    assert_eq!(turn(&leases, deadline).1, vec![(1, Loss::Expired)]);
    assert!(!leases.is_held(1, deadline));
    assert_eq!(turn(&leases, deadline + 1), (vec![], vec![], FOREVER));
    assert_eq!(turn(&leases, FOREVER).1, vec![(1, Loss::MaxLease)]);
}

#[test]
fn a_lease_that_is_lost_is_renewed_no_more_though_its_renewal_is_heard_of_later() {
    let leases = quiet();
    leases.hold(1, held(0, FOREVER));
    turn(&leases, LEASE / 3);
    let deadline = LEASE - margin(LEASE);
    assert_eq!(turn(&leases, deadline).1, vec![(1, Loss::Expired)]);
    leases.renewed(1, LEASE / 3);
    assert_eq!(turn(&leases, deadline + 1), (vec![], vec![], FOREVER));
    assert!(!leases.is_held(1, deadline + 1));
}

#[test]
fn the_keeper_is_woken_for_an_operation_whose_longest_time_ends_before_anything_is_due() {
    let woken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&woken);
    let leases = Leases::new(Box::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    leases.hold(1, held(0, FOREVER));
    leases.hold(2, held(0, LEASE / 6));
    assert_eq!(woken.load(Ordering::Relaxed), 2);
    assert_eq!(turn(&leases, LEASE / 6).1, vec![(2, Loss::MaxLease)]);
}

#[test]
fn a_thawed_process_loses_at_once_what_it_held() {
    let leases = quiet();
    leases.hold(1, held(0, FOREVER));
    assert_eq!(turn(&leases, 10 * LEASE), (vec![], vec![(1, Loss::Expired)], FOREVER));
}

#[test]
fn renewal_stops_at_the_longest_time_allowed() {
    let leases = quiet();
    leases.hold(1, held(0, LEASE / 2));
    turn(&leases, LEASE / 3);
    leases.renewed(1, LEASE / 3);
    assert_eq!(turn(&leases, LEASE / 2 - 1), (vec![], vec![], LEASE / 2));
    assert_eq!(turn(&leases, LEASE / 2).1, vec![(1, Loss::MaxLease)]);
}

#[test]
fn a_keeper_that_comes_late_renews_nothing_beyond_the_longest_time_allowed() {
    let (ends_at, late) = (LEASE / 2, LEASE / 2 + 1);
    for now in [ends_at, late] {
        let leases = quiet();
        leases.hold(1, held(0, ends_at));
        assert_eq!(turn(&leases, now), (vec![], vec![(1, Loss::MaxLease)], Micros::MAX));
        assert!(!leases.is_held(1, now));
    }
}

#[test]
fn a_renewal_whose_answer_is_lost_is_not_sent_again_beyond_the_longest_time_allowed() {
    let ends_at = LEASE / 2;
    let leases = quiet();
    leases.hold(1, held(0, ends_at));
    let mut renewals = Vec::new();
    leases.turn(LEASE / 3, &mut renewals, &mut Vec::new());
    assert_eq!(renewals[0].deadline, ends_at);
}

#[test]
fn an_operation_that_ends_is_not_told_that_its_lease_is_gone() {
    let leases = quiet();
    leases.hold(1, held(0, FOREVER));
    leases.ending(1);
    let mut losses = Vec::new();
    leases.refused(1, &mut losses);
    assert_eq!(losses, vec![]);
    assert!(!leases.is_held(1, 1));
}

proptest::proptest! {
    /// RE4: however long the command was under way, and however far the two clocks drift apart, the holder gives up
    /// its lease before the server does. The server counts the lease from when the command arrived; here its end is
    /// converted to the holder's clock.
    #[test]
    fn re4_the_local_deadline_is_before_the_server_s(
        lease in 100 * MILLI..900_000 * MILLI,
        delay_share in 0.0_f64..=1.0,
        drift in -0.01_f64..=0.01,
    ) {
        let leases = quiet();
        leases.hold(1, Held { lease, ..held(0, FOREVER) });
        let length = Duration::from_micros(lease);
        let end = length.mul_f64(delay_share) + length.mul_f64(1.0 + drift);
        let end = Micros::try_from(end.as_micros()).unwrap();
        proptest::prop_assert!(!leases.is_held(1, end));
    }
}

#[test]
fn the_margin_is_fifty_milliseconds_or_two_per_cent_but_never_a_quarter() {
    assert_eq!(margin(30_000 * MILLI), 600 * MILLI);
    assert_eq!(margin(LEASE), 50 * MILLI);
    assert_eq!(margin(100 * MILLI), 25 * MILLI);
}
