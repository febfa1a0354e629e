//! An established, non-blocking socket, plain or TLS. The owner of a loop reads and writes it: Node's loop, or a tokio
//! thread. It knows nothing of Redis.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

use rustls::{ClientConnection, StreamOwned};

pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// `Ok(0)` is the end of the stream; `WouldBlock` means nothing is there.
    ///
    /// # Errors
    /// The socket's errors; with TLS also a broken record.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        retry(|| match self {
            Self::Tcp(socket) => socket.read(into),
            Self::Unix(socket) => socket.read(into),
            Self::Tls(tls) => tls.read(into),
        })
    }

    /// Writes what the socket takes now.
    ///
    /// # Errors
    /// The socket's errors, except `WouldBlock`, for which it returns 0.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = retry(|| match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        });
        match written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }

    /// The TCP socket under it, if it is one.
    #[must_use]
    pub fn socket(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(socket) => Some(socket),
            Self::Tls(tls) => Some(&tls.sock),
            Self::Unix(_) => None,
        }
    }

    /// TLS keeps encrypted bytes of its own. True while some of them wait for the socket.
    ///
    /// # Errors
    /// The socket's errors.
    pub fn flush(&mut self) -> io::Result<bool> {
        let Self::Tls(tls) = self else { return Ok(false) };
        while tls.conn.wants_write() {
            match retry(|| tls.conn.write_tls(&mut tls.sock)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                other => other?,
            };
        }
        Ok(false)
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Tcp(socket) => socket.as_raw_fd(),
            Self::Unix(socket) => socket.as_raw_fd(),
            Self::Tls(tls) => tls.sock.as_raw_fd(),
        }
    }
}

fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
