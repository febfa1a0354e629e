//! The class that JavaScript sees. Every method is a call on the session, or a look at something that needs none.
//! What it is told comes through `deliver`; nothing here returns a promise, and nothing throws but a bad argument.

use std::cell::{Cell, OnceCell};
use std::ffi::c_void;
use std::ptr::null_mut;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use napi::bindgen_prelude::{Function, JsValue, TypedArray};
use napi::{Env, sys};
use napi_derive::napi;

use super::config::{ExecutorChoice, Settings, millis};
use super::on_loop::{Mailbox, OnLoop};
use super::on_thread::{Jobs, OnThread};
use super::outbox::Outbox;
use super::waker::Waker;
use crate::clock::{self, MILLI, Micros};
use crate::error::{CODES, StoreError};
use crate::lease::keeper::Keeper;
use crate::session::{FailMode, Notice, Recording, Session, Terms};
use crate::store::keys::{self, Hasher};
use crate::uv::{Library, Loop};

const HOLD: u32 = 1;
const WILL_WAIT: u32 = 2;

enum Executor {
    Loop(Rc<OnLoop>),
    Thread(Rc<OnThread>),
}

struct Client {
    executor: Executor,
    keeper: Keeper,
    hasher: Hasher,
    prefix: String,
    hook: Cell<Option<sys::napi_async_cleanup_hook_handle>>,
    closed: Cell<bool>,
}

#[napi]
pub struct NativeClient {
    client: Rc<Client>,
}

/// The reason why a configuration cannot be used, or null.
#[napi(catch_unwind)]
pub fn validate_config(config: String) -> Option<String> {
    Settings::parse(&config).err().map(|error| error.to_string())
}

/// The public codes in the order of the numbers that STORE_ERROR carries.
#[napi(catch_unwind)]
pub fn error_codes() -> Vec<&'static str> {
    CODES.to_vec()
}

