use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::shelf::{LIVE_PER_SWEEP, SMALLEST_CAPACITY};
use super::{MemoryStore, Watch};
use crate::model::quota::{self, Quota};
use crate::model::{Absent, Begin, Command, Failure, Flags, Now, Outcome, Owner, Record, State};

fn owner(n: u8) -> Owner {
    Owner::from_random([n; 12])
}

fn begin(n: u8, mark_waited: bool) -> Command {
    Command::Begin(Begin {
        owner: owner(n),
        fingerprint: None,
        lease_ms: 30_000,
        retention_ms: 1,
        hold: false,
        mark_waited,
        awaited_fence: None,
        absent: Absent::Acquire,
    })
}

fn complete(n: u8, fence: u64, retention_ms: u64) -> Command {
    let state = State::Completed { payload: b"j1".to_vec() };
    let record = Record { fence, owner: owner(n), fingerprint: None, flags: Flags::default(), attempt: 1, state };
    Command::Complete { record, retention_ms }
}

fn at_ms(ms: u64) -> Now {
    Now { us: ms * 1_000 }
}

#[test]
fn a_record_is_gone_when_its_time_is_over() {
    let store = MemoryStore::default();
    assert!(matches!(store.execute("k", &begin(1, false), at_ms(10)), Outcome::Acquired { attempt: 1, .. }));
    assert_eq!(store.execute("k", &complete(1, 10_000, 500), at_ms(11)), Outcome::Done);
    assert!(matches!(store.execute("k", &begin(2, false), at_ms(510)), Outcome::Replay { .. }));
    let (text, left_ms) = store.inspect("k", at_ms(510)).unwrap();
    assert!(text.starts_with(b"1C0000000000010000"));
    assert_eq!(left_ms, 1);
    assert_eq!(store.inspect("k", at_ms(511)), None);
    assert!(matches!(store.execute("k", &begin(2, false), at_ms(511)), Outcome::Acquired { attempt: 1, .. }));
}

#[test]
fn an_extended_lease_lives_on_and_a_lost_record_is_not_made_again() {
    let store = MemoryStore::default();
    store.execute("k", &begin(1, false), at_ms(0));
    let extend = Command::Extend { owner: owner(1) };
    assert_eq!(store.execute("k", &extend, at_ms(3_000_000)), Outcome::Done);
    assert!(store.inspect("k", at_ms(6_000_000)).is_some());
    assert_eq!(store.execute("k", &extend, at_ms(6_600_000)), Outcome::Lost);
    assert_eq!(store.inspect("k", at_ms(6_600_000)), None);
}

#[test]
fn memory_returns_to_its_baseline_after_a_burst() {
    let store = MemoryStore::default();
    for n in 0..10_000_u64 {
        let key = format!("burst {n}");
        store.execute(&key, &begin(1, false), at_ms(n));
        store.execute(&key, &complete(1, n * 1_000, 60_000), at_ms(n));
    }
    assert_eq!(store.lock().table.records.slots.len(), 10_000);
    for n in 0..1_000 {
        store.execute("afterwards", &begin(1, false), at_ms(100_000 + n));
    }
    let table = &store.lock().table;
    assert_eq!(table.records.slots.len(), 1);
    assert!(table.records.slots.capacity() <= SMALLEST_CAPACITY * 4, "{}", table.records.slots.capacity());
}

#[test]
fn under_steady_load_expired_records_stay_a_fraction_of_the_live() {
    let store = MemoryStore::default();
    for n in 0..50_000_u64 {
        let key = format!("steady {n}");
        store.execute(&key, &begin(1, false), at_ms(n));
        store.execute(&key, &complete(1, n * 1_000, 1_000), at_ms(n));
    }
    let records = store.lock().table.records.slots.len();
    assert!((1_000..2_000).contains(&records), "{records} records for 1,000 live ones");
}

#[test]
fn no_sweep_begins_before_something_may_have_expired() {
    let store = MemoryStore::default();
    for n in 0..100_u64 {
        let key = format!("k{n}");
        store.execute(&key, &begin(1, false), at_ms(n));
        store.execute(&key, &complete(1, n * 1_000, 60_000), at_ms(n));
    }
    let due_ms = store.lock().table.records.sweep.due_ms;
    store.execute("just before", &begin(1, false), at_ms(due_ms - 1));
    assert_eq!(store.lock().table.records.sweep.hand, 0);
    store.execute("just then", &begin(1, false), at_ms(due_ms));
    assert_eq!(store.lock().table.records.sweep.hand, LIVE_PER_SWEEP);
}

