//! LZ4 with the text's length in front. The length comes from the store, so it is checked before memory is allocated.

use lz4_flex::block;

use super::Unopened;
use crate::model::record::{decimal, push_decimal};

pub const COMPRESSED: u8 = b'Z';
/// Compressing a shorter payload gains nothing.
pub const SHORTEST: usize = 64;
/// A planted block expands to at most this much. A longer payload is not compressed.
pub const LONGEST: usize = 16 * 1024 * 1024;
/// One byte of a block stands for at most this many bytes.
const HIGHEST_RATIO: usize = 255;

/// Leaves the payload as it is when compression does not make it shorter.
pub fn compress(payload: &mut Vec<u8>) {
    if payload.len() > LONGEST {
        return;
    }
    let mut compressed = vec![COMPRESSED];
    push_decimal(&mut compressed, payload.len() as u64);
    compressed.push(b' ');
    let start = compressed.len();
    compressed.resize(start + block::get_maximum_output_size(payload.len()), 0);
    let Ok(length) = block::compress_into(payload, &mut compressed[start..]) else { return };
    compressed.truncate(start + length);
    if compressed.len() < payload.len() {
        compressed.shrink_to_fit();
        *payload = compressed;
    }
}

/// Leaves a payload that is not compressed as it is.
pub fn decompress(stored: &mut Vec<u8>) -> Result<(), Unopened> {
    if stored.first() != Some(&COMPRESSED) {
        return Ok(());
    }
    let (length, block) = split(stored).ok_or(Unopened::Compression)?;
    if length > LONGEST || length > block.len().saturating_mul(HIGHEST_RATIO) {
        return Err(Unopened::Compression);
    }
    let mut text = vec![0; length];
    match block::decompress_into(block, &mut text) {
        Ok(written) if written == length => {
            *stored = text;
            Ok(())
        }
        _ => Err(Unopened::Compression),
    }
}

/// The length that a compressed payload states for its text.
pub fn length_of(stored: &[u8]) -> Option<usize> {
    split(stored).map(|(length, _)| length)
}

fn split(stored: &[u8]) -> Option<(usize, &[u8])> {
    let space = stored.iter().take(20).position(|byte| *byte == b' ')?;
    let length = decimal(stored.get(1..space)?)?;
    Some((usize::try_from(length).ok()?, &stored[space + 1..]))
}
