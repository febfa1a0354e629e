//! One of the stores, and how it is found. A `match` dispatches each call: nothing is boxed, and the compiler can
//! inline the calls.

use std::sync::Arc;

use super::{Answer, Changed, Connected, Connection, Durability, Event, Request, Store, Tls, embedded, redis};
use crate::clock::Micros;
use crate::error::StoreError;

pub enum AnyStore {
    Embedded(embedded::EmbeddedStore),
    Redis(Box<redis::fleet::Fleet>),
}

/// The only place that tells the stores apart.
macro_rules! each {
    ($any:expr, $store:ident => $call:expr) => {
        match $any {
            AnyStore::Embedded($store) => $call,
            AnyStore::Redis($store) => $call,
        }
    };
}

impl Store for AnyStore {
    fn submit(&mut self, request: Request, now: Micros) -> Option<Answer> {
        each!(self, store => store.submit(request, now))
    }

    fn forget(&mut self, id: u64) -> bool {
        each!(self, store => store.forget(id))
    }

    fn listen(&mut self, key: &str, now: Micros) -> bool {
        each!(self, store => store.listen(key, now))
    }

    fn stop_listening(&mut self, key: &str, now: Micros) {
        each!(self, store => store.stop_listening(key, now));
    }

    fn hears_of(&self, key: &str) -> bool {
        each!(self, store => store.hears_of(key))
    }

    fn take_events(&mut self, now: Micros) -> Vec<Event> {
        each!(self, store => store.take_events(now))
    }

    fn turn(&mut self, now: Micros) {
        each!(self, store => store.turn(now));
    }

    fn turn_one(&mut self, connection: usize, now: Micros) {
        each!(self, store => store.turn_one(connection, now));
    }

    fn wake_at(&self) -> Micros {
        each!(self, store => store.wake_at())
    }

    fn is_idle(&self) -> bool {
        each!(self, store => store.is_idle())
    }

    fn connections(&mut self) -> &mut [Connection] {
        each!(self, store => store.connections())
    }

    fn connected(&mut self, connection: usize, result: Connected, now: Micros) {
        each!(self, store => store.connected(connection, result, now));
    }

    fn sweep(&mut self, now: Micros) -> Micros {
        each!(self, store => store.sweep(now))
    }

    fn runs_on_process_time(&self) -> bool {
        each!(self, store => store.runs_on_process_time())
    }

    fn fail_all(&mut self, error: &StoreError) {
        each!(self, store => store.fail_all(error));
    }

    fn disconnect(&mut self, now: Micros) {
        each!(self, store => store.disconnect(now));
    }
}

/// What a client says about its store besides the URL.
pub struct Options {
    pub tls: Option<Tls>,
    pub connect_timeout: Micros,
    pub command_timeout: Micros,
    pub durability: Option<Durability>,
    /// The client does not connect to a server that may evict records.
    pub refuses_eviction: bool,
}

type Open = dyn Fn(Changed) -> AnyStore + Send + Sync;

/// Where a client's records live. Every thread that asks opens a store of its own.
#[derive(Clone)]
pub struct Location(Arc<Open>);

impl Location {
    /// # Errors
    /// `Invalid` when the URL or an option cannot be used. Passwords never appear in the text.
    pub fn new(url: &str, options: Options) -> Result<Self, StoreError> {
        let open: Arc<Open> = if let Some(name) = url.strip_prefix("memory:") {
            let open = embedded::opener(name, &options)?;
            Arc::new(move |changed| AnyStore::Embedded(open(changed)))
        } else {
            let open = redis::opener(url, options)?;
            Arc::new(move |_| AnyStore::Redis(Box::new(open())))
        };
        Ok(Self(open))
    }

    /// A store that hears of changes on other threads calls `changed`; the others report [`Event::Changed`].
    #[must_use]
    pub fn open(&self, changed: Changed) -> AnyStore {
        (self.0)(changed)
    }
}
