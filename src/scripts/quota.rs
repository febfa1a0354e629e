//! The bytes that call the script for a scope's count, and what its replies mean.

use super::ADMIT;
use super::resp::{Malformed, TimeSource, call, decimal};
use crate::model::quota::{Outcome, Quota};

/// Appends the `EVALSHA` that counts one more key at `count`.
pub fn pack(quota: Quota, count: &[u8], clock: TimeSource, out: &mut Vec<u8>) {
    let request = call(out, &ADMIT, count, 4).number(quota.limit).number(quota.retention_ms);
    request.number(quota.slice_ms()).clock(clock);
}

/// Appends the `EVALSHA` that asks how many keys are counted at `count`.
pub fn pack_count(count: &[u8], clock: TimeSource, out: &mut Vec<u8>) {
    call(out, &ADMIT, count, 4).arg(b"").number(1).number(1).clock(clock);
}

/// # Errors
/// The reply is none of the script's outcomes.
pub fn parse<B: AsRef<[u8]>>(reply: &[B]) -> Result<Outcome, Malformed> {
    match reply {
        [name] if name.as_ref() == b"admitted" => Ok(Outcome::Admitted),
        [name, left] if name.as_ref() == b"full" => {
            let free_in_ms = decimal(left.as_ref()).ok_or(Malformed)?;
            Ok(Outcome::Full { free_in_ms })
        }
        [name, keys, left] if name.as_ref() == b"counted" => {
            let keys = decimal(keys.as_ref()).ok_or(Malformed)?;
            let free_in_ms = decimal(left.as_ref()).ok_or(Malformed)?;
            Ok(Outcome::Counted { keys, free_in_ms })
        }
        _ => Err(Malformed),
    }
}
