//! The executor on a background thread, for runtimes where Node's loop is not available and for tests. Calls and
//! answers cross threads, which costs about ten times what [`super::on_loop`] costs; the semantics are the same.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use napi::sys;
use tokio::sync::mpsc;

use super::outbox::Outbox;
use super::waker::Waker;
use crate::clock::{Clock, Micros};
use crate::session::{Delivery, Notice, Session, Tag};
use crate::store::Turner;
use crate::threads;

type Job = Box<dyn FnOnce(&mut Session, Micros) + Send>;

/// Sends work for the session, from any thread.
#[derive(Clone)]
pub struct Jobs(mpsc::UnboundedSender<Job>);

impl Jobs {
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Job>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    pub fn send(&self, job: impl FnOnce(&mut Session, Micros) + Send + 'static) {
        // A failed send means that the client is closed and nobody listens any more.
        let _ = self.0.send(Box::new(job));
    }

    pub fn notice(&self, notice: Notice) {
        self.send(move |session, now| session.notice(notice, now));
    }
}

pub struct OnThread {
    env: sys::napi_env,
    jobs: Jobs,
    news: Arc<Mutex<Vec<Delivery>>>,
    outbox: Outbox,
    waker: Waker,
    /// Operations whose pending answer keeps the process alive.
    awaited: RefCell<HashSet<u32>>,
}

impl OnThread {
    pub fn start(
        env: sys::napi_env,
        session: Session,
        jobs: (Jobs, mpsc::UnboundedReceiver<Job>),
        outbox: Outbox,
        waker: Waker,
        clock: Clock,
    ) -> Self {
        let (jobs, receiver) = jobs;
        let news = Arc::new(Mutex::new(Vec::new()));
        threads::io().spawn(host(session, receiver, Arc::clone(&news), waker.clone(), clock));
        Self { env, jobs, news, outbox, waker, awaited: RefCell::new(HashSet::new()) }
    }

    pub fn run(&self, op: Option<u32>, call: impl FnOnce(&mut Session, Micros) + Send + 'static) {
        if let Some(op) = op {
            let mut awaited = self.awaited.borrow_mut();
            if awaited.is_empty() {
                self.waker.keep_alive(self.env, true);
            }
            awaited.insert(op);
        }
        self.jobs.send(call);
    }

    pub fn forget(&self, op: u32) {
        let mut awaited = self.awaited.borrow_mut();
        if awaited.remove(&op) && awaited.is_empty() {
            self.waker.keep_alive(self.env, false);
        }
    }

    /// Delivers the news that the thread left.
    pub fn look_at_news(&self) {
        let news = std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner));
        for delivery in &news {
            // After these deliveries an answer is still to come.
            if !matches!(delivery.tag, Tag::Delayed | Tag::LeaseLost) {
                self.forget(delivery.op);
            }
        }
        self.outbox.send(&news, false);
    }

    /// The environment ends, so JavaScript must not be called any more.
    pub fn silence(&self) {
        self.outbox.close();
    }

    /// Ends the session and its host. `lib/native/binding.ts` has answered every call.
    pub fn end(&self) {
        self.jobs.send(Session::close);
        self.waker.release();
        self.outbox.close();
    }
}

async fn host(
    mut session: Session,
    mut jobs: mpsc::UnboundedReceiver<Job>,
    news: Arc<Mutex<Vec<Delivery>>>,
    waker: Waker,
    clock: Clock,
) {
    let mut turner = Turner::default();
    loop {
        let now = clock.now();
        session.turn(now);
        turner.write(&mut session.store, now);
        session.take_events(now);
        let fresh = std::mem::take(session.deliveries());
        if !fresh.is_empty() {
            news.lock().unwrap_or_else(PoisonError::into_inner).extend(fresh);
            waker.wake();
        }
        if session.is_closed() {
            return;
        }
        let wake_at = clock.on_boot_clock(session.wake_at());
        let job = tokio::select! {
            biased;
            job = jobs.recv() => Some(job),
            () = turner.idle(&mut session.store, wake_at) => None,
        };
        match job {
            None => {}
            Some(None) => return,
            Some(Some(job)) => {
                let now = clock.now();
                job(&mut session, now);
                while let Ok(job) = jobs.try_recv() {
                    job(&mut session, now);
                }
            }
        }
    }
}
