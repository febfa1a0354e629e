//! Reads what a server says about itself: texts, the fields of maps, its time and its version.

use redis::Value;

use crate::model::record::FENCE_LIMIT;

/// The text of a RESP3 map's field.
#[must_use]
pub fn field(map: &Value, name: &str) -> Option<String> {
    let Value::Map(pairs) = map else { return None };
    pairs.iter().find(|(key, _)| text(key).as_deref() == Some(name)).and_then(|(_, value)| text(value))
}

#[must_use]
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

/// `TIME` as microseconds since the epoch.
#[must_use]
pub fn time(value: &Value) -> Option<u64> {
    let Value::Array(parts) = value else { return None };
    let [seconds, micros] = parts.as_slice() else { return None };
    let (seconds, micros): (u64, u64) = (text(seconds)?.parse().ok()?, text(micros)?.parse().ok()?);
    // A later time would make fences that no record can hold.
    seconds.checked_mul(1_000_000)?.checked_add(micros).filter(|&time| time < FENCE_LIMIT)
}

#[must_use]
pub fn major_minor(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_times_are_read() {
        assert_eq!(major_minor("7.0.15"), (7, 0));
        assert_eq!(major_minor("garbage"), (0, 0));
        let time_reply = Value::Array(vec![Value::BulkString(b"2".to_vec()), Value::BulkString(b"5".to_vec())]);
        assert_eq!(time(&time_reply), Some(2_000_005));
        let year_2300 =
            Value::Array(vec![Value::BulkString(b"10413792000".to_vec()), Value::BulkString(b"5".to_vec())]);
        assert_eq!(time(&year_2300), None);
    }
}
