//! Which node of a cluster has which key: the slots of keys, and what nodes say about who has them.

use crc::{CRC_16_XMODEM, Crc};
use redis::Value;

use super::fields;

pub const SLOTS: usize = 16_384;

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// The slot of a key, or of the text in its first pair of braces if there is any.
#[must_use]
pub fn slot(key: &str) -> usize {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = tag.filter(|tag| !tag.is_empty()).unwrap_or(key);
    usize::from(CRC.checksum(hashed.as_bytes())) % SLOTS
}

/// Slots from the first to the last, and the primary that has them: `host:port`; without a host, the node that says so.
#[derive(Debug, PartialEq, Eq)]
pub struct Range {
    pub first: usize,
    pub last: usize,
    pub address: String,
}

/// The answer to `CLUSTER SLOTS`; `None` for anything else.
#[must_use]
pub fn ranges(value: &Value) -> Option<Vec<Range>> {
    let Value::Array(rows) = value else { return None };
    rows.iter().map(range).collect()
}

fn range(row: &Value) -> Option<Range> {
    let Value::Array(row) = row else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = row.as_slice() else { return None };
    let (first, last) = (usize::try_from(*first).ok()?, usize::try_from(*last).ok()?);
    let [host, Value::Int(port), ..] = primary.as_slice() else { return None };
    // A node that does not know its own name says nothing or '?'.
    let host = fields::text(host).filter(|host| host != "?").unwrap_or_default();
    (first <= last && last < SLOTS).then(|| Range { first, last, address: format!("{host}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_cluster_specification() {
        assert_eq!(slot("123456789"), 0x31C3);
        assert_eq!(slot("foo"), 12_182);
        assert_eq!(slot("actonce:{foo}:m:payment:1"), slot("foo"));
        assert_eq!(slot("{}foo"), usize::from(CRC.checksum(b"{}foo")) % SLOTS);
        assert_eq!(slot("a{{b}}"), usize::from(CRC.checksum(b"{b")) % SLOTS);
    }

    fn row(first: i64, last: i64, host: Value) -> Value {
        let node = Value::Array(vec![host, Value::Int(7_000), Value::BulkString(b"id".to_vec())]);
        Value::Array(vec![Value::Int(first), Value::Int(last), node])
    }

    #[test]
    fn what_nodes_tell_is_read_and_nothing_else() {
        let told =
            ranges(&Value::Array(vec![row(0, 5, Value::BulkString(b"10.0.0.1".to_vec())), row(6, 9, Value::Nil)]));
        let expected = [(0, 5, "10.0.0.1:7000"), (6, 9, ":7000")];
        assert_eq!(
            told.unwrap(),
            expected.map(|(first, last, address)| Range { first, last, address: address.into() })
        );
        assert_eq!(ranges(&Value::Array(vec![row(5, 4, Value::Nil)])), None);
        assert_eq!(ranges(&Value::Array(vec![row(0, 16_384, Value::Nil)])), None);
        assert_eq!(ranges(&Value::Okay), None);
    }
}
