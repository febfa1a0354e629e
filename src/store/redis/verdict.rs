//! What a server's error means. Each error gets one of six verdicts, so nothing is retried or given up by chance.

use redis::{ServerError, ServerErrorKind};

use super::slots::SLOTS;
use crate::error::StoreError;

#[derive(Debug)]
pub enum Verdict {
    /// This connection is of no use any more (a demoted or loading node): reconnect, then send again.
    Retire(StoreError),
    /// The server cannot serve the request at the moment: send it again later.
    Later(StoreError),
    /// Sending the request again would bring the same answer.
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
        _ => Verdict::Final(StoreError::Protocol(text)),
    }
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
