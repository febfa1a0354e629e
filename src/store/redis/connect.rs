//! From a [`Target`] to a stream that is ready for commands: name resolution, TCP, TLS, `HELLO`, the scripts,
//! one look at the server's clock and at what it evicts. It runs on a background thread: nothing here may wait on Node's loop.

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, ConnectionAddr, RedisConnectionInfo, Value, cmd};
use rustls::StreamOwned;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::engine::Features;
use super::eviction;
use super::fields;
use super::inbox::Inbox;
use super::sentinel::{self, Lifeline};
use super::stream::Stream;
use super::target::{Access, Place, Target};
use super::verdict::{self, Verdict};
use crate::clock::{self, ServerClock};
use crate::error::StoreError;
use crate::scripts;

/// A connection that has said hello.
pub struct Established {
    pub stream: Stream,
    pub features: Features,
    /// The policy by which the server may evict records.
    pub evicts: Option<String>,
    /// By which it is ended when Sentinels name another primary; it lives as long as the stream is used.
    pub lifeline: Option<Arc<Lifeline>>,
}

/// Why there is no connection, and whether trying again may help.
#[derive(Clone, Debug)]
pub struct Failure {
    pub error: StoreError,
    pub final_: bool,
}

pub type Connected = Result<Established, Failure>;

/// # Errors
/// Everything that can go wrong on the way, within the target's connect timeout.
pub async fn connect(target: Arc<Target>) -> Connected {
    let limit = Duration::from_micros(target.access.connect_timeout);
    tokio::time::timeout(limit, open(&target))
        .await
        .unwrap_or_else(|_| Err(unreachable(&target.name(), &format!("no connection within {} ms", limit.as_millis()))))
}

async fn open(target: &Arc<Target>) -> Result<Established, Failure> {
    let at = match &target.place {
        Place::Server(address) | Place::Node(address) => address.clone(),
        Place::Sentinels(sentinels) => sentinels.primary(&target.access).await?,
    };
    let mut socket = Socket::open(&at, &target.access).await?;
    let (features, evicts) = greet(&mut socket.io(), target, &at).await?;
    let stream = socket.into_stream().map_err(|error| broken(&at, &error))?;
    let lifeline = sentinel::watch(target, &at, &stream).map_err(|error| broken(&at, &error))?;
    Ok(Established { stream, features, evicts, lifeline })
}

pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Io for S {}

/// A connected socket while it is still spoken to from a background thread.
pub enum Socket {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

impl Socket {
    pub async fn open(at: &ConnectionAddr, access: &Access) -> Result<Self, Failure> {
        let lost = |error| broken(at, &error);
        match at {
            ConnectionAddr::Tcp(host, port) => {
                Ok(Self::Tcp(TcpStream::connect((host.as_str(), *port)).await.map_err(lost)?))
            }
            ConnectionAddr::TcpTls { host, port, .. } => {
                let config = access.tls_config().map_err(|error| Failure { error, final_: true })?;
                let name = ServerName::try_from(host.clone()).map_err(|error| refused(&format!("tls: {error}")))?;
                let socket = TcpStream::connect((host.as_str(), *port)).await.map_err(lost)?;
                Ok(Self::Tls(Box::new(TlsConnector::from(config).connect(name, socket).await.map_err(lost)?)))
            }
            ConnectionAddr::Unix(path) => Ok(Self::Unix(UnixStream::connect(path).await.map_err(lost)?)),
            _ => Err(refused("this kind of address is not supported")),
        }
    }

    pub fn io(&mut self) -> Box<dyn Io + '_> {
        match self {
            Self::Tcp(socket) => Box::new(socket),
            Self::Tls(socket) => Box::new(socket),
            Self::Unix(socket) => Box::new(socket),
        }
    }

    fn into_stream(self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(socket) => Stream::Tcp(prepared(socket)?),
            Self::Tls(socket) => {
                let (socket, session) = socket.into_inner();
                Stream::Tls(Box::new(StreamOwned::new(session, prepared(socket)?)))
            }
            Self::Unix(socket) => Stream::Unix(socket.into_std()?),
        })
    }
}

