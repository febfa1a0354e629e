//! The table of states and commands, cell by cell, and tests of what the cells leave out: flags, fences, lifetimes.

mod elsewhere;

use super::*;
use crate::model::Fingerprint;

/// Each line is a command, each column a state. A cell is the answer, then what became of the record: nothing (it is as
/// it was), `+` (its TTL is new), `-` (it is gone), or `>` and the letter of the state that was written. `acq3r` is an
/// acquisition with attempt 3, recovered; the record's own attempt is 2. "over" is a lease that has ended and that
/// nobody has taken over, under the holder's policy; every other column runs under both policies.
const TABLE: &str = "
                       absent | expired | live   | over, rerun | over, hold | indeterminate | released | completed | failed
begin, same payload    acq1>P | acq1>P  | prog   | acq3r>P     | indet>I    | indet         | acq3>P   | replay    | error
begin, other payload   acq1>P | acq1>P  | mism   | mism        | mism       | indet         | acq3>P   | mism      | mism
begin, no payload      acq1>P | acq1>P  | prog   | acq3r>P     | indet>I    | indet         | acq3>P   | replay    | error
begin again, owner     acq1>P | acq1>P  | acq2+  | acq2+       | acq2+      | indet         | rel      | replay    | error
begin where there is   lost   | lost    | prog   | acq3r>P     | indet>I    | indet         | acq3>P   | replay    | error
begin as another name  acq7r>P | acq7r>P | prog  | acq7r>P     | indet>I    | indet         | acq7r>P  | replay    | error
extend, owner          lost   | lost    | done+  | done+       | done+      | stale         | stale    | stale     | stale
extend, other          lost   | lost    | stale  | stale       | stale      | stale         | stale    | stale     | stale
complete, owner        lost   | lost    | done>C | done>C      | done>C     | done>C        | stale    | done      | stale
complete, other        lost   | lost    | stale  | stale       | stale      | stale         | stale    | stale     | stale
release, owner         lost   | lost    | done>R | done>R      | done>R     | done>R        | done     | stale     | stale
release, other         lost   | lost    | stale  | stale       | stale      | stale         | stale    | stale     | stale
record, owner          lost   | lost    | done>F | done>F      | done>F     | done>F        | stale    | stale     | done
record, other          lost   | lost    | stale  | stale       | stale      | stale         | stale    | stale     | stale
hold, owner            lost   | lost    | done>I | done>I      | done>I     | done          | stale    | stale     | stale
hold, other            lost   | lost    | stale  | stale       | stale      | stale         | stale    | stale     | stale
leave, owner           done   | done    | done-  | done-       | done-      | stale         | stale    | stale     | stale
leave, other           done   | done    | stale  | stale       | stale      | stale         | stale    | stale     | stale
resolve value          lost   | lost    | prog   | done>C      | done>C     | done>C        | done>C   | settled   | settled
resolve value, force   lost   | lost    | done>C | done>C      | done>C     | done>C        | done>C   | settled   | settled
resolve rerun          lost   | lost    | prog   | done>R      | done>R     | done>R        | done     | settled   | settled
resolve rerun, force   lost   | lost    | done>R | done>R      | done>R     | done>R        | done     | settled   | settled
reset                  lost   | lost    | prog   | done>R      | done>R     | done>R        | done>R   | done>R    | done>R
reset, force           lost   | lost    | done>R | done>R      | done>R     | done>R        | done>R   | done>R    | done>R
";
const LABEL: usize = 23;

const NOW: Now = Now { us: 1_763_900_000_000_000 };
const LEASE_MS: u64 = 30_000;
const TTL_MS: u64 = 86_400_000;
const FENCE: u64 = 1_763_899_000_000_000;
/// An attempt that was acquired under another name of the key.
const ELSEWHERE: Absent = Absent::Resume { fence: FENCE + 5, attempt: 7, recovered: true };

fn owner() -> Owner {
    Owner::from_random([1; 12])
}

fn other() -> Owner {
    Owner::from_random([2; 12])
}

