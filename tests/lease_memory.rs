//! How much of this process's memory a lease in flight takes (target P10: at most 1 KB), counted by the allocator: the
//! operation, the lease, and its place in the queues. The session is on Redis; this test plays the connection.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]
#![allow(unsafe_code, reason = "an allocator is unsafe to implement; this one only counts and calls the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actonce::clock::{MILLI, Micros, ServerClock};
use actonce::lease::Leases;
use actonce::seal::Sealer;
use actonce::session::{Recording, Session, Tag, Terms};
use actonce::store::keys::Hasher;
use actonce::store::redis::features::Features;
use actonce::store::{Location, Options, Store as _};

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

const LEASES: u32 = 100_000;
const MOST_BYTES: usize = 1_024;
/// The most bytes that may be left of a hundred megabytes when all leases have ended.
const MOST_LEFT: usize = 1_024 * 1_024;
const NOW: Micros = 1_000_000 * MILLI;

fn session(leases: &Arc<Leases>) -> Session {
    let options = Options {
        tls: None,
        connect_timeout: 1_000 * MILLI,
        command_timeout: 1_000 * MILLI,
        durability: None,
        refuses_eviction: false,
    };
    let location = Location::new("redis://127.0.0.1:6379", options).unwrap();
    let sealer = Arc::new(Sealer::new(None, None, true));
    let hashers = vec![Hasher::new("actonce", "")];
    let mut session = Session::new(&location, hashers, sealer, Arc::clone(leases), Arc::new(|_| ()));
    let clock = ServerClock::measured(NOW, NOW, NOW);
    let features = Features { clock, set_nx_get: true, set_if_equal: true };
    session.store.connections()[0].engine.connected(features, NOW);
    session
}

fn terms() -> Terms {
    let (max_lease_ms, retention_ms) = (15 * 60_000, 24 * 3_600_000);
    Terms { lease_ms: 30_000, max_lease_ms, retention_ms, hold: false, will_wait: true, budget: 2_000 * MILLI }
}

/// Claims keys a few at a time, as an event loop does, because requests on the wire do not count as part of a lease.
fn hold(session: &mut Session, leases: u32) {
    for first in (0..leases).step_by(100) {
        for id in first..first + 100 {
            session.begin(id + 1, &format!("\u{1}bench\u{1}key-{id}"), None, terms(), None, NOW);
        }
        let engine = &mut session.store.connections()[0].engine;
        engine.out().clear();
        engine.received(&b"_\r\n".repeat(100), NOW);
        session.take_events(NOW);
        assert!(session.deliveries().drain(..).all(|told| told.tag == Tag::Acquired));
    }
}

/// Records the outcomes of all operations at once.
fn complete(session: &mut Session) {
    let recording = Recording { retention_ms: 1_000, patience: 2_000 * MILLI, budget: 60_000 * MILLI };
    for id in 0..LEASES {
        session.complete(id + 1, "1".to_owned(), recording, NOW);
    }
    let engine = &mut session.store.connections()[0].engine;
    *engine.out() = Vec::new();
    for _ in (0..LEASES).step_by(100) {
        engine.received(&b"+OK\r\n".repeat(100), NOW);
    }
    session.take_events(NOW);
    let told = std::mem::take(session.deliveries());
    assert!(told.len() == LEASES as usize && told.iter().all(|told| told.tag == Tag::Done));
}

/// The keeper's turn a third of a lease later, when every lease is due and is renewed.
fn renew(leases: &Leases) {
    let later = NOW + 10_001 * MILLI;
    let (mut renewals, mut losses) = (Vec::new(), Vec::new());
    leases.turn(later, &mut renewals, &mut losses);
    assert_eq!((renewals.len(), losses.len()), (LEASES as usize, 0));
    for renewal in renewals {
        leases.renewed(renewal.op, later);
    }
}

#[test]
fn a_lease_in_flight_takes_less_than_a_kilobyte_and_gives_it_back() {
    let leases = Arc::new(Leases::new(Box::new(|| ())));
    let mut session = session(&leases);
    hold(&mut session, 100);
    let before = ALLOCATED.load(Ordering::Relaxed);
    let each = || (ALLOCATED.load(Ordering::Relaxed) - before) / LEASES as usize;
    hold(&mut session, LEASES);
    assert_eq!(leases.len(), LEASES as usize);
    let held = each();
    renew(&leases);
    let renewed = each();
    eprintln!("{held} bytes each, {renewed} when all were renewed");
    assert!(held.max(renewed) <= MOST_BYTES, "{held} bytes each, {renewed} when all were renewed");
    complete(&mut session);
    leases.turn(NOW + 60_000 * MILLI, &mut Vec::new(), &mut Vec::new());
    let left = ALLOCATED.load(Ordering::Relaxed).saturating_sub(before);
    assert!(left < MOST_LEFT, "{left} bytes are left of leases that ended");
}