#[napi]
impl NativeClient {
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: Env,
        config: String,
        outcomes: TypedArray<'_>,
        deliver: Function<'_, (), ()>,
    ) -> napi::Result<Self> {
        let settings = Settings::parse(&config).map_err(reason)?;
        // SAFETY: both values are arguments of this call, on this thread's environment.
        let outbox = unsafe { Outbox::new(env.raw(), outcomes.raw(), deliver.raw())? };
        let hashers = settings.hashers();
        let hasher = hashers[0].clone();
        let prefix = settings.config.prefix.clone();
        let on_loop = match settings.config.executor {
            ExecutorChoice::Thread => None,
            ExecutorChoice::Loop | ExecutorChoice::Auto => event_loop(env.raw()),
        };
        if on_loop.is_none() && settings.config.executor == ExecutorChoice::Loop {
            return Err(napi::Error::from_reason("executor: this runtime does not lend its event loop"));
        }
        let (executor, keeper) = match on_loop {
            Some(on) => start_on_loop(env.raw(), on, &settings, hashers, outbox)?,
            None => start_on_thread(env.raw(), &settings, hashers, outbox)?,
        };
        let hook = Cell::new(None);
        let client = Rc::new(Client { executor, keeper, hasher, prefix, hook, closed: Cell::new(false) });
        client.watch_the_end(env.raw())?;
        Ok(Self { client })
    }

    #[allow(clippy::too_many_arguments, reason = "one flat call is five times cheaper than an object")]
    #[napi(catch_unwind)]
    pub fn begin(
        &self,
        op: u32,
        identity: String,
        payload: Option<String>,
        lease_ms: f64,
        max_lease_ms: f64,
        retention_ms: f64,
        flags: u32,
        budget_ms: f64,
    ) {
        let terms = Terms {
            lease_ms: millis(lease_ms) / MILLI,
            max_lease_ms: millis(max_lease_ms) / MILLI,
            retention_ms: millis(retention_ms) / MILLI,
            hold: flags & HOLD != 0,
            will_wait: flags & WILL_WAIT != 0,
            budget: millis(budget_ms),
        };
        self.run(Some(op), move |session, now| session.begin(op, &identity, payload.as_deref(), terms, now));
    }

    #[napi(catch_unwind)]
    pub fn again(&self, op: u32) {
        self.run(Some(op), move |session, now| session.again(op, now));
    }

    #[napi(catch_unwind)]
    pub fn wait(&self, op: u32, ms: f64) {
        self.run(Some(op), move |session, now| session.wait(op, millis(ms), now));
    }

    #[napi(catch_unwind)]
    pub fn complete(&self, op: u32, payload: String, retention_ms: f64, patience_ms: f64, budget_ms: f64) {
        let recording = recording(retention_ms, patience_ms, budget_ms);
        self.run(Some(op), move |session, now| session.complete(op, payload, recording, now));
    }

    #[napi(catch_unwind)]
    pub fn fail(
        &self,
        op: u32,
        mode: u32,
        payload: Option<String>,
        retention_ms: f64,
        patience_ms: f64,
        budget_ms: f64,
    ) -> napi::Result<()> {
        let mode = match mode {
            0 => FailMode::Release,
            1 => FailMode::Record,
            2 => FailMode::Hold,
            _ => return Err(napi::Error::from_reason("mode: 0, 1 or 2")),
        };
        let recording = recording(retention_ms, patience_ms, budget_ms);
        self.run(Some(op), move |session, now| session.fail(op, mode, payload, recording, now));
        Ok(())
    }

    #[napi(catch_unwind)]
    pub fn forget(&self, op: u32) {
        if let Executor::Thread(executor) = &self.client.executor {
            executor.forget(op);
        }
        self.run(None, move |session, now| session.forget(op, now));
    }

    #[napi(catch_unwind)]
    pub fn admin(&self, op: u32, request: String) {
        self.run(Some(op), move |session, now| session.admin(op, &request, now));
    }

    /// Looks at the clock: whether the lease's local deadline is still ahead.
    #[napi(catch_unwind)]
    pub fn held(&self, op: u32) -> bool {
        self.client.keeper.leases.is_held(op, clock::now())
    }

    #[napi(catch_unwind)]
    pub fn hash(&self, identity: String) -> String {
        self.client.hasher.hash(&identity)
    }

    #[napi(catch_unwind)]
    pub fn derive_key(&self, identity: String, name: String) -> String {
        keys::derive_key(&self.client.prefix, &identity, &name)
    }

    /// `loop` or `thread`.
    #[napi(getter, catch_unwind)]
    pub fn executor(&self) -> &'static str {
        match &self.client.executor {
            Executor::Loop(_) => "loop",
            Executor::Thread(_) => "thread",
        }
    }

    /// Leases that the keeper looks after.
    #[napi(getter, catch_unwind)]
    pub fn leases(&self) -> u32 {
        u32::try_from(self.client.keeper.leases.len()).unwrap_or(u32::MAX)
    }

    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.client.close();
    }

    fn run(&self, op: Option<u32>, call: impl FnOnce(&mut Session, Micros) + Send + 'static) {
        match &self.client.executor {
            Executor::Loop(executor) => executor.run(call),
            Executor::Thread(executor) => executor.run(op, call),
        }
    }
}

impl Drop for NativeClient {
    /// The net under a client that nobody closed.
    fn drop(&mut self) {
        self.client.close();
    }
}

impl Client {
    fn close(self: &Rc<Self>) {
        if self.closed.replace(true) {
            return;
        }
        self.keeper.stop();
        match &self.executor {
            Executor::Loop(executor) => {
                let client = Rc::clone(self);
                executor.close(Box::new(move || client.unhook()));
            }
            Executor::Thread(executor) => executor.close(),
        }
    }

    /// The environment ends before the client does: no JavaScript any more, every handle closed.
    fn end(self: &Rc<Self>) {
        match &self.executor {
            Executor::Loop(executor) => {
                executor.silence();
                self.close();
                // A close that was under way, or had ended, is waited for just the same.
                let client = Rc::clone(self);
                executor.when_closed(Box::new(move || client.unhook()));
            }
            Executor::Thread(executor) => {
                self.closed.set(true);
                self.keeper.stop();
                executor.end();
                self.unhook();
            }
        }
    }

    fn watch_the_end(self: &Rc<Self>, env: sys::napi_env) -> napi::Result<()> {
        let client = Rc::into_raw(Rc::clone(self));
        let mut handle = null_mut();
        // SAFETY: on the thread of `env`; the raw Rc is taken back by `unhook`, exactly once.
        let status =
            unsafe { sys::napi_add_async_cleanup_hook(env, Some(env_ends), client.cast_mut().cast(), &raw mut handle) };
        if status != sys::Status::napi_ok {
            // SAFETY: Node did not take it.
            drop(unsafe { Rc::from_raw(client) });
            return Err(napi::Error::from_reason("cannot register a cleanup hook"));
        }
        self.hook.set(Some(handle));
        Ok(())
    }