/// Non-blocking already; no delay for small writes, and a dead peer is noticed while idle.
fn prepared(socket: TcpStream) -> io::Result<std::net::TcpStream> {
    let socket = socket.into_std()?;
    socket.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(&socket, true)?;
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_tcp_keepidle(&socket, Duration::from_secs(10))?;
    Ok(socket)
}

pub struct Replies {
    pub values: Vec<Value>,
    /// It says more than it was asked.
    pub is_surplus: bool,
}

/// Sends `out` and collects so many replies. The first that is an error ends it.
pub async fn converse(io: &mut dyn Io, out: &[u8], expected: usize, at: &ConnectionAddr) -> Result<Replies, Failure> {
    converse_but(io, out, expected, None, at).await
}

/// As [`converse`], but the reply in this place may be an error.
async fn converse_but(
    io: &mut dyn Io,
    out: &[u8],
    expected: usize,
    optional: Option<usize>,
    at: &ConnectionAddr,
) -> Result<Replies, Failure> {
    let lost = |error| broken(at, &error);
    // A server that turns us away says why and hangs up, perhaps before it has taken all of this: its words count.
    let written = io.write_all(out).await;
    let mut inbox = Inbox::default();
    let mut chunk = [0; 4 * 1_024];
    let mut replies = Vec::new();
    while replies.len() < expected {
        match inbox.next_reply().map_err(|error| garbled(&error))? {
            Some(Value::ServerError(error)) if optional != Some(replies.len()) => {
                return Err(judged(verdict::judge(&error)));
            }
            Some(Value::Push { .. }) => {}
            Some(value) => replies.push(value),
            None => {
                let length = io.read(&mut chunk).await.map_err(lost)?;
                if length == 0 {
                    written.map_err(lost)?;
                    return Err(unreachable(at, "the server closed the connection during the handshake"));
                }
                inbox.push(&chunk[..length]).map_err(|error| garbled(&error))?;
            }
        }
    }
    Ok(Replies { values: replies, is_surplus: !inbox.is_empty() })
}

/// Whether a server's greeting is a primary's.
pub fn is_primary(hello: &Value) -> bool {
    fields::field(hello, "role").is_none_or(|role| role == "master")
}

/// One round trip: `HELLO 3 [AUTH]`, `SELECT` of another database than the first, every script, `INFO memory`, `TIME`.
/// What the server can do, and by which policy it may evict.
async fn greet(io: &mut dyn Io, target: &Target, at: &ConnectionAddr) -> Result<(Features, Option<String>), Failure> {
    let login = &target.access.login;
    let mut out = Vec::with_capacity(16 * 1024);
    hello(login).write_packed_command(&mut out);
    // Not needed for the first, and on 6.2 a right that does not come with `+@connection`.
    let selects = login.db() != 0;
    if selects {
        cmd("SELECT").arg(login.db()).write_packed_command(&mut out);
    }
    for script in scripts::ALL {
        cmd("SCRIPT").arg("LOAD").arg(&script.source).write_packed_command(&mut out);
    }
    // A right that not every user has, and a command that not every service has.
    cmd("INFO").arg("memory").write_packed_command(&mut out);
    cmd("TIME").write_packed_command(&mut out);
    let sent = clock::now();
    let at_info = 1 + usize::from(selects) + scripts::ALL.len();
    let Replies { values: replies, is_surplus } = converse_but(io, &out, at_info + 2, Some(at_info), at).await?;
    let (hello, info, time) = (&replies[0], &replies[at_info], &replies[at_info + 1]);
    let version = fields::field(hello, "version").unwrap_or_default();
    let major_minor = fields::major_minor(&version);
    if major_minor < (6, 2) {
        return Err(refused(&format!("Redis {version} is too old: 6.2 or newer, or Valkey, is needed")));
    }
    // A cluster's replica names the primary of every key that it is asked for.
    if !is_primary(hello) && !matches!(target.place, Place::Node(_)) {
        let error = StoreError::Refused("the server is a read-only replica; connect to the primary".into());
        return Err(Failure { error, final_: false });
    }
    if is_surplus {
        return Err(garbled(&"it says more than it was asked"));
    }
    let evicts = eviction::policy(info);
    if let Some(policy) = evicts.as_ref().filter(|_| target.access.refuses_eviction) {
        return Err(refused(&format!(
            "maxmemory-policy is {policy} and not noeviction, which eviction: 'refuse' asks for"
        )));
    }
    let is_valkey = fields::field(hello, "server").is_some_and(|name| name == "valkey");
    if target.access.durability.is_some_and(|durability| durability.fsync) {
        check_disk(io, is_valkey, major_minor, at).await?;
    }
    let server = fields::time(time).ok_or_else(|| refused("TIME answered no time, or one after the year 2255"))?;
    let if_equal_since = if is_valkey { (8, 1) } else { (8, 4) };
    let features = Features {
        clock: ServerClock::measured(server, sent, clock::now()),
        set_nx_get: major_minor >= (7, 0),
        set_if_equal: major_minor >= if_equal_since,
    };
    Ok((features, evicts))
}

