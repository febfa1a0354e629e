//! Owned libuv handles, one type for each kind used here. Dropping a handle closes it; libuv's close callback frees its
//! memory.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::library::{Library, RawHandle, RawLoop};

const READABLE: c_int = 1;
const WRITABLE: c_int = 2;
const DISCONNECT: c_int = 4;

/// The event loop of this thread, and how many handles made here it has.
#[derive(Clone)]
pub struct Loop {
    raw: RawLoop,
    library: &'static Library,
    open: Rc<Open>,
}

#[derive(Default)]
struct Open {
    handles: Cell<usize>,
    when_none: Cell<Option<Box<dyn FnOnce()>>>,
}

impl Open {
    fn call_if_none(&self) {
        if self.handles.get() == 0
            && let Some(then) = self.when_none.take()
        {
            then();
        }
    }
}

impl Loop {
    /// # Safety
    /// `raw` is this thread's running `uv_loop_t` and outlives every handle made from it.
    #[must_use]
    pub unsafe fn new(raw: *mut c_void, library: &'static Library) -> Self {
        Self { raw, library, open: Rc::default() }
    }

    /// Calls `then` once no handle made from this loop is open any more.
    pub fn when_closed(&self, then: Box<dyn FnOnce()>) {
        self.open.when_none.set(Some(then));
        self.open.call_if_none();
    }
}

/// What a handle's data pointer points to; the close callback frees it.
struct Attached {
    call: Rc<dyn Fn()>,
    layout: Layout,
    open: Rc<Open>,
}

/// An initialised handle.
struct Handle {
    raw: RawHandle,
    library: &'static Library,
}

impl Handle {
    fn new(
        on: &Loop,
        size: usize,
        call: Rc<dyn Fn()>,
        init: impl FnOnce(&'static Library, RawLoop, RawHandle) -> c_int,
    ) -> Option<Self> {
        let layout = Layout::from_size_align(size, 16).ok()?;
        // SAFETY: libuv itself gives the size, which is not zero; after a failed init libuv does not know the memory.
        unsafe {
            let raw: RawHandle = alloc_zeroed(layout).cast();
            if raw.is_null() || init(on.library, on.raw, raw) != 0 {
                if !raw.is_null() {
                    dealloc(raw.cast(), layout);
                }
                return None;
            }
            let attached = Attached { call, layout, open: Rc::clone(&on.open) };
            (on.library.set_data)(raw, Box::into_raw(Box::new(attached)).cast());
            on.open.handles.set(on.open.handles.get() + 1);
            // No handle made here keeps a process alive unless it is asked to.
            (on.library.unref)(raw);
            Some(Self { raw, library: on.library })
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is initialised and not yet closed, since only this drop closes it.
        unsafe { (self.library.close)(self.raw, closed) }
    }
}

/// # Safety
/// Called by libuv for a handle made by [`Handle::new`].
unsafe extern "C" fn closed(raw: RawHandle) {
    let Some(library) = Library::get() else { return };
    // SAFETY: the data pointer is the box of Handle::new, and libuv has let go of the handle's memory.
    let attached = unsafe {
        let attached = Box::from_raw((library.get_data)(raw).cast::<Attached>());
        dealloc(raw.cast(), attached.layout);
        attached
    };
    attached.open.handles.set(attached.open.handles.get() - 1);
    attached.open.call_if_none();
}

/// # Safety
/// As [`closed`].
#[allow(clippy::print_stderr, reason = "a bug of ours, and nobody to return it to")]
unsafe extern "C" fn called(raw: RawHandle) {
    let Some(library) = Library::get() else { return };
    // SAFETY: a callback runs only while the handle is open, so its data is alive; the Rc is cloned because the
    // call may drop the handle.
    let call = unsafe { Rc::clone(&(*(library.get_data)(raw).cast::<Attached>()).call) };
    if catch_unwind(AssertUnwindSafe(|| call())).is_err() {
        eprintln!("actonce: a panic on the event loop was stopped; please report it");
    }
}

/// # Safety
/// As [`closed`].
unsafe extern "C" fn polled(raw: RawHandle, _status: c_int, _events: c_int) {
    // SAFETY: as for `called`. The read that follows sees what an error status means.
    unsafe { called(raw) }
}

/// Runs before the loop waits for I/O, which is the place to write what one turn has gathered.
pub struct Prepare(Handle);

impl Prepare {
    pub fn new(on: &Loop, call: Rc<dyn Fn()>) -> Option<Self> {
        // SAFETY: fresh memory of the right size, on the loop's thread.
        Handle::new(on, on.library.prepare_size, call, |uv, on, raw| unsafe { (uv.prepare_init)(on, raw) }).map(Self)
    }

    pub fn start(&self) {
        // SAFETY: an open prepare handle. Starting it twice is allowed.
        unsafe { (self.0.library.prepare_start)(self.0.raw, called) };
    }

    pub fn stop(&self) {
        // SAFETY: as above.
        unsafe { (self.0.library.prepare_stop)(self.0.raw) };
    }
}

pub struct Timer {
    handle: Handle,
    on: Loop,
}

impl Timer {
    pub fn new(on: &Loop, call: Rc<dyn Fn()>) -> Option<Self> {
        // SAFETY: fresh memory of the right size, on the loop's thread.
        let init = |uv: &'static Library, on, raw| unsafe { (uv.timer_init)(on, raw) };
        Handle::new(on, on.library.timer_size, call, init).map(|handle| Self { handle, on: on.clone() })
    }

    /// Fires once, `ms` from now.
    pub fn start(&self, ms: u64) {
        // SAFETY: an open timer on its loop's thread. The loop's time may be old, so it is updated first.
        unsafe {
            (self.on.library.update_time)(self.on.raw);
            (self.handle.library.timer_start)(self.handle.raw, called, ms, 0);
        }
    }

    /// A referenced, started timer keeps the process alive.
    pub fn keep_alive(&self, alive: bool) {
        // SAFETY: an open timer; both calls are idempotent.
        unsafe {
            if alive {
                (self.handle.library.set_ref)(self.handle.raw);
            } else {
                (self.handle.library.unref)(self.handle.raw);
            }
        }
    }
}

/// Readiness of a socket. Must be dropped before the descriptor is closed.
pub struct Poll(Handle);

impl Poll {
    pub fn new(on: &Loop, descriptor: RawFd, call: Rc<dyn Fn()>) -> Option<Self> {
        // SAFETY: fresh memory of the right size, on the loop's thread, for an open descriptor.
        let init = |uv: &'static Library, on, raw| unsafe { (uv.poll_init)(on, raw, descriptor) };
        let poll = Self(Handle::new(on, on.library.poll_size, call, init)?);
        poll.watch(false);
        Some(poll)
    }

    /// Always watches for readable and closed, and for writable when asked.
    pub fn watch(&self, writable: bool) {
        let events = READABLE | DISCONNECT | if writable { WRITABLE } else { 0 };
        // SAFETY: an open poll handle; starting again changes the events.
        unsafe { (self.0.library.poll_start)(self.0.raw, events, polled) };
    }
}
