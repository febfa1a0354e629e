//! Bytes from the socket, cut into replies by the redis crate's incremental parser.

use bytes::BytesMut;
use redis::{Value, ValueCodec};
use tokio_util::codec::Decoder as _;

use super::bounds::Bounds;
use crate::error::StoreError;

#[derive(Default)]
pub struct Inbox {
    buffer: BytesMut,
    codec: ValueCodec,
    bounds: Bounds,
}

impl Inbox {
    /// # Errors
    /// `Protocol` when a reply is larger than any may be. What came with these bytes must not be read.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.bounds.admit(bytes).map_err(|excess| StoreError::Protocol(format!("the server sent {excess}")))?;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// True when everything that has come was handed out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// # Errors
    /// `Protocol` when the bytes are not the Redis protocol.
    pub fn next_reply(&mut self) -> Result<Option<Value>, StoreError> {
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let value = self
            .codec
            .decode(&mut self.buffer)
            .map_err(|error| StoreError::Protocol(format!("the server does not speak the Redis protocol: {error}")))?;
        if value.is_some() {
            self.bounds.reply_ended(self.buffer.len());
        }
        Ok(value)
    }
}