    /// Tells Node that nothing of ours is left on its loop, and lets go of the hook's share of the client.
    fn unhook(self: &Rc<Self>) {
        if let Some(handle) = self.hook.take() {
            // SAFETY: a handle is removed once; the share is the one made in `watch_the_end`.
            unsafe {
                sys::napi_remove_async_cleanup_hook(handle);
                Rc::decrement_strong_count(Rc::as_ptr(self));
            }
        }
    }
}

/// # Safety
/// Called by Node on the environment's thread with the client given at registration.
unsafe extern "C" fn env_ends(_: sys::napi_async_cleanup_hook_handle, client: *mut c_void) {
    // SAFETY: the hook's share keeps it alive; this adds one for the length of the call.
    let client = unsafe {
        let client = client.cast::<Client>().cast_const();
        Rc::increment_strong_count(client);
        Rc::from_raw(client)
    };
    client.end();
}

fn event_loop(env: sys::napi_env) -> Option<Loop> {
    let library = Library::get()?;
    let mut raw = null_mut();
    // SAFETY: on the thread of `env`, whose loop outlives the environment.
    unsafe {
        let status = sys::napi_get_uv_event_loop(env, &raw mut raw);
        (status == sys::Status::napi_ok && !raw.is_null()).then(|| Loop::new(raw.cast(), library))
    }
}

fn start_on_loop(
    env: sys::napi_env,
    on: Loop,
    settings: &Settings,
    hashers: Vec<Hasher>,
    outbox: Outbox,
) -> napi::Result<(Executor, Keeper)> {
    let mailbox = Arc::new(Mailbox::default());
    let post = Arc::clone(&mailbox);
    let keeper = Keeper::new(
        settings.store.clone(),
        Arc::new(move |op, loss| post.send(Notice::LeaseLost(op, loss))),
    );
    let post = Arc::clone(&mailbox);
    let watch = Arc::new(move |key| post.send(Notice::Changed(key)));
    let session = Session::new(settings.backend(), hashers, Arc::clone(&keeper.leases), watch);
    let executor = OnLoop::start(on, session, outbox, Arc::clone(&mailbox))
        .ok_or_else(|| napi::Error::from_reason("the event loop gives no handle"))?;
    let me = Rc::downgrade(&executor);
    let look = move || {
        if let Some(executor) = me.upgrade() {
            executor.look_at_mail();
        }
    };
    mailbox.open(Waker::new(env, Box::new(look))?);
    Ok((Executor::Loop(executor), keeper))
}

fn start_on_thread(
    env: sys::napi_env,
    settings: &Settings,
    hashers: Vec<Hasher>,
    outbox: Outbox,
) -> napi::Result<(Executor, Keeper)> {
    let jobs = Jobs::new();
    let post = jobs.0.clone();
    let keeper = Keeper::new(
        settings.store.clone(),
        Arc::new(move |op, loss| post.notice(Notice::LeaseLost(op, loss))),
    );
    let post = jobs.0.clone();
    let watch = Arc::new(move |key| post.notice(Notice::Changed(key)));
    let session = Session::new(settings.backend(), hashers, Arc::clone(&keeper.leases), watch);
    let me: Rc<OnceCell<Weak<OnThread>>> = Rc::default();
    let found = Rc::clone(&me);
    let look = move || {
        if let Some(executor) = found.get().and_then(Weak::upgrade) {
            executor.look_at_news();
        }
    };
    let waker = Waker::new(env, Box::new(look))?;
    let executor = Rc::new(OnThread::start(env, session, jobs, outbox, waker));
    let _ = me.set(Rc::downgrade(&executor));
    Ok((Executor::Thread(executor), keeper))
}

fn recording(retention_ms: f64, patience_ms: f64, budget_ms: f64) -> Recording {
    Recording {
        retention_ms: millis(retention_ms) / MILLI,
        patience: millis(patience_ms),
        budget: millis(budget_ms),
    }
}

fn reason(error: StoreError) -> napi::Error {
    napi::Error::from_reason(error.to_string())
}
