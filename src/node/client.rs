//! A client as Node sees it: which executor turns its session, and how both end: by `close()`, by garbage collection,
//! or with the environment.

use std::cell::{Cell, OnceCell};
use std::ffi::c_void;
use std::ptr::null_mut;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use napi::bindgen_prelude::{FromNapiValue, Function, JsValue, TypedArray, Unknown};
use napi::{Env, sys};
use napi_derive::napi;

use super::config::{ExecutorChoice, Settings};
use super::functions;
use super::on_loop::{Mailbox, OnLoop};
use super::on_thread::{Jobs, OnThread};
use super::outbox::Outbox;
use super::waker::Waker;
use crate::clock::{Clock, Micros};
use crate::error::StoreError;
use crate::lease::keeper::Keeper;
use crate::session::{Notice, Session};
use crate::store::keys::Hasher;
use crate::uv::{Library, Loop};

enum Executor {
    Loop(Rc<OnLoop>),
    Thread(Rc<OnThread>),
}

pub struct Client {
    executor: Executor,
    pub keeper: Keeper,
    pub clock: Clock,
    pub hasher: Hasher,
    pub prefix: String,
    hook: Cell<Option<sys::napi_async_cleanup_hook_handle>>,
    closed: Cell<bool>,
}

/// The reason why a configuration cannot be used, or null.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value, reason = "what the binding generator takes")]
pub fn validate_config(config: String) -> Option<String> {
    Settings::parse(&config).err().map(|error| error.to_string())
}

/// Opens a client, which is an object of functions. `deliver` tells what happens to their operations, as outcomes in
/// the shared buffer.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value, reason = "what the binding generator takes")]
pub fn open<'env>(
    env: Env,
    config: String,
    outcomes: TypedArray<'env>,
    deliver: Function<'env, (), ()>,
) -> napi::Result<Unknown<'env>> {
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
        let reason = "option executor cannot be 'loop': this runtime does not lend its event loop";
        return Err(napi::Error::new(napi::Status::InvalidArg, reason));
    }
    let clock = Clock::default();
    let (executor, keeper) = match on_loop {
        Some(on) => start_on_loop(env.raw(), on, &settings, hashers, outbox, &clock)?,
        None => start_on_thread(env.raw(), &settings, hashers, outbox, &clock)?,
    };
    let (hook, closed) = (Cell::new(None), Cell::new(false));
    let client = Rc::new(Client { executor, keeper, clock, hasher, prefix, hook, closed });
    client.watch_the_end(env.raw())?;
    // SAFETY: an object made in this call.
    unsafe { Unknown::from_napi_value(env.raw(), functions::object_of(env.raw(), &client)) }
}

impl Client {
    /// Returns how many outcomes lie in the buffer already. `op` is the operation that JavaScript now awaits.
    pub fn run(&self, op: Option<u32>, call: impl FnOnce(&mut Session, Micros) + Send + 'static) -> usize {
        match &self.executor {
            Executor::Loop(executor) => executor.run(call),
            Executor::Thread(executor) => {
                executor.run(op, call);
                0
            }
        }
    }

    pub fn forget(&self, op: u32) {
        if let Executor::Thread(executor) = &self.executor {
            executor.forget(op);
        }
        self.run(None, move |session, now| session.forget(op, now));
    }

    /// Lets time pass for this client. This is for users' tests, on the embedded store.
    pub fn advance(&self, by: Micros) -> usize {
        let clock = self.clock.clone();
        let advance = move |session: &mut Session, _| session.advance(&clock, by);
        match &self.executor {
            Executor::Loop(executor) => executor.run_through_time(advance),
            Executor::Thread(executor) => {
                executor.run(None, advance);
                0
            }
        }
    }

    /// `loop` or `thread`.
    pub fn executor_name(&self) -> &'static str {
        match &self.executor {
            Executor::Loop(_) => "loop",
            Executor::Thread(_) => "thread",
        }
    }

    pub fn close(self: &Rc<Self>) {
        if self.closed.replace(true) {
            return;
        }
        self.keeper.stop();
        match &self.executor {
            Executor::Loop(executor) => {
                let client = Rc::clone(self);
                executor.close(Box::new(move || client.unhook()));
            }
            Executor::Thread(executor) => {
                executor.end();
                self.unhook();
            }
        }
    }

    /// The environment ends before the client does, so JavaScript is not called any more and every handle is closed.
    fn end(self: &Rc<Self>) {
        match &self.executor {
            Executor::Loop(executor) => {
                executor.silence();
                self.close();
                // This also waits for a close that was under way or had ended.
                let client = Rc::clone(self);
                executor.when_closed(Box::new(move || client.unhook()));
            }
            Executor::Thread(executor) => {
                executor.silence();
                self.close();
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

    /// Tells Node that this client has nothing left on its loop, and drops the hook's share of the client.
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
    clock: &Clock,
) -> napi::Result<(Executor, Keeper)> {
    let mailbox = Arc::new(Mailbox::default());
    let post = Arc::clone(&mailbox);
    let report = Arc::new(move |op, loss| post.send(Notice::LeaseLost(op, loss)));
    let keeper = Keeper::new(settings.location.clone(), clock.clone(), report);
    let letters = Arc::clone(&mailbox);
    let post = Arc::new(move |notice| letters.send(notice));
    let sealer = Arc::clone(&settings.sealer);
    let session = Session::new(&settings.location, hashers, sealer, Arc::clone(&keeper.leases), post);
    let executor = OnLoop::start(on, session, outbox, Arc::clone(&mailbox), clock.clone())
        .ok_or_else(|| napi::Error::from_reason("the event loop gave no handle"))?;
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
    clock: &Clock,
) -> napi::Result<(Executor, Keeper)> {
    let jobs = Jobs::new();
    let post = jobs.0.clone();
    let report = Arc::new(move |op, loss| post.notice(Notice::LeaseLost(op, loss)));
    let keeper = Keeper::new(settings.location.clone(), clock.clone(), report);
    let letters = jobs.0.clone();
    let post = Arc::new(move |notice| letters.notice(notice));
    let sealer = Arc::clone(&settings.sealer);
    let session = Session::new(&settings.location, hashers, sealer, Arc::clone(&keeper.leases), post);
    let me: Rc<OnceCell<Weak<OnThread>>> = Rc::default();
    let found = Rc::clone(&me);
    let look = move || {
        if let Some(executor) = found.get().and_then(Weak::upgrade) {
            executor.look_at_news();
        }
    };
    let waker = Waker::new(env, Box::new(look))?;
    let executor = Rc::new(OnThread::start(env, session, jobs, outbox, waker, clock.clone()));
    let _ = me.set(Rc::downgrade(&executor));
    Ok((Executor::Thread(executor), keeper))
}

#[allow(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn reason(error: StoreError) -> napi::Error {
    napi::Error::from_reason(error.to_string())
}
