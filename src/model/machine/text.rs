//! Reading the texts of an instance.

use crate::model::record::decimal;

/// The part of a text that has not been read yet.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// Reads up to `end`, and skips `end`.
    pub(super) fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let at = self.0.iter().position(|&byte| byte == end)?;
        let (part, rest) = self.0.split_at(at);
        self.0 = &rest[1..];
        Some(part)
    }

    pub(super) fn number(&mut self, end: u8) -> Option<u64> {
        decimal(self.until(end)?)
    }

    pub(super) fn name(&mut self, shortest: usize) -> Option<String> {
        name(self.until(b'\n')?, shortest)
    }
}

pub(super) fn name(text: &[u8], shortest: usize) -> Option<String> {
    let name = std::str::from_utf8(text).ok()?;
    (name.len() >= shortest && !name.contains(char::is_control)).then(|| name.to_owned())
}
