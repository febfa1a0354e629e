//! Redis, and servers that speak its protocol.
//!
//! - `engine` is the protocol of one connection, without I/O. A request is `pending` until it is answered, and goes
//!   through `stage`s: a plain command, or a script.
//! - `connect` makes connections on a background thread, in a `conversation` with the server. `sentinel` asks Sentinels
//!   where the primary is. `target` says where a server is, `access` how it lets the client in, `tls` which servers the
//!   client trusts, and `features` what the greeting found.
//! - `wire` is an engine with its socket. A [`Fleet`] has the wires to all servers of a client: one server, or the
//!   nodes of a cluster. The fleet is the [`Store`](super::Store).
//! - `verdict` says what a server's error means; `fields` reads what a server says about itself.

pub mod access;
mod backoff;
mod bounds;
pub mod connect;
mod conversation;
pub mod engine;
mod eviction;
pub mod features;
pub mod fields;
pub mod fleet;
pub mod inbox;
mod pending;
mod sentinel;
mod slots;
mod stage;
pub mod stream;
pub mod target;
pub mod tls;
pub mod verdict;
pub mod wire;

use std::sync::Arc;

use super::Options;
use crate::error::StoreError;
use fleet::Fleet;
use target::Servers;

pub use pending::FleetNews;

/// Returns a function that opens a fleet to the servers in the URL, as often as it is called. A fleet connects when it
/// is first asked.
///
/// # Errors
/// `Invalid` for a scheme, address or certificate that cannot be used.
pub fn opener(url: &str, options: Options) -> Result<impl Fn() -> Fleet + use<>, StoreError> {
    let Options { tls, connect_timeout, command_timeout, durability, refuses_eviction } = options;
    let servers = Servers::new(url, tls.unwrap_or_default(), connect_timeout, durability, refuses_eviction)?;
    let servers = Arc::new(servers);
    Ok(move || Fleet::new(&servers, command_timeout))
}
