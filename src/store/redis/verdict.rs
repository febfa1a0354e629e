//! What a server's error means. Each gets one of eight verdicts, so nothing is retried or given up by chance.

use redis::{ServerError, ServerErrorKind};

use super::slots::SLOTS;
use crate::error::StoreError;

#[derive(Debug)]
pub enum Verdict {
    /// This connection is of no use any more (a demoted or loading node): reconnect, then send again.
    Retire(StoreError),
    /// The server cannot serve the request at the moment: send it again later.
    Later(StoreError),
    /// The server's last word on a connection that it ends.
    HungUp(StoreError),
    /// It takes no request, or no value, of this size.
    TooLarge(StoreError),
    /// Sending again would answer the same.
    Final(StoreError),
    /// The script cache was flushed: load, then send again.
    NoScript,
    /// The key holds a value of another type.
    WrongType(String),
    /// Another node of the cluster has this key. `once`: for this command only, while the slot moves.
    Moved { slot: u16, address: String, once: bool },
}

#[must_use]
pub fn judge(error: &ServerError) -> Verdict {
    let code = error.code();
    let detail = error.details().unwrap_or_default();
    // The rest quotes the command that was sent, which may hold a password or a piece of a result.
    let detail = detail.split(", with args beginning with").next().unwrap_or_default();
    let code = if code == "ERR" { code_inside_script(detail).unwrap_or(code) } else { code };
    let text = format!("Redis answered {code} {detail}");
    match (error.kind(), code) {
        (Some(ServerErrorKind::NoScript), _) => Verdict::NoScript,
        (_, "WRONGTYPE") => Verdict::WrongType("the key holds a value of another type".into()),
        (_, "READONLY") => Verdict::Retire(StoreError::Refused(format!("{text} (a replica, or a demoted primary)"))),
        (_, "LOADING" | "MASTERDOWN" | "UNBLOCKED") => Verdict::Retire(StoreError::Unavailable(text)),
        (_, "BUSY" | "TRYAGAIN" | "CLUSTERDOWN" | "NOREPLICAS" | "MISCONF") => {
            Verdict::Later(StoreError::Unavailable(text))
        }
        (_, "OOM") => Verdict::Final(StoreError::Full(text)),
        (_, "NOPERM") => Verdict::Final(StoreError::Refused(format!(
            "{text}; the user needs ~<prefix>:* &<prefix>:* +@connection +get +getrange +set +setrange +pttl +pexpire \
             +publish +subscribe +unsubscribe +evalsha +script|load +time, and for state machines +zadd +zrem +zrangebyscore \
             +hmget +hset +hdel +exists +persist"
        ))),
        (_, "MOVED" | "ASK") => moved(detail, code == "ASK").unwrap_or(Verdict::Final(StoreError::Protocol(text))),
        (_, "NOAUTH" | "WRONGPASS" | "DENIED" | "NOPROTO" | "CROSSSLOT") => Verdict::Final(StoreError::Refused(text)),
        // This error comes instead of the first reply, and the server then closes the connection.
        _ if detail.contains("max number of clients") => Verdict::Retire(StoreError::Unavailable(text)),
        _ if detail.contains("unknown command") => Verdict::Final(StoreError::Refused(format!(
            "{text}; Redis 6.2 or newer, or Valkey, is needed, with its commands under their own names"
        ))),
        _ if detail.starts_with("Protocol error") => Verdict::HungUp(StoreError::Protocol(text)),
        _ if is_about_size(detail) => Verdict::TooLarge(StoreError::Protocol(text)),
        _ => Verdict::Final(StoreError::Protocol(text)),
    }
}

/// Whether what was sent is itself too large. How large everything together may be, in a day or in the store, passes.
fn is_about_size(detail: &str) -> bool {
    let detail = detail.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    let is_too_large = says(&["too large", "too big", "too long", "larger than", "bigger than"])
        || (says(&["size", "length"]) && says(&["exceed"]));
    is_too_large
        && says(&["request", "record", "value", "string", "payload", "command", "argument", "item", "entry", "object"])
        && !says(&[
            "daily",
            "monthly",
            "per day",
            "per second",
            "rate",
            "total",
            "quota",
            "capacity",
            "database",
            "memory",
        ])
}

/// `3999 127.0.0.1:6381`
fn moved(detail: &str, once: bool) -> Option<Verdict> {
    let (slot, address) = detail.split_once(' ')?;
    let slot = slot.parse().ok().filter(|slot| usize::from(*slot) < SLOTS)?;
    Some(Verdict::Moved { slot, address: address.trim().to_owned(), once })
}