fn payload_one() -> Fingerprint {
    Fingerprint::from_hash([1; 16])
}

fn record(state: State) -> Record {
    Record {
        fence: FENCE,
        owner: owner(),
        fingerprint: Some(payload_one()),
        flags: Flags::default(),
        attempt: 2,
        state,
    }
}

/// What is stored in a column of the table. The age of a lease is its TTL minus the time left.
fn stored(column: &str, flags: Flags) -> Option<Stored> {
    let processing = State::Processing { lease_ms: LEASE_MS, ttl_ms: TTL_MS };
    let payload = || b"jthe outcome".to_vec();
    let (state, age_ms) = match column {
        "absent" => return None,
        "expired" => (processing, TTL_MS),
        "live" => (processing, LEASE_MS - 1),
        "over, rerun" | "over, hold" => (processing, LEASE_MS),
        "indeterminate" => (State::Indeterminate { lease_ms: LEASE_MS, ttl_ms: TTL_MS, since_ms: 7 }, 1),
        "released" => (State::Released { payload: payload() }, 1),
        "completed" => (State::Completed { payload: payload() }, 1),
        "failed" => (State::Failed { payload: payload() }, 1),
        _ => panic!("{column:?} is not a column"),
    };
    Some(Stored { record: Record { flags, ..record(state) }, expires_at_ms: NOW.ms() + TTL_MS - age_ms, told: None })
}

fn begin(owner: Owner, fingerprint: Option<Fingerprint>) -> Begin {
    Begin {
        owner,
        fingerprint,
        lease_ms: 1_000,
        retention_ms: 7_200_000,
        hold: false,
        mark_waited: false,
        awaited_fence: None,
        absent: Absent::Acquire,
    }
}

fn command(line: &str) -> Command {
    let who = if line.ends_with("owner") { owner() } else { other() };
    let force = line.ends_with("force");
    let fail = |failure| Command::Fail { owner: who, failure };
    let resolve = |to| Command::Resolve { owner: other(), to, force };
    match line.split([',', ' ']).next() {
        Some("begin") => Command::Begin(match line {
            "begin, same payload" => begin(other(), Some(payload_one())),
            "begin, other payload" => begin(other(), Some(Fingerprint::from_hash([2; 16]))),
            "begin, no payload" => begin(other(), None),
            "begin where there is" => Begin { absent: Absent::Refuse, ..begin(other(), None) },
            "begin as another name" => Begin { absent: ELSEWHERE, ..begin(other(), None) },
            _ => begin(owner(), Some(payload_one())),
        }),
        Some("extend") => Command::Extend { owner: who },
        Some("complete") => {
            let completed = record(State::Completed { payload: b"jnew".to_vec() });
            Command::Complete { record: Record { owner: who, ..completed }, retention_ms: 500 }
        }
        Some("release") => fail(Failure::Release { payload: b"enew".to_vec(), told_for_ms: 400 }),
        Some("record") => fail(Failure::Record { payload: b"enew".to_vec(), retention_ms: 500 }),
        Some("hold") => fail(Failure::Hold),
        Some("leave") => fail(Failure::Leave),
        Some("resolve") if line.contains("value") => {
            resolve(Resolution::Value { payload: b"jnew".to_vec(), retention_ms: 500 })
        }
        Some("resolve") => resolve(Resolution::Rerun { retention_ms: 500 }),
        Some("reset") => Command::Reset { owner: other(), retention_ms: 500, force },
        _ => panic!("{line:?} is not a command"),
    }
}

