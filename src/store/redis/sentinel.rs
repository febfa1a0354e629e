//! Sentinels are asked where the primary is before every connection, and again and again while there are connections.
//! After a failover the old primary goes on as a primary for seconds (ten, with Redis 7), and what it accepts then is
//! lost. So this module ends connections to a server that the Sentinels do not name any more, and their owners connect
//! anew.

use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use redis::{ConnectionAddr, RedisConnectionInfo, Value, cmd};

use super::access::Access;
use super::conversation::{Handshake, Socket, converse, hello, is_primary};
use super::features::ConnectError;
use super::fields;
use super::stream::Stream;
use crate::threads;

/// The time between two looks while there are connections.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub struct Sentinels {
    pub addresses: Vec<ConnectionAddr>,
    /// The Sentinels' name for the wanted primary.
    pub service: String,
    pub login: RedisConnectionInfo,
    /// Which Sentinel is asked first.
    next: AtomicUsize,
    watched: Mutex<Watched>,
}

#[derive(Default)]
struct Watched {
    connections: Vec<Weak<Lifeline>>,
    is_looked_after: bool,
}

/// A second handle of a connection's socket, with which another thread can end the connection.
pub struct Lifeline {
    at: ConnectionAddr,
    socket: std::net::TcpStream,
}

impl Sentinels {
    #[must_use]
    pub fn new(addresses: Vec<ConnectionAddr>, service: String, login: RedisConnectionInfo) -> Self {
        let (next, watched) = (AtomicUsize::new(0), Mutex::default());
        Self { addresses, service, login, next, watched }
    }

    /// # Errors
    /// What a Sentinel said, when none of them names a primary. The error is final only when all Sentinels refused.
    pub async fn primary(&self, access: &Access) -> Result<ConnectionAddr, ConnectError> {
        let count = self.addresses.len();
        let first = self.next.load(Ordering::Relaxed);
        // A silent Sentinel must leave time for the next one, and for the primary.
        let share = Duration::from_micros(access.connect_timeout / (count as u64 + 1));
        let mut failure = None;
        for index in (0..count).map(|offset| (first + offset) % count) {
            let sentinel = &self.addresses[index];
            let handshake = Handshake::default();
            let found =
                tokio::time::timeout(share, self.ask(sentinel, access, &handshake)).await.unwrap_or_else(|_| {
                    let reason = format!("this Sentinel does not answer{}", handshake.hint());
                    Err(ConnectError::unreachable(sentinel, &reason))
                });
            match found {
                Ok(address) => {
                    self.next.store(index, Ordering::Relaxed);
                    return Ok(address);
                }
                // An unreachable Sentinel counts more than one that does not know, because its error may pass.
                Err(next) if failure.as_ref().is_none_or(|known: &ConnectError| known.is_final) => failure = Some(next),
                Err(_) => {}
            }
        }
        Err(failure.unwrap_or_else(|| ConnectError::refused("the url names no Sentinel")))
    }

    async fn ask(
        &self,
        sentinel: &ConnectionAddr,
        access: &Access,
        handshake: &Handshake,
    ) -> Result<ConnectionAddr, ConnectError> {
        let mut socket = Socket::open(sentinel, access, handshake).await?;
        let mut out = Vec::new();
        hello(&self.login).write_packed_command(&mut out);
        cmd("SENTINEL").arg("get-master-addr-by-name").arg(&self.service).write_packed_command(&mut out);
        let replies = converse(&mut socket.io(), &out, 2, sentinel).await?;
        if replies.values[1] == Value::Nil {
            return Err(ConnectError::refused(&format!(
                "the Sentinel at {sentinel} watches no service named '{}'",
                self.service
            )));
        }
        named(&replies.values[1], sentinel).ok_or_else(|| ConnectError::garbled(&"a Sentinel names no address"))
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open connections. When there are none, the watch ends.
    fn connections(&self) -> Vec<Arc<Lifeline>> {
        let mut watched = self.watched();
        let alive: Vec<_> = watched.connections.iter().filter_map(Weak::upgrade).collect();
        watched.connections.retain(|connection| connection.strong_count() > 0);
        watched.is_looked_after = !alive.is_empty();
        alive
    }
}

/// The address in a Sentinel's answer. It is reached as the Sentinel is, with TLS or without.
fn named(answer: &Value, sentinel: &ConnectionAddr) -> Option<ConnectionAddr> {
    let Value::Array(parts) = answer else { return None };
    let [host, port] = parts.as_slice() else { return None };
    let (host, port) = (fields::text(host)?, fields::text(port)?.parse().ok()?);
    Some(match sentinel {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    })
}

/// From now on the connection ends when the Sentinels name another server. Returns `None` for a socket that cannot be
/// ended from here.
///
/// # Errors
/// The system gives no second handle of the socket.
pub fn watch(
    sentinels: &Arc<Sentinels>,
    access: &Arc<Access>,
    at: &ConnectionAddr,
    stream: &Stream,
) -> io::Result<Option<Arc<Lifeline>>> {
    let Some(socket) = stream.socket() else { return Ok(None) };
    let lifeline = Arc::new(Lifeline { at: at.clone(), socket: socket.try_clone()? });
    let mut watched = sentinels.watched();
    watched.connections.push(Arc::downgrade(&lifeline));
    if !std::mem::replace(&mut watched.is_looked_after, true) {
        threads::io().spawn(look_after(Arc::clone(sentinels), Arc::clone(access)));
    }
    Ok(Some(lifeline))
}

async fn look_after(sentinels: Arc<Sentinels>, access: Arc<Access>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let connections = sentinels.connections();
        if connections.is_empty() {
            return;
        }
        // Each Sentinel is asked in turn, because one may be cut off and out of date.
        sentinels.next.fetch_add(1, Ordering::Relaxed);
        let Ok(primary) = sentinels.primary(&access).await else { continue };
        if connections.iter().all(|connection| connection.at == primary) || !answers_as_primary(&primary, &access).await
        {
            continue;
        }
        for connection in connections.iter().filter(|connection| connection.at != primary) {
            // The owner reads the end of the stream. A stream that has ended already needs no shutdown.
            let _ = connection.socket.shutdown(Shutdown::Both);
        }
    }
}

/// Whether the named server answers as a primary, which rules out an outdated name.
async fn answers_as_primary(at: &ConnectionAddr, access: &Access) -> bool {
    let greeting = async {
        let mut socket = Socket::open(at, access, &Handshake::default()).await?;
        let mut out = Vec::new();
        hello(&access.login).write_packed_command(&mut out);
        converse(&mut socket.io(), &out, 1, at).await
    };
    let limit = Duration::from_micros(access.connect_timeout);
    let replies = tokio::time::timeout(limit, greeting).await;
    matches!(replies, Ok(Ok(replies)) if is_primary(&replies.values[0]))
}