/// A script that fails inside `redis.call` answers `ERR`. Before Redis 7 it does so for any error of the command
/// (`Error running script …: -OOM command …`), and in all versions when the user lacks a right.
fn code_inside_script(detail: &str) -> Option<&str> {
    if detail.contains("ACL failure in script") || detail.contains("The user executing the script can't") {
        return Some("NOPERM");
    }
    let within = detail.strip_prefix("Error running script")?;
    let is_code = |word: &&str| word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    within.split(": ").filter_map(|part| part.trim_start_matches('-').split(' ').next()).find(is_code)
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::*;

    fn verdict(line: &str) -> Verdict {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        let Value::ServerError(error) = value else { panic!("an error line gives an error") };
        judge(&error)
    }

    #[test]
    fn every_error_of_the_fault_matrix_has_its_verdict() {
        assert!(matches!(
            verdict("LOADING Redis is loading the dataset in memory"),
            Verdict::Retire(StoreError::Unavailable(_))
        ));
        assert!(matches!(
            verdict("READONLY You can't write against a read only replica."),
            Verdict::Retire(StoreError::Refused(_))
        ));
        assert!(matches!(verdict("BUSY Redis is busy running a script."), Verdict::Later(_)));
        assert!(matches!(verdict("MISCONF Redis is configured to save RDB snapshots"), Verdict::Later(_)));
        assert!(matches!(verdict("NOREPLICAS Not enough good replicas to write."), Verdict::Later(_)));
        assert!(matches!(verdict("CLUSTERDOWN The cluster is down"), Verdict::Later(_)));
        assert!(matches!(
            verdict("OOM command not allowed when used memory > 'maxmemory'."),
            Verdict::Final(StoreError::Full(_))
        ));
        assert!(matches!(verdict("NOAUTH Authentication required."), Verdict::Final(StoreError::Refused(_))));
        assert!(matches!(verdict("NOPERM this user has no permissions"), Verdict::Final(StoreError::Refused(_))));
        assert!(matches!(verdict("ERR max number of clients reached"), Verdict::Retire(StoreError::Unavailable(_))));
        assert!(matches!(verdict("NOSCRIPT No matching script."), Verdict::NoScript));
        assert!(matches!(verdict("WRONGTYPE Operation against a key"), Verdict::WrongType(_)));
        assert!(matches!(verdict("ERR something else"), Verdict::Final(StoreError::Protocol(_))));
    }

    #[test]
    fn an_error_inside_a_script_of_redis_6_is_seen_through() {
        let inside = |line| verdict(&format!("ERR Error running script (call to f_0): @user_script:1: {line}"));
        assert!(matches!(inside("@user_script: 1: -OOM command not allowed"), Verdict::Final(StoreError::Full(_))));
        assert!(matches!(inside("@user_script: 1: -READONLY You can't"), Verdict::Retire(StoreError::Refused(_))));
        assert!(matches!(inside("WRONGTYPE Operation against a key"), Verdict::WrongType(_)));
        assert!(matches!(inside("attempt to index a nil value"), Verdict::Final(StoreError::Protocol(_))));
    }

    #[test]
    fn a_right_that_is_missing_inside_a_script_is_a_refusal() {
        for detail in [
            "Error running script (call to f_0): @user_script:1: @user_script: 1: The user executing the script can't run this command or subcommand",
            "The user executing the script can't run this command or subcommand script: 0, on @user_script:1.",
            "ACL failure in script: User app has no permissions to run the 'get' command script: 0, on @user_script:1.",
        ] {
            match verdict(&format!("ERR {detail}")) {
                Verdict::Final(StoreError::Refused(text)) => assert!(text.contains("the user needs"), "{text}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn only_the_size_of_what_was_sent_is_refused_for_good() {
        for said in [
            "ERR max request size exceeded. Limit: 1048576 bytes, Actual: 1277695 bytes. See the documentation for details",
            "ERR max single record size exceeded",
            "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            "ERR value is too large",
            "ERR Request too large",
            "ERR the payload is larger than 512000 bytes",
        ] {
            assert!(matches!(verdict(said), Verdict::TooLarge(StoreError::Protocol(_))), "{said}");
        }
        for said in [
            "ERR max requests limit exceeded. Limit: 500000, Usage: 500000",
            "ERR max daily request size exceeded",
            "ERR max daily bandwidth exceeded",
            "ERR DB capacity quota exceeded",
            "ERR database size limit exceeded",
            "ERR total size of values exceeded",
            "ERR rate of requests too large",
            "ERR upstream failure",
        ] {
            assert!(matches!(verdict(said), Verdict::Final(StoreError::Protocol(_))), "{said}");
        }
        assert!(matches!(verdict("OOM request size exceeded"), Verdict::Final(StoreError::Full(_))));
    }

    #[test]
    fn a_breach_of_the_protocol_is_the_last_word_on_a_connection() {
        for said in ["ERR Protocol error: invalid bulk length", "ERR Protocol error: unbalanced quotes in request"] {
            assert!(matches!(verdict(said), Verdict::HungUp(StoreError::Protocol(_))), "{said}");
        }
    }

    #[test]
    fn what_an_unknown_command_was_given_is_not_repeated() {
        for args in ["`3`, `AUTH`, `app`, `hunter2`, ", "'3' 'AUTH' 'app' 'hunter2' "] {
            match verdict(&format!("ERR unknown command `HELLO`, with args beginning with: {args}")) {
                Verdict::Final(StoreError::Refused(text)) => {
                    assert!(text.contains("`HELLO`; Redis 6.2 or newer") && !text.contains("hunter2"), "{text}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_redirection_names_slot_and_node() {
        let Verdict::Moved { slot, address, once } = verdict("MOVED 3999 127.0.0.1:6381") else {
            panic!("no redirection")
        };
        assert_eq!((slot, address.as_str(), once), (3_999, "127.0.0.1:6381", false));
        assert!(matches!(verdict("ASK 3999 ::1:6381"), Verdict::Moved { once: true, .. }));
        assert!(matches!(verdict("MOVED 16384 127.0.0.1:6381"), Verdict::Final(StoreError::Protocol(_))));
        assert!(matches!(verdict("MOVED nonsense"), Verdict::Final(StoreError::Protocol(_))));
    }
}
