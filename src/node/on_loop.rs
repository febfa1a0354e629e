//! The executor on Node's own event loop: no thread is crossed between a call and its answer. Commands of one turn
//! of the loop leave together, before the loop waits, except those that leave early so that Redis can work meanwhile.
//! The answers of one read arrive in one callback.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, PoisonError};

use super::outbox::Outbox;
use super::waker::Waker;
use crate::clock::{Clock, MILLI, Micros};
use crate::session::{Notice, Session};
use crate::store::{Connection, Store as _};
use crate::threads;
use crate::uv::{Loop, Poll, Prepare, Timer};

/// The length of a timer that only keeps the loop alive.
const LOOK_EVERY: Micros = 60_000 * MILLI;

/// Notices from other threads. A closed mailbox drops them.
#[derive(Default)]
pub struct Mailbox {
    notices: Mutex<Option<Vec<Notice>>>,
    waker: Mutex<Option<Waker>>,
}

impl Mailbox {
    pub fn open(&self, waker: Waker) {
        *self.notices.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
    }

    pub fn send(&self, notice: Notice) {
        if let Some(notices) = &mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner) {
            notices.push(notice);
        }
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn take(&self) -> Vec<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub fn close(&self) {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take() {
            waker.release();
        }
    }
}

struct Handles {
    prepare: Prepare,
    timer: Timer,
    /// One socket for each connection of the store.
    sockets: Vec<Socket>,
}

#[derive(Default)]
struct Socket {
    poll: Option<Poll>,
    wants_write: bool,
}

impl Socket {
    /// Changes what is watched, but only when it differs: a change costs two system calls in libuv.
    fn watch(&mut self, wants_write: bool) {
        if std::mem::replace(&mut self.wants_write, wants_write) != wants_write
            && let Some(poll) = &self.poll
        {
            poll.watch(wants_write);
        }
    }
}

pub struct OnLoop {
    on: Loop,
    session: RefCell<Session>,
    outbox: Outbox,
    mailbox: Arc<Mailbox>,
    clock: Clock,
    handles: RefCell<Option<Handles>>,
    writes_planned: Cell<bool>,
    wakes_at: Cell<Micros>,
    busy: Cell<bool>,
    me: Weak<OnLoop>,
}

impl OnLoop {
    /// `None` when libuv gives no handle.
    pub fn start(on: Loop, session: Session, outbox: Outbox, mailbox: Arc<Mailbox>, clock: Clock) -> Option<Rc<Self>> {
        let executor = Rc::new_cyclic(|me| Self {
            on,
            session: RefCell::new(session),
            outbox,
            mailbox,
            clock,
            handles: RefCell::new(None),
            writes_planned: Cell::new(false),
            wakes_at: Cell::new(Micros::MAX),
            busy: Cell::new(false),
            me: me.clone(),
        });
        let prepare = Prepare::new(&executor.on, executor.calling(Self::write))?;
        let timer = Timer::new(&executor.on, executor.calling(Self::time_has_come))?;
        *executor.handles.borrow_mut() = Some(Handles { prepare, timer, sockets: Vec::new() });
        Some(executor)
    }

    /// A callback to `method`, which does nothing once the executor is gone.
    fn calling(&self, method: fn(&Self)) -> Rc<dyn Fn()> {
        let me = self.me.clone();
        Rc::new(move || {
            if let Some(me) = me.upgrade() {
                method(&me);
            }
        })
    }

    /// A call from JavaScript. Outcomes without text that are there at once (the embedded store's) are left in the
    /// buffer and counted, which is cheaper than calling back into the caller.
    pub fn run(&self, call: impl FnOnce(&mut Session, Micros)) -> usize {
        let now = self.clock.now();
        call(&mut self.session.borrow_mut(), now);
        // Before anything is left in the buffer: a connection that is found to be gone answers others through it.
        self.write_early(now);
        let left = {
            let mut session = self.session.borrow_mut();
            let deliveries = session.deliveries();
            let left = self.outbox.leave(deliveries);
            if left > 0 {
                deliveries.clear();
            }
            left
        };
        self.afterwards(now, true);
        left
    }

    /// A call that moves this client's time forward, so that the loop's timer has to be set anew.
    pub fn run_through_time(&self, call: impl FnOnce(&mut Session, Micros)) -> usize {
        self.wakes_at.set(Micros::MAX);
        self.run(call)
    }

    /// Another thread left a notice.
    pub fn look_at_mail(&self) {
        let now = self.clock.now();
        for notice in self.mailbox.take() {
            self.session.borrow_mut().notice(notice, now);
        }
        self.afterwards(now, false);
    }

