//! Whether a server may throw away what it has acknowledged, according to `INFO memory`. `CONFIG` would tell it too,
//! but managed servers forbid that command.

use redis::Value;

use super::fields;

/// The policy under which the server may evict records; `None` when it may not, or does not tell.
#[must_use]
pub fn policy(info: &Value) -> Option<String> {
    let text = match info {
        Value::VerbatimString { text, .. } => text.clone(),
        other => fields::text(other)?,
    };
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let (limit, policy) = (field("maxmemory")?, field("maxmemory_policy")?);
    // Without a memory limit the server never has to make room.
    (limit != "0" && policy != "noeviction").then(|| policy.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<String> {
        policy(&Value::BulkString(text.replace('\n', "\r\n").into_bytes()))
    }

    #[test]
    fn only_a_limit_with_a_policy_that_evicts_is_told() {
        let info = |limit, policy| {
            format!("# Memory\nused_memory:1\nmaxmemory:{limit}\nmaxmemory_human:1M\nmaxmemory_policy:{policy}\nx:1\n")
        };
        assert_eq!(told(&info("1048576", "allkeys-lru")).as_deref(), Some("allkeys-lru"));
        assert_eq!(told(&info("1048576", "volatile-ttl")).as_deref(), Some("volatile-ttl"));
        assert_eq!(told(&info("1048576", "noeviction")), None);
        assert_eq!(told(&info("0", "allkeys-lru")), None);
    }

    #[test]
    fn a_server_that_does_not_tell_is_not_suspected() {
        assert_eq!(told("# Memory\nused_memory:1\n"), None);
        assert_eq!(told("maxmemory:1\n"), None);
        assert_eq!(told(""), None);
        assert_eq!(policy(&redis::parse_redis_value(b"-NOPERM no\r\n").unwrap()), None);
        assert_eq!(policy(&Value::Int(1)), None);
    }
}
