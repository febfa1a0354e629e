//! The bytes that call the scripts of a record, and what their replies mean. The words of a reply are the `snake_case`
//! names of [`Outcome`]'s variants; the fields come in the variant's order.

use std::borrow::Cow;

use super::Script;
use super::resp::{Malformed, Resp, TimeSource, call, decimal, unreadable};
use crate::model::record::{Origin, push_decimal, push_fence};
use crate::model::{
    Absent, Begin, Command, Failure, Fingerprint, Outcome, Record, Resolution, outcome_at_any_time, unfinished_ttl_ms,
};

/// Appends the `EVALSHA` of `command` on the record at `key`.
pub fn pack(command: &Command, key: &[u8], clock: TimeSource, out: &mut Vec<u8>) {
    let script = Script::of(command);
    match command {
        Command::Begin(begin) => pack_begin(call(out, script, key, 8), begin, clock),
        Command::Extend { owner } => call(out, script, key, 1).owner(*owner),
        Command::Complete { record, retention_ms } => call(out, script, key, 2).record(record).number(*retention_ms),
        Command::Fail { owner, failure } => pack_fail(call(out, script, key, 5).owner(*owner), failure, clock),
        Command::Resolve { owner, to, force } => {
            pack_resolve(call(out, script, key, 6).owner(*owner), to).flag(*force).clock(clock)
        }
        Command::Reset { owner, retention_ms, force } => {
            let ttl_ms = unfinished_ttl_ms(*retention_ms, 0);
            call(out, script, key, 4).owner(*owner).number(ttl_ms).flag(*force).clock(clock)
        }
    };
}

/// Appends the plain `SET … NX GET PX` that is a begin on Redis 7 and newer. It acquires a free key with `fence`, the
/// client's estimate of the server's microseconds, or returns the stored record for [`super::judge_set`].
pub fn pack_set_if_absent(begin: &Begin, key: &[u8], fence: u64, out: &mut Vec<u8>) {
    let record = begin.first_record(fence);
    Resp::start(out, 7).arg(b"SET").arg(key).record(&record).arg(b"NX").arg(b"GET").arg(b"PX").number(begin.ttl_ms());
}

/// Appends the plain `SET … IFEQ … PX` that is a complete on Redis 8.4, Valkey 8.1 and newer, at an eighth of the
/// script's cost. `held` is the record that this attempt's begin wrote: [`Begin::record`] with what `Acquired` told.
/// `OK` is [`crate::model::Outcome::Done`]. Nil means that the record has changed, for example because somebody waits
/// or because this is a repeat; then the caller runs the script of the same complete.
pub fn pack_set_if_equal(held: &Record, completed: &Record, retention_ms: u64, key: &[u8], out: &mut Vec<u8>) {
    let request = Resp::start(out, 7).arg(b"SET").arg(key).record(completed).arg(b"IFEQ").record(held);
    request.arg(b"PX").number(retention_ms);
}

fn pack_begin<'a>(request: Resp<'a>, begin: &Begin, clock: TimeSource) -> Resp<'a> {
    let mut awaited = Vec::new();
    if let Some(fence) = begin.awaited_fence {
        push_fence(&mut awaited, fence);
    }
    request
        .owner(begin.owner)
        .arg(Fingerprint::text(begin.fingerprint.as_ref()))
        .number(begin.lease_ms)
        .number(begin.ttl_ms())
        .arg(&hold_and_absent(begin))
        .flag(begin.mark_waited)
        .arg(&awaited)
        .clock(clock)
}

fn hold_and_absent(begin: &Begin) -> Vec<u8> {
    let mut text = vec![if begin.hold { b'4' } else { b'0' }];
    match begin.absent {
        Absent::Acquire => {}
        Absent::Refuse => text.push(b'-'),
        Absent::Resume { fence, attempt, recovered } => {
            push_fence(&mut text, fence);
            text.push(if recovered { b'2' } else { b'0' });
            push_decimal(&mut text, attempt);
        }
    }
    text
}

fn pack_fail<'a>(request: Resp<'a>, failure: &Failure, clock: TimeSource) -> Resp<'a> {
    match failure {
        Failure::Release { payload, told_for_ms } => request.arg(b"R").arg(payload).number(*told_for_ms),
        Failure::Record { payload, retention_ms } => request.arg(b"F").arg(payload).number(*retention_ms),
        Failure::Hold => request.arg(b"I").arg(b"").arg(b""),
        Failure::Leave => request.arg(b"-").arg(b"").arg(b""),
    }
    .clock(clock)
}

fn pack_resolve<'a>(request: Resp<'a>, to: &Resolution) -> Resp<'a> {
    match to {
        Resolution::Value { payload, retention_ms } => request.arg(b"C").arg(payload).number(*retention_ms),
        Resolution::Rerun { retention_ms } => request.arg(b"R").arg(b"").number(unfinished_ttl_ms(*retention_ms, 0)),
    }
}

/// A script replies with an array of strings, or with one bare string where the name says everything (`done`, `lost`,
/// `settled`). A bare string is passed as `reply` with one element.
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

/// What the reply to [`super::pack_set_if_absent`] means: nil is an acquisition, and the model judges a record.
/// `None` when the clock or a write has to decide; then the caller runs the script of the same begin.
pub fn judge_set(reply: Option<Vec<u8>>, begin: &Begin, fence: u64) -> Option<Outcome> {
    let Some(text) = reply else {
        let Record { fence, attempt, flags, .. } = begin.first_record(fence);
        return Some(Outcome::Acquired { fence, attempt, recovered: flags.recovered });
    };
    match Record::decode(text) {
        Ok(record) => outcome_at_any_time(Cow::Owned(record), begin),
        Err(reason) => Some(Outcome::Unreadable(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Unreadable;

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
