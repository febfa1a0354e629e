//! Where records live, and the seam above all the places where they can live.
//!
//! [`Store`] is what a session, the keeper and the executors know of a store; [`ask`] is what they ask it. Below the
//! seam lie [`embedded`], which answers at once, and [`redis`], which answers when the server has answered.
//! [`AnyStore`] is one of the two; [`Location`] says which one and opens it. [`Turner`] turns a store on a tokio
//! thread, and `node/on_loop` turns one on Node's loop.
//!
//! # To add a store
//!
//! Write a folder beside the other two, with a type that implements [`Store`]. Then give it a variant of [`AnyStore`]
//! with its arm in the one `match` there, and a scheme in [`Location::new`]. Nothing above the seam changes.
//!
//! # What the seam deliberately leaves out
//!
//! - **Decisions.** [`crate::model`] decides what a command does to a record, or the store's own script makes the same
//!   decision. A store carries out commands and answers.
//! - **A second try.** A store may send a request as often as it needs to, because every command names its owner. The
//!   store only says, in [`Answer::Failed`], whether the command may have been carried out.
//! - **Addresses, nodes, scripts and protocols.** These are a store's own. Executors see [`Connection`]s, which are
//!   sockets to watch, and ask nothing through them.
//! - **Transactions.** A request names one key. One request never changes values at two keys, except an instance and
//!   the list of its running timers, which have the same hash tag.
//! - **Clocks.** `now` is this process's time and comes with every call. A store judges leases by its own server's
//!   clock; above the seam no two clocks are compared.
//! - **Payloads.** Payloads come sealed and leave sealed: [`crate::seal`] works above the seam.
//! - **Leases and waiting.** A renewal is a command like any other, and the session knows who waits for whom.
//! - **Deleting and listing records.** Records expire, and nothing above the seam asks which ones there are.

mod any;
pub mod ask;
pub mod embedded;
pub mod keys;
pub mod redis;
mod turner;

use std::sync::Arc;

use crate::clock::Micros;
use crate::error::StoreError;

pub use any::{AnyStore, Location, Options};
pub use ask::{Answer, Ask, Event, MachineAsk, Request, op_of};
/// The result of trying to connect.
pub use redis::connect::Connected;
/// A store's socket, for the executor that turns it. Only Redis has sockets: a second store with sockets would turn
/// this type, and [`Connected`], into enums.
pub use redis::wire::Wire as Connection;
/// How a store on a server is reached, and which servers and disks must have a write before it counts.
pub use redis::{engine::Durability, tls::Tls};
pub use turner::Turner;

/// Called with the key of a record that somebody listens to, from any thread, when the record has changed.
pub type Changed = Arc<dyn Fn(String) + Send + Sync>;

/// A store as one thread uses it. Methods with a body are for stores on a server: a store in this process answers
/// every request at once and needs none of them.
pub trait Store {
    /// Sends a request. An answer that is there at once is returned; any other comes through [`Store::take_events`].
    fn submit(&mut self, request: Request, now: Micros) -> Option<Answer>;

    /// Nobody is interested in the answer to this request any more. True when the request has not left yet and never
    /// will; otherwise the store may still carry it out.
    fn forget(&mut self, _id: u64) -> bool {
        false
    }

    /// Listens for changes of the record at `key`, to which nobody has listened until now. True when the store hears of
    /// changes from this moment on; otherwise [`Event::Changed`] also comes as soon as it does.
    fn listen(&mut self, key: &str, now: Micros) -> bool;

    fn stop_listening(&mut self, key: &str, now: Micros);

    /// Whether the store hears of changes of a record that it listens to. Where the server does not allow that, those
    /// who wait have to look.
    fn hears_of(&self, _key: &str) -> bool {
        true
    }

    /// Returns what has happened since the last call.
    fn take_events(&mut self, _now: Micros) -> Vec<Event> {
        Vec::new()
    }

    /// Reads what the servers have sent, then lets time pass, because a late reader must not take a server for silent.
    fn turn(&mut self, _now: Micros) {}

    /// Does the same as [`Store::turn`] for the connection with this number only.
    fn turn_one(&mut self, _connection: usize, _now: Micros) {}

    /// When [`Store::turn`] has something to do next, even if no server says anything.
    fn wake_at(&self) -> Micros {
        Micros::MAX
    }

    /// No request waits for an answer: the process need not stay for this store.
    fn is_idle(&self) -> bool {
        true
    }

    /// The sockets that an executor watches, and to which it writes when they are writable. Each is known by its
    /// number, which stays the same; new sockets are added at the end.
    fn connections(&mut self) -> &mut [Connection] {
        &mut []
    }

    /// Takes the result of [`Connection::connect`].
    fn connected(&mut self, _connection: usize, _result: Connected, _now: Micros) {}

    /// Removes what has expired, where no server does so. Returns when to call it again; [`Micros::MAX`] means never,
    /// because the next command sweeps as well.
    fn sweep(&mut self, _now: Micros) -> Micros {
        Micros::MAX
    }

    /// True when the store runs on this process's time, so that a test can let time pass.
    fn runs_on_process_time(&self) -> bool {
        false
    }

    /// Answers everything that is pending with `error`.
    fn fail_all(&mut self, _error: &StoreError) {}

    /// Writes what the sockets take at once, and closes the connections.
    fn disconnect(&mut self, _now: Micros) {}
}
