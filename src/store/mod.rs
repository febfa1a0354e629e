//! Where records live, and the seam above all places where they can live.
//!
//! [`Store`] is what a session, the keeper and the executors know of a store; [`ask`] is what they ask it. Below the
//! seam lie [`embedded`], which answers at once, and [`redis`], which answers when the server has. [`AnyStore`] is one
//! of them, [`Location`] says which one and opens it; [`Turner`] turns one on a tokio thread, and `node/on_loop` turns
//! one on Node's loop.
//!
//! # To add a store
//!
//! Write a folder beside the other two, with a type that implements [`Store`]. Then give it a variant of [`AnyStore`]
//! with its arm in the one `match` there, and a scheme in [`Location::new`]. Nothing above the seam changes.
//!
//! # What is deliberately not in it
//!
//! - **Decisions.** What a command does to a record is decided by [`crate::model`], or by the same decision written as
//!   the store's own script. A store carries out and answers.
//! - **A second try.** A store may send a request as often as it needs to, because every command names its owner. It
//!   says only, in [`Answer::Failed`], whether the command may have been carried out.
//! - **Addresses, nodes, scripts and protocols.** They are a store's own. Executors see [`Connection`]s, which are
//!   sockets to watch, and ask nothing through them.
//! - **Transactions.** A request names one key. What lies at two keys is never changed by one request, but for an
//!   instance and the list of its running timers, which have the same hash tag.
//! - **Clocks.** `now` is this process's time and comes with every call. A store judges leases by its own server's
//!   clock; above the seam no two clocks are compared.
//! - **Payloads.** They come sealed and leave sealed: [`crate::seal`] works above the seam.
//! - **Leases and waiting.** A renewal is a command like any other, and who waits for whom is the session's to know.
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
/// What came of trying to connect.
pub use redis::connect::Connected;
/// A socket of a store's, for the executor that turns it. Only Redis has any: a second store with sockets makes an enum
/// of this type, and of [`Connected`].
pub use redis::wire::Wire as Connection;
/// How a store on a server is reached, and what must have a write before it counts.
pub use redis::{access::Tls, engine::Durability};
pub use turner::Turner;

/// Called with the key of a record that somebody listens to, from any thread, when the record has changed.
pub type Changed = Arc<dyn Fn(String) + Send + Sync>;

/// A store as one thread uses it. Methods with a body are for stores on a server: a store in this process answers
/// every request at once and needs none of them.
pub trait Store {
    /// Asks. The answer is returned when it is there at once; otherwise it comes by [`Store::take_events`].
    fn submit(&mut self, request: Request, now: Micros) -> Option<Answer>;

    /// The answer to this request is of no interest any more. True when the request has not left yet and never will;
    /// otherwise the store may still carry it out.
    fn forget(&mut self, _id: u64) -> bool {
        false
    }

    /// Wants to hear of changes of the record at `key`, which nobody has listened to until now. True when changes are
    /// heard of from this moment on; otherwise [`Event::Changed`] also comes as soon as they are.
    fn listen(&mut self, key: &str, now: Micros) -> bool;

    fn stop_listening(&mut self, key: &str, now: Micros);

    /// Whether changes of a record that is listened to are heard of. Where the server does not let us listen, whoever
    /// waits has to look.
    fn hears_of(&self, _key: &str) -> bool {
        true
    }

    /// What has happened since the last call.
    fn take_events(&mut self, _now: Micros) -> Vec<Event> {
        Vec::new()
    }

    /// Reads what the servers have sent, then lets time pass: whoever reads late must not take a server for silent.
    fn turn(&mut self, _now: Micros) {}

    /// As [`Store::turn`], for the connection with this number only.
    fn turn_one(&mut self, _connection: usize, _now: Micros) {}

    /// When [`Store::turn`] has something to do next, even if no server says anything.
    fn wake_at(&self) -> Micros {
        Micros::MAX
    }

    /// No request waits for an answer: the process need not stay for this store.
    fn is_idle(&self) -> bool {
        true
    }

    /// The sockets that an executor watches, and writes when they can be written. They are known by their number, which
    /// stays; new ones are added behind the others.
    fn connections(&mut self) -> &mut [Connection] {
        &mut []
    }

    /// What came of [`Connection::connect`].
    fn connected(&mut self, _connection: usize, _result: Connected, _now: Micros) {}

    /// Removes what has expired, where no server does. Returns when to call it again, [`Micros::MAX`] for never: the
    /// next command will do.
    fn sweep(&mut self, _now: Micros) -> Micros {
        Micros::MAX
    }

    /// Its time is this process's, so that a test may let it pass.
    fn runs_on_process_time(&self) -> bool {
        false
    }

    /// Answers everything that is pending with `error`.
    fn fail_all(&mut self, _error: &StoreError) {}

    /// Hands the sockets what they take at once, and hangs up.
    fn disconnect(&mut self, _now: Micros) {}
}
