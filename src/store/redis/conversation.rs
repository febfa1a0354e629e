//! The exchange with a server while a connection is made: a socket on a background thread, commands, and their replies.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::{Cmd, ConnectionAddr, RedisConnectionInfo, Value, cmd};
use rustls::StreamOwned;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::access::Access;
use super::features::ConnectError;
use super::fields;
use super::inbox::Inbox;
use super::stream::Stream;
use super::tls;
use super::verdict::{self, Verdict};
use crate::error::StoreError;

pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Io for S {}

/// Whether the client is waiting for the server's part of a TLS handshake. A server that does not speak TLS says
/// nothing then, because it waits for the end of a command.
#[derive(Default)]
pub struct Handshake {
    is_under_way: AtomicBool,
}

impl Handshake {
    /// What to add to the message when the client gives up waiting.
    pub fn hint(&self) -> &'static str {
        if self.is_under_way.load(Ordering::Relaxed) { tls::NO_ANSWER } else { "" }
    }
}

/// A connected socket that a background thread still reads and writes.
pub enum Socket {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

impl Socket {
    pub async fn open(at: &ConnectionAddr, access: &Access, handshake: &Handshake) -> Result<Self, ConnectError> {
        let lost = |error| ConnectError::broken(at, &error);
        match at {
            ConnectionAddr::Tcp(host, port) => {
                Ok(Self::Tcp(TcpStream::connect((host.as_str(), *port)).await.map_err(lost)?))
            }
            ConnectionAddr::TcpTls { host, port, .. } => {
                let config = access.trust.config().map_err(ConnectError::lasting)?;
                let name = access.trust.name_of(host).map_err(ConnectError::lasting)?;
                let socket = TcpStream::connect((host.as_str(), *port)).await.map_err(lost)?;
                handshake.is_under_way.store(true, Ordering::Relaxed);
                let shaken = TlsConnector::from(config).connect(name, socket).await;
                handshake.is_under_way.store(false, Ordering::Relaxed);
                let unshaken = |error| match access.trust.refusal(&error) {
                    Some(reason) => ConnectError::refused(&reason),
                    None => lost(error),
                };
                Ok(Self::Tls(Box::new(shaken.map_err(unshaken)?)))
            }
            ConnectionAddr::Unix(path) => Ok(Self::Unix(UnixStream::connect(path).await.map_err(lost)?)),
            _ => Err(ConnectError::refused("this kind of address is not supported")),
        }
    }

    pub fn io(&mut self) -> Box<dyn Io + '_> {
        match self {
            Self::Tcp(socket) => Box::new(socket),
            Self::Tls(socket) => Box::new(socket),
            Self::Unix(socket) => Box::new(socket),
        }
    }

    pub fn into_stream(self) -> io::Result<Stream> {
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

/// Makes the socket send small writes without delay and notice a dead peer while idle. It is non-blocking already.
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
    /// The server sent more replies than there were commands.
    pub is_surplus: bool,
}

/// Sends `out` and collects the `expected` replies. The first reply that is an error ends the exchange.
pub async fn converse(
    io: &mut dyn Io,
    out: &[u8],
    expected: usize,
    at: &ConnectionAddr,
) -> Result<Replies, ConnectError> {
    converse_but(io, out, expected, None, at).await
}

/// Does the same as [`converse`], but the reply at place `optional` may be an error.
pub async fn converse_but(
    io: &mut dyn Io,
    out: &[u8],
    expected: usize,
    optional: Option<usize>,
    at: &ConnectionAddr,
) -> Result<Replies, ConnectError> {
    // A server that refuses a client says why and hangs up, perhaps before it has read everything: its reply counts.
    let written = io.write_all(out).await;
    let mut inbox = Inbox::default();
    let mut chunk = [0; 4 * 1_024];
    let mut replies = Vec::new();
    let mut is_silent = true;
    while replies.len() < expected {
        match inbox.next_reply().map_err(|error| ConnectError::garbled(&error))? {
            Some(Value::ServerError(error)) if optional != Some(replies.len()) => {
                return Err(judged(verdict::judge(&error)));
            }
            Some(Value::Push { .. }) => {}
            Some(value) => replies.push(value),
            None => {
                let lost = |error| if is_silent { wordless(at, &error) } else { ConnectError::broken(at, &error) };
                let length = io.read(&mut chunk).await.map_err(lost)?;
                if length == 0 {
                    written.map_err(lost)?;
                    return Err(lost(io::Error::other("the server closed the connection during the handshake")));
                }
                if is_silent && is_plain(at) && tls::is_alert(&chunk[..length]) {
                    return Err(ConnectError::refused(tls::IS_WANTED));
                }
                is_silent = false;
                inbox.push(&chunk[..length]).map_err(|error| ConnectError::garbled(&error))?;
            }
        }
    }
    Ok(Replies { values: replies, is_surplus: !inbox.is_empty() })
}

/// The error of a server that ends the connection before it has said anything, as a server does that expects TLS.
fn wordless(at: &ConnectionAddr, error: &io::Error) -> ConnectError {
    if is_plain(at) {
        return ConnectError::unreachable(at, &format!("{error}; {}", tls::MAY_BE_WANTED));
    }
    ConnectError::broken(at, error)
}

fn is_plain(at: &ConnectionAddr) -> bool {
    matches!(at, ConnectionAddr::Tcp(..))
}

/// Whether a server's greeting says that it is a primary.
pub fn is_primary(hello: &Value) -> bool {
    fields::field(hello, "role").is_none_or(|role| role == "master")
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

fn judged(verdict: Verdict) -> ConnectError {
    match verdict {
        Verdict::Retire(error) | Verdict::Later(error) => ConnectError::may_pass(error),
        // An error without a special meaning still refuses the greeting, for example `DB index is out of range`.
        Verdict::Final(StoreError::Protocol(reason))
        | Verdict::HungUp(StoreError::Protocol(reason))
        | Verdict::TooLarge(StoreError::Protocol(reason))
        | Verdict::WrongType(reason) => ConnectError::refused(&reason),
        Verdict::Final(error) | Verdict::HungUp(error) | Verdict::TooLarge(error) => ConnectError::lasting(error),
        Verdict::Moved { .. } => ConnectError::refused("a node of a cluster; its url must begin with redis+cluster://"),
        Verdict::NoScript => ConnectError::refused("the server forgot a script while it was being loaded"),
    }
}
