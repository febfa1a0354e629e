use proptest::prelude::*;

use super::*;

fn record(state: State) -> Record {
    Record {
        fence: 1_763_900_000_000_001,
        owner: Owner::from_random([7; 12]),
        fingerprint: Some(Fingerprint::from_hash([9; 16])),
        flags: Flags { waited: false, recovered: true, hold: true },
        attempt: 2,
        state,
    }
}

fn text(record: &Record) -> Vec<u8> {
    let mut text = Vec::new();
    record.encode(&mut text);
    text
}

fn any_record() -> impl Strategy<Value = Record> {
    let number = || 1..=999_999_999_999_999_u64;
    let payload = || proptest::collection::vec(any::<u8>(), 0..80);
    let state = prop_oneof![
        (number(), number()).prop_map(|(lease_ms, ttl_ms)| State::Processing { lease_ms, ttl_ms }),
        (number(), number(), number()).prop_map(|(lease_ms, ttl_ms, since_ms)| State::Indeterminate {
            lease_ms,
            ttl_ms,
            since_ms
        }),
        payload().prop_map(|payload| State::Released { payload }),
        payload().prop_map(|payload| State::Completed { payload }),
        payload().prop_map(|payload| State::Failed { payload }),
    ];
    (0..FENCE_LIMIT, any::<[u8; 12]>(), proptest::option::of(any::<[u8; 16]>()), 0..8_u8, number(), state).prop_map(
        |(fence, owner, fingerprint, flags, attempt, state)| Record {
            fence,
            owner: Owner::from_random(owner),
            fingerprint: fingerprint.map(Fingerprint::from_hash),
            flags: Flags::from_bits(flags),
            attempt,
            state,
        },
    )
}

/// Bytes that are often nearly a record: a real record, cut, lengthened or with some bytes replaced.
fn nearly_a_record() -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), prop_oneof![any::<u8>(), (b' '..b'z')]);
    (any_record(), proptest::collection::vec(edit, 0..4), 0..90_usize).prop_map(|(record, edits, length)| {
        let mut bytes = text(&record);
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(length.max(1));
        bytes
    })
}

#[test]
fn an_operator_reads_a_record_as_text() {
    let processing = record(State::Processing { lease_ms: 30_000, ttl_ms: 86_400_000 });
    assert_eq!(
        String::from_utf8(text(&processing)).unwrap(),
        "1P1763900000000001BwcHBwcHBwcHBwcHCQkJCQkJCQkJCQkJCQkJCQ62 30000 86400000"
    );
    let completed = Record { fingerprint: None, ..record(State::Completed { payload: b"j{}".to_vec() }) };
    assert_eq!(
        String::from_utf8(text(&completed)).unwrap(),
        "1C1763900000000001BwcHBwcHBwcHBwcH----------------------62 j{}"
    );
}

#[test]
fn what_is_not_a_record_says_why() {
    let good = text(&record(State::Completed { payload: Vec::new() }));
    assert_eq!(good.len(), SHORTEST);
    assert!(Record::decode(&good).is_ok());
    assert_eq!(Record::decode(b""), Err(Unreadable::TooShort));
    assert_eq!(Record::decode(b"2"), Err(Unreadable::Version));
    assert_eq!(Record::decode(b"{\"json\":1}"), Err(Unreadable::Version));
    assert_eq!(Record::decode(&good[..SHORTEST - 1]), Err(Unreadable::TooShort));

    let malformed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        assert_eq!(Record::decode(&bytes), Err(Unreadable::Malformed), "byte {at} as {byte}");
    };
    malformed(1, b'X');
    malformed(FENCE, b'9');
    malformed(FENCE, b'-');
    malformed(OWNER, b'+');
    malformed(FINGERPRINT, b'/');
    malformed(FLAGS, b'8');
    malformed(FLAGS, 0);
    malformed(ATTEMPT, b'0');
    malformed(ATTEMPT, b' ');
    malformed(ATTEMPT + 1, b'x');
}

#[test]
fn numbers_have_one_spelling() {
    let body = |body: &str| {
        let mut bytes = text(&record(State::Processing { lease_ms: 1, ttl_ms: 1 }));
        bytes.truncate(ATTEMPT);
        bytes.extend(body.bytes());
        Record::decode(&bytes)
    };
    assert!(body("1 100 999999999999999").is_ok());
    for malformed in
        ["1 0100 1", "1 +100 1", "1 100 1000000000000000", "1 100 1 ", "1 100 1 1", "1 100", "1  1", "1 1 "]
    {
        assert_eq!(body(malformed), Err(Unreadable::Malformed), "{malformed:?}");
    }
}

#[test]
fn unfinished_records_outlive_any_lease() {
    assert_eq!(unfinished_ttl_ms(1_000, 100), 3_600_000);
    assert_eq!(unfinished_ttl_ms(86_400_000, 30_000), 86_400_000);
    assert_eq!(unfinished_ttl_ms(1_000, 900_000), 9_000_000);
    assert_eq!(unfinished_ttl_ms(u64::MAX, u64::MAX), u64::MAX);
}

proptest! {
    #[test]
    fn a_record_comes_back_as_it_went(record in any_record()) {
        let bytes = text(&record);
        prop_assert_eq!(bytes.len(), record.encoded_len());
        prop_assert_eq!(Record::decode(&bytes), Ok(record));
    }

    #[test]
    fn decoding_never_panics_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Record::decode(&bytes);
    }

    #[test]
    fn what_decodes_has_exactly_one_text(bytes in nearly_a_record()) {
        if let Ok(record) = Record::decode(&bytes) {
            prop_assert_eq!(text(&record), bytes);
        }
    }
}