#[test]
fn a_store_that_is_not_used_keeps_nothing_that_has_expired() {
    let store = MemoryStore::default();
    assert!(!store.tidy(at_ms(0)));
    for n in 0..1_000_u64 {
        let key = format!("k{n}");
        store.execute(&key, &begin(1, false), at_ms(n));
        store.execute(&key, &complete(1, n * 1_000, 60_000 + n % 7), at_ms(n));
    }
    assert!(store.tidy(at_ms(60_500)));
    let expired = |state: &super::memory::State| {
        state.table.records.slots.values().filter(|stored| stored.expires_at_ms <= 60_500).count()
    };
    assert_eq!(expired(&store.lock()), 0);
    assert!((490..=510).contains(&store.lock().table.records.slots.len()));
    assert!(!store.tidy(at_ms(70_000)));
    assert_eq!(store.lock().table.records.slots.len(), 0);
}

#[test]
fn who_watches_is_called_when_an_attempt_that_is_waited_for_ends() {
    let store = Arc::new(MemoryStore::default());
    let calls = Arc::new(AtomicUsize::new(0));
    let watch = |store: &Arc<MemoryStore>| -> Watch {
        let (store, calls) = (Arc::clone(store), Arc::clone(&calls));
        Box::new(move || {
            // The lock is free, so a callback may use the store.
            assert!(store.inspect("k", at_ms(3)).is_some());
            calls.fetch_add(1, Ordering::Relaxed);
        })
    };
    store.execute("k", &begin(1, false), at_ms(1));
    store.subscribe("k", 7, watch(&store));
    store.subscribe("k", 7, watch(&store));
    store.subscribe("k", 8, watch(&store));
    store.subscribe("other", 7, watch(&store));
    assert!(matches!(store.execute("k", &begin(2, true), at_ms(2)), Outcome::InProgress { .. }));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    let release = Command::Fail { owner: owner(1), failure: Failure::Release { payload: Vec::new(), told_for_ms: 0 } };
    assert_eq!(store.execute("k", &release, at_ms(3)), Outcome::Done);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    store.execute("k", &release, at_ms(3));
    assert_eq!(calls.load(Ordering::Relaxed), 2, "a repeat changes nothing and tells nobody");

    store.unsubscribe("k", 8);
    store.unsubscribe("k", 8);
    store.execute("k", &begin(3, false), at_ms(4));
    store.execute("k", &begin(2, true), at_ms(5));
    store.execute("k", &complete(3, 4_000, 500), at_ms(6));
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    store.unsubscribe("k", 7);
    store.unsubscribe("other", 7);
    assert!(store.lock().watchers.is_empty());
}

#[test]
fn what_those_who_waited_are_told_is_forgotten_when_the_key_is_touched_after_its_time() {
    let store = MemoryStore::default();
    store.execute("k", &begin(1, false), at_ms(1));
    store.execute("k", &begin(2, true), at_ms(2));
    let failure = Failure::Release { payload: b"declined".to_vec(), told_for_ms: 100 };
    let release = Command::Fail { owner: owner(1), failure };
    for (now_ms, is_kept) in [(3, true), (102, true), (103, false)] {
        assert_eq!(store.execute("k", &release, at_ms(now_ms)), Outcome::Done);
        assert_eq!(store.lock().table.records.slots["k"].told.is_some(), is_kept, "{now_ms}");
    }
}

#[test]
fn stores_of_one_name_are_one_store() {
    let one = MemoryStore::named("tests: one");
    one.execute("k", &begin(1, false), at_ms(1));
    assert!(MemoryStore::named("tests: one").inspect("k", at_ms(2)).is_some());
    assert!(MemoryStore::named("tests: another").inspect("k", at_ms(2)).is_none());
}

#[test]
fn threads_that_begin_at_once_give_one_owner() {
    let store = MemoryStore::default();
    let acquired = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (store, acquired) = (&store, &acquired);
            scope.spawn(move || {
                for key in 0..500 {
                    if let Outcome::Acquired { .. } = store.execute(&format!("k{key}"), &begin(n, false), at_ms(1)) {
                        acquired.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(acquired.load(Ordering::Relaxed), 500);
}

#[test]
fn the_count_of_a_scope_is_swept_as_records_are() {
    let store = MemoryStore::default();
    let quota = Quota { limit: 2, retention_ms: 1_000 };
    for n in 0..1_000 {
        assert_eq!(store.admit(&format!("scope {n}"), quota, at_ms(0)), quota::Outcome::Admitted);
    }
    assert_eq!(store.admit("scope 7", quota, at_ms(999)), quota::Outcome::Admitted);
    assert!(matches!(store.admit("scope 7", quota, at_ms(1_000)), quota::Outcome::Full { .. }));
    assert_eq!(store.count("scope 7", at_ms(1_000)).as_deref(), Some("1024 1 2016 1"));
    assert!(store.tidy(at_ms(1_024)), "one has a key that is not forgotten");
    assert_eq!(store.lock().table.counts.slots.len(), 1);
    assert!(!store.tidy(at_ms(2_016)));
}
