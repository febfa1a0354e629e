//! From a [`Target`] to a stream that is ready for commands: name resolution, TCP, TLS, `HELLO`, the scripts, one look
//! at the server's clock and at what it evicts. It runs on a background thread: nothing here may block Node's loop.

use std::sync::Arc;
use std::time::Duration;

use redis::{ConnectionAddr, Value, cmd};

use super::conversation::{Handshake, Io, Replies, Socket, converse, converse_but, hello, is_primary};
use super::eviction;
use super::features::{ConnectError, Features};
use super::fields;
use super::sentinel::{self, Lifeline};
use super::stream::Stream;
use super::target::{Place, Target};
use crate::clock::{self, ServerClock};
use crate::error::StoreError;
use crate::scripts;

/// A connection that has said hello.
pub struct Established {
    pub stream: Stream,
    pub features: Features,
    /// The policy under which the server may evict records.
    pub evicts: Option<String>,
    /// Ends the connection when Sentinels name another primary. It lives as long as the stream is used.
    pub lifeline: Option<Arc<Lifeline>>,
}

pub type Connected = Result<Established, ConnectError>;

/// # Errors
/// Everything that can go wrong on the way, within the target's connect timeout.
pub async fn connect(target: Arc<Target>) -> Connected {
    let limit = Duration::from_micros(target.access.connect_timeout);
    let handshake = Handshake::default();
    tokio::time::timeout(limit, open(&target, &handshake)).await.unwrap_or_else(|_| {
        let reason = format!("no connection within {} ms{}", limit.as_millis(), handshake.hint());
        Err(ConnectError::unreachable(&target.name(), &reason))
    })
}

async fn open(target: &Arc<Target>, handshake: &Handshake) -> Result<Established, ConnectError> {
    let at = match &target.place {
        Place::Server(address) | Place::Node(address) => address.clone(),
        Place::Sentinels(sentinels) => sentinels.primary(&target.access).await?,
    };
    let mut socket = Socket::open(&at, &target.access, handshake).await?;
    let (features, evicts) = greet(&mut socket.io(), target, &at).await?;
    let stream = socket.into_stream().map_err(|error| ConnectError::broken(&at, &error))?;
    let lifeline = match &target.place {
        Place::Sentinels(sentinels) => sentinel::watch(sentinels, &target.access, &at, &stream),
        Place::Server(_) | Place::Node(_) => Ok(None),
    };
    let lifeline = lifeline.map_err(|error| ConnectError::broken(&at, &error))?;
    Ok(Established { stream, features, evicts, lifeline })
}

/// One round trip: `HELLO 3 [AUTH]`, `SELECT` of another database than the first, every script, `INFO memory`, `TIME`.
/// Returns what the server can do, and the policy under which it may evict.
async fn greet(
    io: &mut dyn Io,
    target: &Target,
    at: &ConnectionAddr,
) -> Result<(Features, Option<String>), ConnectError> {
    let login = &target.access.login;
    let mut out = Vec::with_capacity(16 * 1024);
    hello(login).write_packed_command(&mut out);
    // The first database needs no `SELECT`, and on 6.2 `+@connection` does not include the right to it.
    let selects = login.db() != 0;
    if selects {
        cmd("SELECT").arg(login.db()).write_packed_command(&mut out);
    }
    for script in scripts::ALL {
        cmd("SCRIPT").arg("LOAD").arg(&script.source).write_packed_command(&mut out);
    }
    // Not every user has the right to `INFO`, and not every service has the command.
    cmd("INFO").arg("memory").write_packed_command(&mut out);
    cmd("TIME").write_packed_command(&mut out);
    let sent = clock::now();
    let at_info = 1 + usize::from(selects) + scripts::ALL.len();
    let Replies { values: replies, is_surplus } = converse_but(io, &out, at_info + 2, Some(at_info), at).await?;
    let (hello, info, time) = (&replies[0], &replies[at_info], &replies[at_info + 1]);
    let version = fields::field(hello, "version").unwrap_or_default();
    let major_minor = fields::major_minor(&version);
    if major_minor < (6, 2) {
        return Err(ConnectError::refused(&format!("Redis {version} is too old: 6.2 or newer, or Valkey, is needed")));
    }
    // A replica in a cluster is accepted: it names the primary of every key that it is asked for.
    if !is_primary(hello) && !matches!(target.place, Place::Node(_)) {
        let error = StoreError::Refused("the server is a read-only replica; connect to the primary".into());
        return Err(ConnectError::may_pass(error));
    }
    if is_surplus {
        return Err(ConnectError::garbled(&"it sent more replies than there were commands"));
    }
    let evicts = eviction::policy(info);
    if let Some(policy) = evicts.as_ref().filter(|_| target.access.refuses_eviction) {
        return Err(ConnectError::refused(&format!(
            "maxmemory-policy is {policy} and not noeviction, which eviction: 'refuse' asks for"
        )));
    }
    let is_valkey = fields::field(hello, "server").is_some_and(|name| name == "valkey");
    if target.access.durability.is_some_and(|durability| durability.fsync) {
        check_disk(io, is_valkey, major_minor, at).await?;
    }
    let server =
        fields::time(time).ok_or_else(|| ConnectError::refused("TIME did not give a time before the year 2255"))?;
    let if_equal_since = if is_valkey { (8, 1) } else { (8, 4) };
    let features = Features {
        clock: ServerClock::measured(server, sent, clock::now()),
        set_nx_get: major_minor >= (7, 0),
        set_if_equal: major_minor >= if_equal_since,
    };
    Ok((features, evicts))
}

/// Checks that this server's `WAITAOF` tells what is on the disk.
async fn check_disk(
    io: &mut dyn Io,
    is_valkey: bool,
    major_minor: (u32, u32),
    at: &ConnectionAddr,
) -> Result<(), ConnectError> {
    if major_minor < (7, 2) {
        return Err(ConnectError::refused("durability.fsync needs WAITAOF: Redis 7.2 or newer, or Valkey"));
    }
    let mut out = Vec::new();
    cmd("INFO").arg("persistence").write_packed_command(&mut out);
    let replies = converse(io, &out, 1, at).await?;
    let info = match &replies.values[0] {
        Value::VerbatimString { text, .. } => text.clone(),
        other => fields::text(other).unwrap_or_default(),
    };
    if !info.contains("aof_enabled:1") {
        return Err(ConnectError::refused("durability.fsync needs appendonly yes on the server"));
    }
    if is_valkey {
        let mut out = Vec::new();
        cmd("CONFIG").arg("GET").arg("appendfsync").write_packed_command(&mut out);
        let replies = converse(io, &out, 1, at).await?;
        if fields::field(&replies.values[0], "appendfsync").as_deref() != Some("always") {
            let why = "Valkey acknowledges WAITAOF before the write is on disk, unless appendfsync is always";
            return Err(ConnectError::refused(&format!("durability.fsync: {why}")));
        }
    }
    Ok(())
}