    fn socket_is_ready(&self, index: usize) {
        let wants_write = |handles: &Handles| handles.sockets.get(index).is_some_and(|socket| socket.wants_write);
        if self.handles.borrow().as_ref().is_some_and(wants_write) {
            self.write();
        }
        let now = self.clock.now();
        self.session.borrow_mut().turn_one(index, now);
        self.afterwards(now, false);
    }

    fn time_has_come(&self) {
        self.wakes_at.set(Micros::MAX);
        let now = self.clock.now();
        self.session.borrow_mut().turn(now);
        self.afterwards(now, false);
    }

    fn write(&self) {
        let now = self.clock.now();
        self.writes_planned.set(false);
        {
            let mut session = self.session.borrow_mut();
            if let Some(handles) = &mut *self.handles.borrow_mut() {
                handles.prepare.stop();
                for (socket, connection) in handles.sockets.iter_mut().zip(session.store.connections()) {
                    socket.watch(connection.write(now));
                }
            }
            session.take_events(now);
        }
        self.afterwards(now, false);
    }

    /// Writes what is worth a system call of its own before the end of the turn.
    fn write_early(&self, now: Micros) {
        let mut session = self.session.borrow_mut();
        let mut handles = self.handles.borrow_mut();
        let Some(handles) = &mut *handles else { return };
        let mut has_written = false;
        for (socket, connection) in handles.sockets.iter_mut().zip(session.store.connections()) {
            if !socket.wants_write && connection.wants_early_write() {
                socket.watch(connection.write(now));
                has_written = true;
            }
        }
        if has_written {
            session.take_events(now);
        }
    }

    fn afterwards(&self, now: Micros, in_call: bool) {
        loop {
            let deliveries = std::mem::take(self.session.borrow_mut().deliveries());
            if deliveries.is_empty() {
                break;
            }
            // JavaScript may call back in here, so nothing is borrowed.
            self.outbox.send(&deliveries, in_call);
        }
        self.plan(now);
    }

    /// Arranges that the loop comes back to write, to read, and in time, and that it does not come back for nothing.
    fn plan(&self, now: Micros) {
        let mut session = self.session.borrow_mut();
        let mut handles = self.handles.borrow_mut();
        let Some(handles) = &mut *handles else { return };
        let connections = session.store.connections();
        handles.sockets.resize_with(connections.len(), Socket::default);
        for (index, (socket, connection)) in handles.sockets.iter_mut().zip(connections).enumerate() {
            self.plan_socket(index, socket, connection, now);
            let will_write = socket.wants_write || self.writes_planned.get();
            if connection.has_output() && !will_write {
                self.writes_planned.set(true);
                handles.prepare.start();
            }
        }
        // Only a running timer keeps the loop alive, and work on another thread sets no timer of its own.
        let at_the_latest = if session.waits_for_seal_thread() { now + LOOK_EVERY } else { Micros::MAX };
        let wake_at = session.wake_at().min(at_the_latest);
        if wake_at < self.wakes_at.get() {
            self.wakes_at.set(wake_at);
            handles.timer.start(wake_at.saturating_sub(now).div_ceil(MILLI));
        }
        let busy = session.is_busy();
        if self.busy.replace(busy) != busy {
            handles.timer.keep_alive(busy);
        }
    }

    fn plan_socket(&self, index: usize, socket: &mut Socket, connection: &mut Connection, now: Micros) {
        if connection.has_retired() || (socket.poll.is_none() && connection.descriptor().is_some()) {
            // Polling ends before the descriptor is closed.
            *socket = Socket::default();
            connection.drop_retired();
            let me = self.me.clone();
            let ready = Rc::new(move || {
                if let Some(me) = me.upgrade() {
                    me.socket_is_ready(index);
                }
            });
            socket.poll = connection.descriptor().and_then(|descriptor| Poll::new(&self.on, descriptor, ready));
        }
        if connection.wants_to_connect(now) {
            let (attempt, mailbox) = (connection.connect(), Arc::clone(&self.mailbox));
            threads::io().spawn(async move { mailbox.send(Notice::Connected(index, attempt.await)) });
        }
    }

    /// The environment ends, so JavaScript must not be called any more.
    pub fn silence(&self) {
        self.outbox.close();
    }

    /// Ends every call, closes every handle. `closed` is called when libuv has let go of the last one.
    pub fn close(&self, closed: Box<dyn FnOnce()>) {
        let now = self.clock.now();
        self.session.borrow_mut().close(now);
        self.afterwards(now, true);
        let handles = self.handles.borrow_mut().take();
        drop(handles);
        self.session.borrow_mut().store.connections().iter_mut().for_each(Connection::drop_retired);
        self.mailbox.close();
        self.outbox.close();
        self.when_closed(closed);
    }

    /// Calls `closed` when libuv has let go of the last handle.
    pub fn when_closed(&self, closed: Box<dyn FnOnce()>) {
        self.on.when_closed(closed);
    }
}
