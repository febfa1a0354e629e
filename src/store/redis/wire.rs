//! An [`Engine`] and its socket. Both executors turn it: Node's loop when the socket is ready, a tokio task when it is
//! awaited. The caller must stop polling a socket before the socket is dropped, so a retired stream is kept until
//! [`Wire::drop_retired`] is called.

use std::fmt::Display;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use super::connect::{Connected, Established, connect};
use super::engine::Engine;
use super::features::ConnectError;
use super::sentinel::Lifeline;
use super::stream::Stream;
use super::target::Target;
use crate::clock::Micros;
use crate::error::StoreError;
use crate::store::ask::Event;

/// Up to this many written bytes stay in memory for a socket that does not catch up, or half of its output if larger.
const CHUNK: usize = 64 * 1024;

pub struct Wire {
    pub engine: Engine,
    pub target: Arc<Target>,
    /// It carries what is not to be risked on the connection with this number, to the same server.
    pub beside: Option<usize>,
    stream: Option<Stream>,
    lifeline: Option<Arc<Lifeline>>,
    retired: Option<Stream>,
    /// How much of the engine's output the socket has taken.
    written: usize,
    /// The largest recent output.
    peak: usize,
}

impl Wire {
    #[must_use]
    pub fn new(target: Arc<Target>, command_timeout: Micros) -> Self {
        let engine = Engine::new(command_timeout, target.access.durability);
        Self { engine, target, beside: None, stream: None, lifeline: None, retired: None, written: 0, peak: 0 }
    }

    #[must_use]
    pub fn beside(shared: usize, target: Arc<Target>, command_timeout: Micros) -> Self {
        let wire = Self::new(target, command_timeout);
        Self { engine: wire.engine.alone(), beside: Some(shared), ..wire }
    }

    /// The socket to watch, while there is one.
    #[must_use]
    pub fn descriptor(&self) -> Option<RawFd> {
        self.stream.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// A socket that is of no use any more is waiting to be closed.
    #[must_use]
    pub fn has_retired(&self) -> bool {
        self.retired.is_some()
    }

    /// Closes the retired socket. The caller must have stopped polling it.
    pub fn drop_retired(&mut self) {
        self.retired = None;
    }

    /// There is no connection, something needs one, and it is time to try.
    #[must_use]
    pub fn wants_to_connect(&self, now: Micros) -> bool {
        self.engine.wants_connection(now)
    }

    /// An attempt to connect, to be awaited on a tokio thread. Its result goes to
    /// [`Store::connected`](crate::store::Store::connected).
    pub fn connect(&mut self) -> impl Future<Output = Connected> + Send + use<> {
        self.engine.connecting();
        connect(Arc::clone(&self.target))
    }

    /// The result of an attempt to connect that did not end by itself.
    pub fn broken_off(why: &dyn Display) -> Connected {
        Err(ConnectError::may_pass(StoreError::Unavailable(format!("connecting failed: {why}"))))
    }

    pub fn install(&mut self, result: Connected, now: Micros) {
        match result {
            Ok(Established { stream, features, evicts, lifeline }) => {
                self.lifeline = lifeline;
                self.stream = Some(stream);
                self.engine.connected(features, now);
                self.engine.events().extend(evicts.map(Event::Evicts));
            }
            Err(why) => self.engine.failed(why, now),
        }
    }

    /// Reads what is there. Call this before [`Wire::tick`], so that a late read is not taken for a silent server.
    pub fn read(&mut self, buffer: &mut [u8], now: Micros) {
        while let Some(stream) = &mut self.stream {
            match stream.read(buffer) {
                Ok(0) => self.engine.hung_up(lost("the server closed the connection"), now),
                Ok(length) => {
                    self.engine.received(&buffer[..length], now);
                    let more = length == buffer.len() || matches!(stream, Stream::Tls(_));
                    if more && self.engine.is_up() {
                        continue;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => self.broke(&error, now),
            }
            self.drop_dead_stream();
            return;
        }
    }

    pub fn tick(&mut self, now: Micros) {
        self.engine.tick(now);
        self.drop_dead_stream();
    }

    /// Writes what the socket takes; true while something is left.
    pub fn write(&mut self, now: Micros) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        self.engine.sending(now);
        let out = self.engine.out();
        let mut taken = 0;
        let outcome = loop {
            if self.written == out.len() {
                // One large result must not keep its memory forever, and many must not allocate it each time.
                self.peak = out.len().max(self.peak - self.peak / 8);
                out.clear();
                if out.capacity() > 4 * CHUNK.max(self.peak / 2) {
                    out.shrink_to(2 * CHUNK.max(self.peak));
                }
                self.written = 0;
                break stream.flush();
            }
            match stream.write(&out[self.written..]) {
                Ok(0) => break Ok(true),
                Ok(length) => {
                    self.written += length;
                    taken += length;
                }
                Err(error) => break Err(error),
            }
        };
        // A socket that never quite catches up must not keep the bytes it has taken. Moving the rest after every small
        // write would cost more than sending it.
        if self.written > CHUNK.max(out.len() / 2) {
            out.drain(..self.written);
            self.written = 0;
        }
        if taken > 0 {
            self.engine.progressed(taken);
        }
        match outcome {
            Ok(left) => left,
            Err(error) => {
                self.broke(&error, now);
                self.drop_dead_stream();
                false
            }
        }
    }

    #[must_use]
    pub fn has_output(&mut self) -> bool {
        self.stream.is_some() && self.written < self.engine.out().len()
    }

    /// Whether something should be written before the end of the turn.
    #[must_use]
    pub fn wants_early_write(&mut self) -> bool {
        let waiting = self.engine.out().len() - self.written;
        self.stream.is_some() && self.engine.wants_early_write(waiting)
    }

    fn broke(&mut self, error: &io::Error, now: Micros) {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let why = lost(&error.to_string());
        if matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof) {
            self.engine.hung_up(why, now);
        } else {
            self.engine.retire(why, now);
        }
    }

    fn drop_dead_stream(&mut self) {
        if !self.engine.is_up() && self.stream.is_some() {
            self.retired = self.stream.take();
            self.lifeline = None;
            self.written = 0;
        }
    }

    /// Ends the connection; what was pending has been answered by the engine.
    pub fn disconnect(&mut self, now: Micros) {
        if self.engine.is_up() {
            self.engine.retire(StoreError::Closed, now);
        }
        self.drop_dead_stream();
    }
}

fn lost(reason: &str) -> StoreError {
    StoreError::Unavailable(format!("the connection to Redis was lost: {reason}"))
}
