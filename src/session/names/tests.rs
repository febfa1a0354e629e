use super::*;
use crate::session::Terms;
use crate::store::keys;

fn names(secrets: &[&str], limit: Option<u64>) -> Names {
    let hashers: Vec<_> = secrets.iter().map(|secret| Hasher::new("p", secret)).collect();
    let mut names = Names::of(&hashers, "k1:k", None);
    if let Some(limit) = limit {
        names.count(&hashers, "scope", Quota { limit, retention_ms: 1 });
    }
    names
}

fn key(secret: &str) -> Arc<str> {
    Arc::clone(names(&[secret], None).key())
}

/// What is asked when `found` is the only name with a record, and each older count has one key.
fn asked(names: &mut Names, found: &str) -> String {
    let mut asked = Vec::new();
    loop {
        match names.next_ask() {
            NextAsk::Begin => {
                let absent = names.absent();
                asked.push(format!("begin {} {absent:?}", names.key()));
                return asked.join(", ");
            }
            NextAsk::Full { free_in_ms } => {
                asked.push(format!("full for {free_in_ms}"));
                return asked.join(", ");
            }
            NextAsk::Count(key) => {
                asked.push(key.to_string());
                names.count_older(1, 70 + asked.len() as u64);
            }
            NextAsk::Quota(count, quota) => asked.push(format!("{count} {}", quota.limit)),
            NextAsk::Find(key) => {
                asked.push(key.to_string());
                if found == &*key {
                    names.choose_found();
                }
            }
        }
    }
}

const SECRETS: [&str; 3] = ["new", "old", "older"];

#[test]
fn the_usual_call_asks_nothing_before_it_begins() {
    assert_eq!(asked(&mut names(&["new"], None), ""), format!("begin {} Acquire", key("new")));
}

#[test]
fn names_are_looked_under_the_older_ones_first_and_a_new_key_is_counted_under_all() {
    let [new, old, older] = SECRETS.map(key);
    let [count, count_old, count_older] = SECRETS.map(|secret| Hasher::new("p", secret).quota_key("scope"));
    let all = |found| asked(&mut names(&SECRETS, Some(5)), found);
    let counts = format!("{count_older}, {count_old}, {count} 3");
    assert_eq!(all(""), format!("{old}, {older}, {new}, {counts}, begin {new} Acquire"));
    assert_eq!(all(&new), format!("{old}, {older}, {new}, begin {new} Acquire"));
    assert_eq!(all(&older), format!("{old}, {older}, begin {older} Refuse"));
    assert_eq!(all(&old), format!("{old}, begin {old} Refuse"));
    assert_eq!(asked(&mut names(&SECRETS, None), ""), format!("{old}, {older}, begin {new} Acquire"));
    assert_eq!(asked(&mut names(&["new"], Some(5)), ""), format!("{new}, {count} 5, begin {new} Acquire"));
}

#[test]
fn as_many_as_there_may_be_are_counted_under_older_secrets_already() {
    let mut names = names(&SECRETS, Some(2));
    assert!(asked(&mut names, "").ends_with("full for 74"));
    assert_eq!((names.free_in_ms(90), names.free_in_ms(10)), (74, 10));
}

#[test]
fn what_was_acquired_under_an_older_name_goes_on_under_the_first() {
    let mut names = names(&SECRETS, None);
    assert!(asked(&mut names, &key("old")).ends_with("Refuse"));
    names.carry(Claim { fence: 7, attempt: 2, recovered: true });
    assert_eq!(names.absent(), Absent::Resume { fence: 7, attempt: 2, recovered: true });
    assert_eq!(*names.key(), key("new"));
    assert_eq!(names.arrive().map(|carried| carried.key), Some(key("old")));
    assert_eq!(names.absent(), Absent::Acquire);
}

#[test]
fn a_record_that_has_gone_is_looked_for_under_the_other_names_or_under_all_of_them() {
    let mut names = names(&SECRETS, None);
    let [new, old, older] = SECRETS.map(key);
    assert!(asked(&mut names, &old).ends_with("Refuse"));
    names.look_on();
    assert_eq!(asked(&mut names, ""), format!("{older}, begin {new} Acquire"));
    names.look_anew();
    assert_eq!(asked(&mut names, &older), format!("{old}, {older}, begin {older} Refuse"));
}

#[test]
fn an_attempt_that_vanishes_under_an_older_name_is_not_held_there_because_it_did_not_run() {
    let mut names = names(&SECRETS, None);
    let terms = Terms { hold: true, ..Terms::without_lease(1) };
    let holds = |names: &Names| terms.begin(keys::new_owner(), None, None, names.absent()).hold;
    assert!(asked(&mut names, &key("old")).ends_with("Refuse"));
    assert!(!holds(&names));
    names.carry(Claim { fence: 7, attempt: 2, recovered: false });
    assert!(holds(&names));
}
