//! Asks Sentinels where the primary is. Every connection asks anew, so that a failover is followed by reconnecting; that
//! the server found is a primary indeed is seen by its greeting.

use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::{ConnectionAddr, Value, cmd};

use super::connect::{Failure, Socket, converse, garbled, hello, refused, unreachable};
use super::reply;
use super::target::{Access, Sentinels};

/// # Errors
/// What the last Sentinel said, when none of them names a primary. Final only when all that answered do not know the service.
pub async fn primary(sentinels: &Sentinels, access: &Access) -> Result<ConnectionAddr, Failure> {
    let count = sentinels.addresses.len();
    let first = sentinels.preferred.load(Ordering::Relaxed);
    // A Sentinel that is silent must leave time for the next, and for the primary.
    let share = Duration::from_micros(access.connect_timeout / (count as u64 + 1));
    let mut failure = None;
    for index in (0..count).map(|offset| (first + offset) % count) {
        let sentinel = &sentinels.addresses[index];
        let found = tokio::time::timeout(share, ask(sentinels, sentinel, access))
            .await
            .unwrap_or_else(|_| Err(unreachable(sentinel, "this Sentinel does not answer")));
        match found {
            Ok(address) => {
                sentinels.preferred.store(index, Ordering::Relaxed);
                return Ok(address);
            }
            // One that cannot be reached says more than one that does not know: it may pass.
            Err(next) if failure.as_ref().is_none_or(|known: &Failure| known.final_) => failure = Some(next),
            Err(_) => {}
        }
    }
    Err(failure.unwrap_or_else(|| refused("the url names no Sentinel")))
}

async fn ask(sentinels: &Sentinels, sentinel: &ConnectionAddr, access: &Access) -> Result<ConnectionAddr, Failure> {
    let mut socket = Socket::open(sentinel, access).await?;
    let mut out = Vec::new();
    hello(&sentinels.login).write_packed_command(&mut out);
    let service = &sentinels.service;
    cmd("SENTINEL").arg("get-master-addr-by-name").arg(service).write_packed_command(&mut out);
    let replies = converse(&mut socket.io(), &out, 2, sentinel).await?;
    match &replies[1] {
        Value::Nil => Err(refused(&format!("the Sentinel at {sentinel} watches no service named '{service}'"))),
        Value::Array(parts) => {
            let [Some(host), Some(port)] = [0, 1].map(|index| parts.get(index).and_then(reply::text)) else {
                return Err(garbled(&"a Sentinel names no address"));
            };
            let port = port.parse().map_err(|error| garbled(&error))?;
            Ok(match sentinel {
                ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                    ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
                }
                _ => ConnectionAddr::Tcp(host, port),
            })
        }
        _ => Err(garbled(&"a Sentinel names no address")),
    }
}
