//! The bytes that call the script of a scope's count, and what its replies mean.

use super::ADMIT;
use super::resp::{Clock, Malformed, call, decimal};
use crate::model::quota::{Admission, Verdict};

/// Appends the `EVALSHA` that counts one more key at `count`.
pub fn pack(admission: Admission, count: &[u8], clock: Clock, out: &mut Vec<u8>) {
    let request = call(out, &ADMIT, count, 4).number(admission.limit).number(admission.retention_ms);
    request.number(admission.slice_ms()).clock(clock);
}

/// # Errors
/// It is none of the script's replies.
pub fn parse<B: AsRef<[u8]>>(reply: &[B]) -> Result<Verdict, Malformed> {
    match reply {
        [name] if name.as_ref() == b"admitted" => Ok(Verdict::Admitted),
        [name, left] if name.as_ref() == b"full" => {
            let free_in_ms = decimal(left.as_ref()).ok_or(Malformed)?;
            Ok(Verdict::Full { free_in_ms })
        }
        _ => Err(Malformed),
    }
}
