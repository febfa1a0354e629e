//! Bytes from the socket, cut into replies by the redis crate's incremental parser.

use bytes::BytesMut;
use redis::{Value, ValueCodec};
use tokio_util::codec::Decoder as _;

use crate::error::StoreError;

/// More than any record may hold: a server that sends more is not speaking to us.
const LONGEST_REPLY: usize = 64 * 1024 * 1024;

#[derive(Default)]
pub struct Inbox {
    buffer: BytesMut,
    codec: ValueCodec,
    /// Bytes that have come since the last whole reply: the parser keeps some of them as values of its own.
    unfinished: usize,
}

impl Inbox {
    pub fn push(&mut self, bytes: &[u8]) {
        self.unfinished += bytes.len();
        self.buffer.extend_from_slice(bytes);
    }

    /// # Errors
    /// `Protocol` when the bytes are no Redis protocol, or a reply is too long.
    pub fn next(&mut self) -> Result<Option<Value>, StoreError> {
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let value = self
            .codec
            .decode(&mut self.buffer)
            .map_err(|error| StoreError::Protocol(format!("the server sent no Redis protocol: {error}")))?;
        if value.is_some() {
            self.unfinished = self.buffer.len();
        } else if self.unfinished > LONGEST_REPLY {
            return Err(StoreError::Protocol("the server sent a reply of more than 64 MiB".into()));
        }
        Ok(value)
    }
}