/// Spells a cell as the table does.
fn cell(effect: &Effect, outcome: &Outcome) -> String {
    let answer = match outcome {
        Outcome::Acquired { attempt, recovered, .. } => format!("acq{attempt}{}", if *recovered { "r" } else { "" }),
        Outcome::InProgress { .. } => "prog".into(),
        Outcome::Mismatch { .. } => "mism".into(),
        Outcome::Indeterminate { .. } => "indet".into(),
        Outcome::Released { .. } => "rel".into(),
        Outcome::Replay { .. } => "replay".into(),
        Outcome::ReplayError { .. } => "error".into(),
        Outcome::Done => "done".into(),
        Outcome::Stale { .. } => "stale".into(),
        Outcome::Lost => "lost".into(),
        Outcome::Settled => "settled".into(),
        Outcome::Unreadable(reason) => format!("{reason:?}"),
    };
    match effect {
        Effect::Keep => answer,
        Effect::Renew { .. } => answer + "+",
        Effect::Patch { .. } => answer + "*",
        Effect::Remove { .. } => answer + "-",
        Effect::Write { record, .. } => format!("{answer}>{}", char::from(record.state.letter())),
    }
}

/// Every cell: its command, its column, and what the table says.
fn cells() -> Vec<(&'static str, &'static str, &'static str)> {
    let mut lines = TABLE.lines().filter(|line| !line.is_empty());
    let columns: Vec<_> = lines.next().unwrap().split('|').map(str::trim).collect();
    let row = |line: &'static str| {
        let (label, cells) = line.split_at(LABEL);
        let cells: Vec<_> = cells.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), columns.len(), "{line}");
        columns.clone().into_iter().zip(cells).map(move |(column, cell)| (label.trim(), column, cell))
    };
    lines.flat_map(row).collect()
}

fn policies(column: &str) -> &'static [bool] {
    match column {
        "over, rerun" => &[false],
        "over, hold" => &[true],
        _ => &[false, true],
    }
}