/// Whether `WAITAOF` says what is on the disk here.
async fn check_disk(
    io: &mut dyn Io,
    is_valkey: bool,
    major_minor: (u32, u32),
    at: &ConnectionAddr,
) -> Result<(), Failure> {
    if major_minor < (7, 2) {
        return Err(refused("durability.fsync needs WAITAOF: Redis 7.2 or newer, or Valkey"));
    }
    let mut out = Vec::new();
    cmd("INFO").arg("persistence").write_packed_command(&mut out);
    let replies = converse(io, &out, 1, at).await?;
    let info = match &replies.values[0] {
        Value::VerbatimString { text, .. } => text.clone(),
        other => fields::text(other).unwrap_or_default(),
    };
    if !info.contains("aof_enabled:1") {
        return Err(refused("durability.fsync needs appendonly yes on the server"));
    }
    if is_valkey {
        let mut out = Vec::new();
        cmd("CONFIG").arg("GET").arg("appendfsync").write_packed_command(&mut out);
        let replies = converse(io, &out, 1, at).await?;
        if fields::field(&replies.values[0], "appendfsync").as_deref() != Some("always") {
            let why = "Valkey acknowledges WAITAOF before the disk has the write unless appendfsync is always";
            return Err(refused(&format!("durability.fsync: {why}")));
        }
    }
    Ok(())
}

pub fn hello(settings: &RedisConnectionInfo) -> Cmd {
    let mut hello = cmd("HELLO");
    hello.arg(3);
    if let Some(password) = settings.password() {
        hello.arg("AUTH").arg(settings.username().unwrap_or("default")).arg(password);
    }
    hello.arg("SETNAME").arg("actonce");
    hello
}

fn judged(verdict: Verdict) -> Failure {
    match verdict {
        Verdict::Retire(error) | Verdict::Later(error) => Failure { error, final_: false },
        // An error that means nothing special is still the server's no to a greeting: `DB index is out of range`.
        Verdict::Final(StoreError::Protocol(reason)) | Verdict::WrongType(reason) => refused(&reason),
        Verdict::Final(error) => Failure { error, final_: true },
        Verdict::Moved { .. } => refused("a node of a cluster; its url begins with redis+cluster://"),
        Verdict::NoScript => refused("the server forgot a script while it was being loaded"),
    }
}

/// A certificate that one side does not accept shows as invalid data, while the server's verdict on ours comes only after
/// the handshake, in place of its first reply.
fn broken(at: &dyn Display, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::InvalidData {
        return refused(&format!("tls: {error}"));
    }
    unreachable(at, &error.to_string())
}

pub fn unreachable(at: &dyn Display, reason: &str) -> Failure {
    let error = StoreError::Unavailable(format!("cannot reach Redis at {at}: {reason}"));
    Failure { error, final_: false }
}

/// Something else listens there, or something between damages the stream, which may pass.
pub fn garbled(error: &impl Display) -> Failure {
    let error = StoreError::Protocol(format!("not a Redis server: {error}"));
    Failure { error, final_: false }
}

pub fn refused(reason: &str) -> Failure {
    Failure { error: StoreError::Refused(reason.into()), final_: true }
}
