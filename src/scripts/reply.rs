//! What a script answered. The words are the `snake_case` names of [`Outcome`]'s variants, the fields in their order.

use std::borrow::Cow;

use thiserror::Error;

use crate::model::record::{Origin, value_of};
use crate::model::{Begin, Outcome, Record, Unreadable, outcome_at_any_time};

/// The server answered something no script of ours says: not a store to be trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the script's reply is not one of its outcomes")]
pub struct Malformed;

/// A script replies with an array of strings, or with one bare string where the name says all (`done`, `lost`,
/// `settled`), which is `reply` with one element.
pub fn parse<B: AsRef<[u8]>>(reply: &[B]) -> Result<Outcome, Malformed> {
    let (name, fields) = reply.split_first().ok_or(Malformed)?;
    let number = |at: usize| decimal(fields.get(at)?.as_ref());
    let outcome = || {
        Some(match (name.as_ref(), fields.len()) {
            (b"acquired", 3) => {
                Outcome::Acquired { fence: number(0)?, attempt: number(1)?, recovered: number(2)? == 1 }
            }
            (b"in_progress", 2) => Outcome::InProgress { fence: number(0)?, remaining_ms: number(1)? },
            (b"mismatch", 1) => Outcome::Mismatch { fence: number(0)? },
            (b"indeterminate", 2) => Outcome::Indeterminate { fence: number(0)?, since_ms: number(1)? },
            (b"released" | b"replay" | b"replay_error", 4) => {
                let (fence, attempt) = (number(0)?, number(1)?);
                let (origin, payload) = (Origin::from_text(fields[2].as_ref())?, fields[3].as_ref().to_vec());
                match name.as_ref() {
                    b"released" => Outcome::Released { fence, attempt, origin, payload },
                    b"replay" => Outcome::Replay { fence, attempt, origin, payload },
                    _ => Outcome::ReplayError { fence, attempt, origin, payload },
                }
            }
            (b"done", 0) => Outcome::Done,
            (b"stale", 1) => Outcome::Stale { fence: number(0)? },
            (b"lost", 0) => Outcome::Lost,
            (b"settled", 0) => Outcome::Settled,
            (b"unreadable", 1) => Outcome::Unreadable(unreadable(fields[0].as_ref())?),
            _ => return None,
        })
    };
    outcome().ok_or(Malformed)
}

/// What the reply of [`super::pack_set_if_absent`] means: nil is an acquisition, a record is judged by the model.
/// `None` when the clock or a write has to decide: then the script of the same begin is to be run.
pub fn judge_set(reply: Option<Vec<u8>>, begin: &Begin, fence: u64) -> Option<Outcome> {
    let Some(text) = reply else {
        return Some(Outcome::Acquired { fence, attempt: 1, recovered: false });
    };
    match Record::decode(text) {
        Ok(record) => outcome_at_any_time(Cow::Owned(record), begin),
        Err(reason) => Some(Outcome::Unreadable(reason)),
    }
}

pub(super) fn unreadable(word: &[u8]) -> Option<Unreadable> {
    match word {
        b"version" => Some(Unreadable::Version),
        b"too_short" => Some(Unreadable::TooShort),
        b"malformed" => Some(Unreadable::Malformed),
        b"no_expiry" => Some(Unreadable::NoExpiry),
        _ => None,
    }
}

/// A fence comes zero padded.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    let sound = (1..=16).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    sound.then(|| value_of(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_become_outcomes() {
        let fence = 1_763_900_000_000_000;
        assert_eq!(
            parse(&["acquired", "1763900000000000", "2", "1"]),
            Ok(Outcome::Acquired { fence, attempt: 2, recovered: true })
        );
        assert_eq!(
            parse(&["replay", "0000000000000042", "1", &"-".repeat(38), ""]),
            Ok(Outcome::Replay {
                fence: 42,
                attempt: 1,
                origin: Origin::from_text(&[b'-'; 38]).unwrap(),
                payload: Vec::new()
            })
        );
        assert_eq!(parse(&["done"]), Ok(Outcome::Done));
        assert_eq!(parse(&["unreadable", "no_expiry"]), Ok(Outcome::Unreadable(Unreadable::NoExpiry)));
    }

    #[test]
    fn anything_else_is_malformed() {
        let replies: [&[&str]; 9] = [
            &[],
            &[""],
            &["Done"],
            &["done", "1"],
            &["stale"],
            &["stale", "-1"],
            &["stale", "12345678901234567"],
            &["unreadable", "x"],
            &["replay", "42", "1", "an origin that is too short", ""],
        ];
        for reply in replies {
            assert_eq!(parse(reply), Err(Malformed), "{reply:?}");
        }
    }
}
