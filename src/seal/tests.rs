use proptest::prelude::*;

use super::*;
use crate::model::{Fingerprint, Owner};

fn place() -> Place {
    let fingerprint = Fingerprint::from_hash([7; 16]);
    let origin = Origin::new(Owner::from_random([1; 12]), Some(&fingerprint));
    Place { key: "actonce:{Jt9Zq0b1y3R5k2n8x7u4Vw}".into(), origin, state: b'C' }
}

fn key(id: &str, byte: u8) -> Key {
    Key::new(id, &[byte; 32]).unwrap()
}

fn encrypting() -> Sealer {
    Sealer::new(Some(Keyring::new(key("k1", 1), Vec::new())), None, false)
}

fn compressing() -> Sealer {
    Sealer::new(None, Some(64), true)
}

fn both() -> Sealer {
    Sealer::new(Some(Keyring::new(key("k1", 1), Vec::new())), Some(64), false)
}

fn sealed(sealer: &Sealer, text: &[u8], place: &Place) -> Vec<u8> {
    let mut payload = text.to_vec();
    sealer.seal(&mut payload, place, By::Attempt);
    payload
}

fn opened(sealer: &Sealer, stored: &[u8], place: &Place) -> Result<Vec<u8>, Unopened> {
    let mut payload = stored.to_vec();
    sealer.open(&mut payload, place).map(|()| payload)
}

const TEXT: &[u8] =
    b"{\"card\":\"4242424242424242\",\"card again\":\"4242424242424242\",\"and again\":\"4242424242424242\"}";

#[test]
fn without_options_nothing_changes() {
    let plain = Sealer::default();
    assert!(!plain.changes_payloads());
    assert_eq!(sealed(&plain, TEXT, &place()), TEXT);
    assert_eq!(opened(&plain, TEXT, &place()), Ok(TEXT.to_vec()));
}

#[test]
fn what_is_sealed_shows_its_key_and_nothing_else() {
    for sealer in [encrypting(), both()] {
        let stored = sealed(&sealer, TEXT, &place());
        assert!(stored.starts_with(b"Sk1 "), "{}", stored.escape_ascii());
        assert_eq!(key_id_of(&stored), Some("k1"));
        assert!(!stored.windows(4).any(|part| part == b"card"));
        assert_ne!(stored, sealed(&sealer, TEXT, &place()), "a nonce of its own");
        assert_eq!(opened(&sealer, &stored, &place()), Ok(TEXT.to_vec()));
    }
}

#[test]
fn compression_is_read_whoever_wrote_it_and_only_where_it_helps() {
    let stored = sealed(&compressing(), TEXT, &place());
    assert!(
        stored.starts_with(format!("Z{} ", TEXT.len()).as_bytes()) && stored.len() < TEXT.len(),
        "{}",
        stored.escape_ascii()
    );
    assert_eq!(opened(&Sealer::default(), &stored, &place()), Ok(TEXT.to_vec()));
    assert_eq!(sealed(&compressing(), b"\"short\"", &place()), b"\"short\"");
    let mut random = vec![0; 1_000];
    getrandom::fill(&mut random[1..]).unwrap();
    assert!(sealed(&compressing(), &random, &place()) == random, "it would be longer");
    assert!(sealed(&both(), TEXT, &place()).len() < sealed(&encrypting(), TEXT, &place()).len());
}

#[test]
fn a_sealed_payload_opens_in_its_place_only() {
    let sealer = encrypting();
    let stored = sealed(&sealer, TEXT, &place());
    let fingerprint = Fingerprint::from_hash([7; 16]);
    let others = [
        Place { key: "actonce:{another}".into(), ..place() },
        Place { state: b'F', ..place() },
        Place { origin: Origin::new(Owner::from_random([2; 12]), Some(&fingerprint)), ..place() },
        Place { origin: Origin::new(Owner::from_random([1; 12]), None), ..place() },
    ];
    for other in others {
        assert_eq!(opened(&sealer, &stored, &other), Err(Unopened::NotAuthentic), "{other:?}");
    }
}

#[test]
fn an_operators_value_opens_under_any_fingerprint_and_passes_for_no_other() {
    let sealer = encrypting();
    let mut stored = TEXT.to_vec();
    let theirs = Place { origin: Origin::new(Owner::from_random([1; 12]), None), ..place() };
    sealer.seal(&mut stored, &theirs, By::Operator);
    assert_eq!(opened(&sealer, &stored, &place()), Ok(TEXT.to_vec()));
    stored[0] = b'S';
    assert_eq!(opened(&sealer, &stored, &place()), Err(Unopened::NotAuthentic));
    let mut own = sealed(&sealer, TEXT, &place());
    own[0] = b'O';
    assert_eq!(opened(&sealer, &own, &place()), Err(Unopened::NotAuthentic));
}

