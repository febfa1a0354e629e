//! How large a reply may be. The redis crate's parser makes values of anything that comes, and a value of three bytes
//! takes fifty in memory. An untrusted server must not fill this process with such values. So this module looks at the
//! heads of values before the parser sees them, which costs nanoseconds; it only knows where each value ends.

use thiserror::Error;

/// More than any record may hold.
const LONGEST_REPLY: usize = 64 * 1024 * 1024;
/// The longest reply to a request is a history of a thousand entries, after as many replies as one read brings.
const MOST_VALUES: usize = 100_000;
/// A status, an error or a length is no longer than this.
const LONGEST_LINE: usize = 64 * 1024;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Excess {
    #[error("a reply of more than {} MiB", LONGEST_REPLY / (1024 * 1024))]
    Bytes,
    #[error("a reply of more than {MOST_VALUES} values")]
    Values,
    #[error("a line of more than {} KiB", LONGEST_LINE / 1024)]
    Line,
}

#[derive(Default)]
pub struct Bounds {
    /// Bytes since the last whole reply.
    bytes: usize,
    values: usize,
    place: Place,
}

/// Where in a value the bytes so far end.
#[derive(Default)]
enum Place {
    /// A value's type comes next.
    #[default]
    Start,
    /// In the line after the type, of which only a string's length is kept. The parser's lines end in CR LF, so these
    /// must too: a scanner that disagrees with the parser could see one string where there are a million values.
    Line { length: Option<usize>, read: usize, last: u8 },
    /// This many bytes of a string, its line end included, are still to come.
    String { left: usize },
}

impl Bounds {
    /// # Errors
    /// Says what is too large.
    pub fn admit(&mut self, mut bytes: &[u8]) -> Result<(), Excess> {
        self.bytes += bytes.len();
        if self.bytes > LONGEST_REPLY {
            return Err(Excess::Bytes);
        }
        while let Some(&first) = bytes.first() {
            bytes = match &mut self.place {
                Place::Start => {
                    self.values += 1;
                    if self.values > MOST_VALUES {
                        return Err(Excess::Values);
                    }
                    let is_string = matches!(first, b'$' | b'!' | b'=');
                    self.place = Place::Line { length: is_string.then_some(0), read: 0, last: 0 };
                    &bytes[1..]
                }
                Place::Line { length, read, last } => {
                    let (line, ended) = up_to_line_end(bytes, *last);
                    *read += line.len();
                    if *read > LONGEST_LINE {
                        return Err(Excess::Line);
                    }
                    *last = line[line.len() - 1];
                    *length = line.iter().copied().fold(*length, with_digit);
                    if length.is_some_and(|length| length > LONGEST_REPLY) {
                        return Err(Excess::Bytes);
                    }
                    if ended {
                        self.place = length.map_or(Place::Start, |length| Place::String { left: length + 2 });
                    }
                    &bytes[line.len()..]
                }
                Place::String { left } => {
                    let within = (*left).min(bytes.len());
                    *left -= within;
                    if *left == 0 {
                        self.place = Place::Start;
                    }
                    &bytes[within..]
                }
            };
        }
        Ok(())
    }

    /// The parser has made a reply from what came; `left` bytes belong to the next reply.
    pub fn reply_ended(&mut self, left: usize) {
        self.bytes = left;
        self.values = 0;
    }
}

/// The bytes of a line with its end, and whether the end is there. `last` is the byte before them.
fn up_to_line_end(bytes: &[u8], mut last: u8) -> (&[u8], bool) {
    let end = bytes.iter().position(|&byte| std::mem::replace(&mut last, byte) == b'\r' && byte == b'\n');
    end.map_or((bytes, false), |end| (&bytes[..=end], true))
}

/// A string of negative length is nil and has no bytes. The parser rejects every other character that is not a digit.
fn with_digit(length: Option<usize>, byte: u8) -> Option<usize> {
    match byte {
        b'0'..=b'9' => length.map(|length| length.saturating_mul(10).saturating_add(usize::from(byte - b'0'))),
        b'-' => None,
        _ => length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(bytes: &[u8]) -> Result<(), Excess> {
        let whole = Bounds::default().admit(bytes);
        let mut bounds = Bounds::default();
        let pieces = bytes.chunks(1).try_for_each(|piece| bounds.admit(piece));
        assert_eq!(whole, pieces, "however it is cut");
        whole
    }

    #[test]
    fn what_our_scripts_answer_is_within_all_bounds() {
        let mut reply = b"*1007\r\n".to_vec();
        for _ in 0..1_007 {
            reply.extend_from_slice(b"$6\r\n\r\n*9\r\n\r\n");
        }
        assert_eq!(admitted(&reply), Ok(()));
        assert_eq!(admitted(b"$-1\r\n_\r\n:5\r\n+OK\r\n"), Ok(()));
    }

    #[test]
    fn too_many_values_are_refused_wherever_they_are() {
        let many = |value: &[u8]| value.repeat(MOST_VALUES + 1);
        for value in [&b":1\r\n"[..], b"_\r\n", b"$0\r\n\r\n", b"$-1\r\n", b"*1\r\n", b"%0\r\n", b"+a\nb\r\n"] {
            assert_eq!(admitted(&many(value)), Err(Excess::Values), "{}", value.escape_ascii());
        }
        // Inside a string, values are text; behind it, they are values. A line feed alone does not end a line.
        let values = many(b":1\r\n");
        let string = [format!("${}\r\n", values.len()).as_bytes(), &values, b"\r\n"].concat();
        assert_eq!(admitted(&string), Ok(()));
        assert_eq!(admitted(&[&string[..], &values].concat()), Err(Excess::Values));
        assert_eq!(admitted(&[b"+x\n$60000000\r\n", &values[..]].concat()), Err(Excess::Values));
        assert_eq!(admitted(&[b"$-60000000\r\n", &values[..]].concat()), Err(Excess::Values));
    }

    #[test]
    fn a_string_that_is_too_long_is_refused_by_its_head() {
        assert_eq!(admitted(b"$67108864\r\n"), Ok(()));
        for head in ["$67108865\r\n", "$99999999999999999999\r\n", "!67108865\r\n", "=67108865\r\n"] {
            assert_eq!(admitted(head.as_bytes()), Err(Excess::Bytes), "{head}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_refused() {
        let line = [b"+", "x".repeat(LONGEST_LINE + 1).as_bytes()].concat();
        assert_eq!(admitted(&line), Err(Excess::Line));
        assert_eq!(admitted(&line[..LONGEST_LINE]), Ok(()));
    }

    #[test]
    fn a_reply_that_has_ended_counts_no_more() {
        let mut bounds = Bounds::default();
        for _ in 0..3 {
            assert_eq!(bounds.admit(&b"_\r\n".repeat(MOST_VALUES)), Ok(()));
            bounds.reply_ended(0);
        }
    }
}
