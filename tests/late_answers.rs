//! What a session makes of answers and news that it reads late, and of an operation that is given up early. The session is on
//! Redis; this test plays the connection.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]

use std::sync::Arc;

use actonce::clock::{MILLI, Micros, ServerClock};
use actonce::lease::{Leases, margin};
use actonce::seal::Sealer;
use actonce::session::{Notice, Session, Tag, Terms};
use actonce::store::keys::Hasher;
use actonce::store::redis::features::Features;
use actonce::store::{Location, Options, Store as _};

const NOW: Micros = 1_000_000 * MILLI;
const LEASE: Micros = 30_000 * MILLI;
const OP: u32 = 1;
const IDENTITY: &str = "k1:k";
const IN_PROGRESS: &[u8] = b"*3\r\n$11\r\nin_progress\r\n$1\r\n7\r\n$5\r\n20000\r\n";

fn session() -> Session {
    let options = Options {
        tls: None,
        connect_timeout: 1_000 * MILLI,
        command_timeout: 1_000 * MILLI,
        durability: None,
        refuses_eviction: false,
    };
    let location = Location::new("redis://127.0.0.1:6379", options).unwrap();
    let leases = Arc::new(Leases::new(Box::new(|| {})));
    let sealer = Arc::new(Sealer::new(None, None, true));
    Session::new(&location, vec![Hasher::new("actonce", "")], sealer, leases, Arc::new(|_| ()))
}

fn connect(session: &mut Session, set_nx_get: bool) {
    let clock = ServerClock::measured(NOW, NOW, NOW);
    let features = Features { clock, set_nx_get, set_if_equal: true };
    session.store.connections()[0].engine.connected(features, NOW);
}

fn read(session: &mut Session, reply: &[u8], now: Micros) {
    session.store.connections()[0].engine.received(reply, now);
    session.take_events(now);
}

/// The channel of a record is its key.
fn key() -> String {
    let hasher = Hasher::new("actonce", "");
    hasher.record_key(&hasher.hash(IDENTITY)).to_string()
}

fn subscribed(channel: &str) -> String {
    format!(">3\r\n$9\r\nsubscribe\r\n${}\r\n{channel}\r\n:1\r\n", channel.len())
}

fn told(session: &mut Session) -> Vec<Tag> {
    session.deliveries().drain(..).map(|delivery| delivery.tag).collect()
}

fn begin(session: &mut Session, op: u32) {
    let (lease_ms, retention_ms, hold, will_wait) = (LEASE / MILLI, 24 * 3_600_000, false, false);
    let terms = Terms { lease_ms, max_lease_ms: 900_000, retention_ms, hold, will_wait, budget: LEASE };
    session.begin(op, IDENTITY, None, terms, None, NOW);
}

/// What has been packed for the server since it was last looked at.
fn sent(session: &mut Session) -> String {
    String::from_utf8_lossy(&std::mem::take(session.store.connections()[0].engine.out())).into_owned()
}

#[test]
fn a_claim_that_is_read_when_its_lease_is_all_but_over_is_made_again_before_anything_runs() {
    let over = LEASE - margin(LEASE);
    for (late, is_ours) in [(0, true), (over - 1, true), (over, false), (LEASE - 1, false)] {
        let mut session = session();
        connect(&mut session, true);
        begin(&mut session, OP);
        assert!(sent(&mut session).contains("SET"));
        read(&mut session, b"_\r\n", NOW + late);
        assert_eq!(told(&mut session), if is_ours { vec![Tag::Acquired] } else { vec![] }, "{late}");
        assert_eq!(sent(&mut session).is_empty(), is_ours, "{late}");
    }
}

#[test]
fn a_claim_that_is_given_up_before_it_left_is_never_sent_and_one_on_its_way_is_withdrawn() {
    for has_left in [false, true] {
        let mut session = session();
        if has_left {
            connect(&mut session, true);
        }
        begin(&mut session, OP);
        assert_eq!(sent(&mut session).contains("SET"), has_left);
        session.forget(OP, NOW);
        if !has_left {
            connect(&mut session, true);
        }
        session.take_events(NOW);
        assert_eq!(sent(&mut session).contains("EVALSHA"), has_left);
    }
}

#[test]
fn news_between_an_answer_and_the_wait_that_follows_it_ends_the_wait_at_once() {
    let mut session = session();
    connect(&mut session, false);
    begin(&mut session, OP);
    read(&mut session, IN_PROGRESS, NOW);
    assert_eq!(told(&mut session), [Tag::InProgress]);
    session.wait(OP, 1_000 * MILLI, NOW);
    let key = key();
    read(&mut session, subscribed(&key).as_bytes(), NOW);
    assert_eq!(told(&mut session), [Tag::Woken], "what came before this moment was not heard");
    session.again(OP, NOW);
    // Older than the answer, so the answer already tells of it.
    session.notice(Notice::Changed(key.clone()), NOW);
    read(&mut session, IN_PROGRESS, NOW);
    assert_eq!(told(&mut session), [Tag::InProgress]);
    session.wait(OP, 1_000 * MILLI, NOW);
    assert_eq!(told(&mut session), []);
    session.notice(Notice::Changed(key.clone()), NOW);
    session.again(OP, NOW);
    read(&mut session, IN_PROGRESS, NOW);
    session.notice(Notice::Changed(key), NOW);
    assert_eq!(told(&mut session), [Tag::Woken, Tag::InProgress]);
    session.wait(OP, 1_000 * MILLI, NOW);
    assert_eq!(told(&mut session), [Tag::Woken]);
}

#[test]
fn a_wait_on_a_channel_that_is_open_ends_at_once_since_news_may_have_come_before_it() {
    let mut session = session();
    connect(&mut session, false);
    begin(&mut session, OP);
    read(&mut session, IN_PROGRESS, NOW);
    session.wait(OP, 1_000 * MILLI, NOW);
    read(&mut session, subscribed(&key()).as_bytes(), NOW);
    assert_eq!(told(&mut session), [Tag::InProgress, Tag::Woken]);
    begin(&mut session, OP + 1);
    read(&mut session, IN_PROGRESS, NOW);
    session.wait(OP + 1, 1_000 * MILLI, NOW);
    assert_eq!(told(&mut session), [Tag::InProgress, Tag::Woken]);
}