#[test]
fn keys_rotate() {
    let written = sealed(&encrypting(), TEXT, &place());
    let rotated = Sealer::new(Some(Keyring::new(key("k2", 2), vec![key("k1", 1)])), None, false);
    assert_eq!(opened(&rotated, &written, &place()), Ok(TEXT.to_vec()));
    assert_eq!(key_id_of(&sealed(&rotated, TEXT, &place())), Some("k2"));
    let removed = Sealer::new(Some(Keyring::new(key("k2", 2), Vec::new())), None, false);
    assert_eq!(opened(&removed, &written, &place()), Err(Unopened::UnknownKey("k1".into())));
    assert_eq!(opened(&Sealer::default(), &written, &place()), Err(Unopened::UnknownKey("k1".into())));
    let same_name = Sealer::new(Some(Keyring::new(key("k1", 3), Vec::new())), None, false);
    assert_eq!(opened(&same_name, &written, &place()), Err(Unopened::NotAuthentic));
}

#[test]
fn plaintext_is_refused_unless_it_is_expected() {
    let compressed = sealed(&compressing(), TEXT, &place());
    for stored in [TEXT, &compressed, b""] {
        assert_eq!(opened(&encrypting(), stored, &place()), Err(Unopened::Plaintext));
    }
    let lenient = Sealer::new(Some(Keyring::new(key("k1", 1), Vec::new())), None, true);
    assert_eq!(opened(&lenient, TEXT, &place()), Ok(TEXT.to_vec()));
    assert_eq!(opened(&lenient, &compressed, &place()), Ok(TEXT.to_vec()));
}

#[test]
fn a_length_from_the_store_takes_no_memory() {
    let zeros = sealed(&compressing(), &vec![b'0'; LONGEST_COMPRESSED], &place());
    assert_eq!(opened(&compressing(), &zeros, &place()).map(|text| text.len()), Ok(LONGEST_COMPRESSED));
    let block = zeros.splitn(2, |byte| *byte == b' ').nth(1).unwrap();
    for length in ["104857600", "16777217", "16777215", "999999999999999", "9999999999999999", "0", "-1", "", "1e9"] {
        let stored = [b"Z", length.as_bytes(), b" ", block].concat();
        assert_eq!(opened(&compressing(), &stored, &place()), Err(Unopened::Compression), "{length}");
    }
    assert_eq!(opened(&compressing(), b"Z16000000 short", &place()), Err(Unopened::Compression), "beyond any ratio");
    for stored in [&b"Z"[..], b"Z5", b"Z5 "] {
        assert_eq!(opened(&compressing(), stored, &place()), Err(Unopened::Compression));
    }
}

#[test]
fn a_payload_above_the_longest_stays_as_it_is() {
    let text = vec![b'0'; LONGEST_COMPRESSED + 1];
    assert_eq!(sealed(&compressing(), &text, &place()), text);
}

#[test]
fn ids_are_names() {
    for id in ["", "a b", "ä", "a\n", &"x".repeat(33)] {
        assert!(Key::new(id, &[0; 32]).is_none(), "{id}");
    }
    assert!(Key::new("2026-11_prod.eu", &[0; 32]).is_some());
}

#[test]
fn a_key_is_never_shown() {
    let shown = format!("{:?}", Sealer::new(Some(Keyring::new(key("k1", 200), Vec::new())), None, false));
    assert!(shown.contains("k1") && !shown.contains("200"), "{shown}");
}

proptest! {
    #[test]
    fn whatever_is_sealed_comes_back(text in prop::collection::vec(any::<u8>(), 0..2_000), repeated in 1_usize..20) {
        let text = [b"D", &*text.repeat(repeated)].concat();
        for sealer in [encrypting(), both()] {
            prop_assert_eq!(opened(&sealer, &sealed(&sealer, &text, &place()), &place()), Ok(text.clone()));
        }
    }

    #[test]
    fn a_sealed_payload_with_other_bytes_never_opens(
        text in prop::collection::vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
        change in 1_u8..,
        cut in any::<prop::sample::Index>(),
        kind in 0..3,
    ) {
        let stored = sealed(&both(), &text, &place());
        let mut mutated = stored.clone();
        match kind {
            0 => mutated[at.index(stored.len())] ^= change,
            1 => mutated.truncate(cut.index(stored.len())),
            _ => mutated.insert(at.index(stored.len()), change),
        }
        // The random byte that is inserted may equal the byte that stood there.
        prop_assume!(mutated != stored);
        prop_assert!(opened(&both(), &mutated, &place()).is_err());
    }

    #[test]
    fn a_planted_block_is_refused_or_as_long_as_it_says(
        text in prop::collection::vec(0_u8..4, 64..600),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut stored = sealed(&compressing(), &text, &place());
        for (at, byte) in changes {
            let at = at.index(stored.len());
            stored[at] = byte;
        }
        prop_assume!(stored.first() == Some(&b'Z'));
        let length = compress::length_of(&stored);
        if let Ok(text) = opened(&compressing(), &stored, &place()) {
            prop_assert_eq!(Some(text.len()), length);
        }
    }
}