#[test]
fn every_cell_of_the_table_is_as_it_says() {
    let mut seen = 0;
    for (line, column, expected) in cells() {
        for &hold in policies(column) {
            for waited in [false, true] {
                let before = stored(column, Flags { waited, hold, recovered: false });
                let (effect, outcome) = apply(before.as_ref(), &command(line), NOW);
                assert_eq!(cell(&effect, &outcome), expected, "{line} × {column}, hold: {hold}");
                check_effect(&effect, before.as_ref(), waited, &format!("{line} × {column}"));
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 24 * (2 * 7 + 2) * 2);
}

/// Checks what holds in every cell: fences never fall, and those who wait are told of each new state and nothing else.
fn check_effect(effect: &Effect, before: Option<&Stored>, waited: bool, what: &str) {
    if let Effect::Remove { publish } = effect {
        assert_eq!(*publish, waited, "{what}: publish");
    }
    let Effect::Write { record, ttl_ms, publish, tell } = effect else { return };
    let Some(before) = before.filter(|before| before.expires_at_ms > NOW.ms()) else {
        assert!(!publish, "{what}: there is no new state to publish");
        return;
    };
    let changed = record.state.letter() != before.record.state.letter();
    let reset_again = record.state.letter() == b'R' && !changed;
    let taken_over = record.state.letter() == b'P';
    assert_eq!(*publish, waited && !taken_over, "{what}: publish");
    assert!(record.fence >= before.record.fence, "{what}: fence");
    assert_eq!(record.fence > before.record.fence, record.owner != before.record.owner, "{what}: a fence per owner");
    let outlives = match record.state.letter() {
        b'C' | b'F' => *ttl_ms == 500,
        b'P' => *ttl_ms == 7_200_000,
        b'I' => *ttl_ms == TTL_MS,
        _ => *ttl_ms == TTL_MS || *ttl_ms == 3_600_000,
    };
    assert!(outlives, "{what}: ttl {ttl_ms}");
    let tells = tell.as_ref().map(|tell| (tell.payload.as_slice(), tell.ttl_ms));
    let released = what.starts_with("release") && waited;
    assert_eq!(tells, released.then_some((b"enew".as_slice(), 400)), "{what}: an error for those who wait");
    assert!(changed || reset_again || taken_over, "{what}: written without a change");
}

#[test]
fn a_lease_lives_to_its_last_millisecond_and_not_beyond() {
    let at = |age_ms: u64| {
        let live = stored("live", Flags::default()).unwrap();
        let stored = Stored { expires_at_ms: NOW.ms() + TTL_MS - age_ms, ..live };
        apply(Some(&stored), &Command::Begin(begin(other(), None)), NOW).1
    };
    assert_eq!(at(0), Outcome::InProgress { fence: FENCE, remaining_ms: LEASE_MS });
    assert_eq!(at(LEASE_MS - 1), Outcome::InProgress { fence: FENCE, remaining_ms: 1 });
    assert!(matches!(at(LEASE_MS), Outcome::Acquired { .. }));
}

#[test]
fn a_clock_that_went_back_makes_no_lease_longer_than_it_was_given() {
    let live = stored("live", Flags::default()).unwrap();
    let earlier = Now { us: NOW.us - 3_600_000_000 };
    let (_, outcome) = apply(Some(&live), &Command::Begin(begin(other(), None)), earlier);
    assert_eq!(outcome, Outcome::InProgress { fence: FENCE, remaining_ms: LEASE_MS });
}

#[test]
fn a_fence_is_the_servers_time_or_one_more_than_the_last() {
    let over = stored("over, rerun", Flags::default()).unwrap();
    let acquired = |fence: u64| {
        let stored = Stored { record: Record { fence, ..over.record.clone() }, ..over.clone() };
        match apply(Some(&stored), &Command::Begin(begin(other(), None)), NOW).1 {
            Outcome::Acquired { fence, .. } => fence,
            outcome => panic!("{outcome:?}"),
        }
    };
    assert_eq!(acquired(FENCE), NOW.us);
    assert_eq!(acquired(NOW.us), NOW.us + 1);
    assert_eq!(acquired(NOW.us + 9), NOW.us + 10);
}

#[test]
fn an_in_progress_answer_marks_the_record_once_for_who_will_wait() {
    let waiting = Command::Begin(Begin { mark_waited: true, ..begin(other(), None) });
    let flags = Flags { recovered: true, hold: true, waited: false };
    let (effect, _) = apply(stored("live", flags).as_ref(), &waiting, NOW);
    let Effect::Patch { record } = effect else { panic!("{effect:?}") };
    assert_eq!(record, Record { flags: Flags { waited: true, ..flags }, ..stored("live", flags).unwrap().record });
    let (effect, _) = apply(stored("live", record.flags).as_ref(), &waiting, NOW);
    assert_eq!(effect, Effect::Keep);
}

#[test]
fn what_the_flags_become() {
    let all = Flags { waited: true, recovered: true, hold: true };
    let none = Flags::default();
    let recovered = Flags { recovered: true, ..none };
    let after = |line: &str, column: &str, flags: Flags| {
        let (effect, _) = apply(stored(column, flags).as_ref(), &command(line), NOW);
        let Effect::Write { record, .. } = effect else { panic!("{line} × {column}: {effect:?}") };
        record.flags
    };
    let over = Flags { hold: false, ..all };
    assert_eq!(after("begin, no payload", "over, rerun", over), over, "the next attempt inherits waited");
    assert_eq!(after("begin, no payload", "over, rerun", none), recovered);
    assert_eq!(after("begin, no payload", "over, hold", all), Flags { waited: false, ..all });
    assert_eq!(after("begin, no payload", "released", recovered), recovered, "no outcome has been recorded yet");
    assert_eq!(after("begin, no payload", "released", none), none);
    assert_eq!(after("release, owner", "live", all), recovered);
    assert_eq!(after("release, owner", "live", none), none);
    assert_eq!(after("record, owner", "live", all), none);
    assert_eq!(after("hold, owner", "live", all), Flags { waited: false, ..all });
    assert_eq!(after("resolve rerun", "indeterminate", none), recovered, "the end of an earlier attempt is unknown");
    assert_eq!(after("resolve value", "indeterminate", recovered), none);
    assert_eq!(after("reset, force", "live", none), recovered);
    assert_eq!(after("reset", "completed", none), none);
    assert_eq!(after("reset", "released", recovered), none);
}

#[test]
fn the_new_record_carries_the_new_callers_terms() {
    let caller = Begin { hold: true, ..begin(other(), None) };
    let (effect, _) = apply(stored("released", Flags::default()).as_ref(), &Command::Begin(caller), NOW);
    let Effect::Write { record, ttl_ms, .. } = effect else { panic!("{effect:?}") };
    assert_eq!(ttl_ms, 7_200_000);
    let state = State::Processing { lease_ms: 1_000, ttl_ms: 7_200_000 };
    let flags = Flags { hold: true, ..Flags::default() };
    assert_eq!(record, Record { fence: NOW.us, owner: other(), fingerprint: None, flags, attempt: 3, state });
}

#[test]
fn the_vanished_attempt_is_named_to_who_finds_it_indeterminate() {
    let (effect, outcome) = apply(
        stored("over, hold", Flags { hold: true, ..Flags::default() }).as_ref(),
        &command("begin, no payload"),
        NOW,
    );
    assert_eq!(outcome, Outcome::Indeterminate { fence: FENCE, since_ms: NOW.ms() });
    let Effect::Write { record, .. } = effect else { panic!("{effect:?}") };
    assert_eq!((record.owner, record.attempt), (owner(), 2));
    assert_eq!(record.state, State::Indeterminate { lease_ms: LEASE_MS, ttl_ms: TTL_MS, since_ms: NOW.ms() });
}

#[test]
fn a_completion_under_an_earlier_fence_is_stale() {
    let live = stored("live", Flags::default()).unwrap();
    let Command::Complete { record, retention_ms } = command("complete, owner") else { panic!() };
    for state in [live.record.state.clone(), record.state.clone()] {
        let stored = Stored { record: Record { fence: FENCE + 1, state, ..live.record.clone() }, ..live.clone() };
        let late = Command::Complete { record: record.clone(), retention_ms };
        assert_eq!(apply(Some(&stored), &late, NOW), (Effect::Keep, Outcome::Stale { fence: FENCE + 1 }));
    }
}

#[test]
fn after_an_operator_spoke_the_vanished_owner_is_stale() {
    for line in ["resolve value", "resolve rerun", "reset"] {
        let (effect, _) = apply(stored("indeterminate", Flags::default()).as_ref(), &command(line), NOW);
        let Effect::Write { record, ttl_ms, .. } = effect else { panic!("{effect:?}") };
        assert_eq!((record.fence, record.attempt), (NOW.us, 2), "{line}");
        let stored = Stored::new(record, ttl_ms, None, NOW);
        for late in ["complete, owner", "release, owner", "record, owner", "hold, owner", "extend, owner"] {
            let (effect, outcome) = apply(Some(&stored), &command(late), NOW);
            assert_eq!((effect, outcome), (Effect::Keep, Outcome::Stale { fence: NOW.us }), "{late} after {line}");
        }
        let repeated = apply(Some(&stored), &command(line), NOW);
        assert_eq!(repeated, (Effect::Keep, Outcome::Done), "{line} repeated");
    }
}

#[test]
fn what_is_answered_without_the_clock_is_what_the_clock_would_not_change() {
    for (line, column, _) in cells()
        .into_iter()
        .filter(|(line, column, _)| line.starts_with("begin") && *column != "absent" && *column != "expired")
    {
        let Command::Begin(begin) = command(line) else { panic!("{line}") };
        for &hold in policies(column) {
            let stored = stored(column, Flags { hold, ..Flags::default() }).unwrap();
            let (effect, outcome) = apply(Some(&stored), &Command::Begin(begin.clone()), NOW);
            match outcome_at_any_time(Cow::Borrowed(&stored.record), &begin) {
                Some(answer) => assert_eq!((effect, outcome), (Effect::Keep, answer), "{line} × {column}"),
                None => assert!(
                    matches!(outcome, Outcome::Acquired { .. } | Outcome::InProgress { .. }) || effect != Effect::Keep,
                    "{line} × {column} does not need the clock"
                ),
            }
        }
    }
}

mod told;
