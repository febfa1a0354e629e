//! How another thread makes this JavaScript thread look at its mailbox: with a thread-safe function that has no
//! JavaScript function. Wakes are coalesced: many notices lead to one turn.

use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use napi::sys;

type Call = Box<dyn Fn()>;

struct Shared {
    /// `None` once Node has torn the function down. The lock keeps a wake from using the function meanwhile.
    function: Mutex<Option<Function>>,
    pending: AtomicBool,
}

#[derive(Clone, Copy)]
struct Function(sys::napi_threadsafe_function);

// SAFETY: Node-API lets every thread call a thread-safe function.
unsafe impl Send for Function {}

/// Wakes the JavaScript thread from any thread.
#[derive(Clone)]
pub struct Waker(Arc<Shared>);

/// What the function's context points to. Only the JavaScript thread uses it.
struct Context {
    shared: Arc<Shared>,
    call: Call,
}

impl Waker {
    /// `call` runs on this JavaScript thread after [`Waker::wake`]. The waker does not keep the process alive.
    pub fn new(env: sys::napi_env, call: Call) -> napi::Result<Self> {
        let shared = Arc::new(Shared { function: Mutex::new(None), pending: AtomicBool::new(false) });
        let context = Box::into_raw(Box::new(Context { shared: Arc::clone(&shared), call }));
        let mut name = null_mut();
        let mut function = null_mut();
        // SAFETY: called on the JavaScript thread with its environment; the context is freed by `finalized` alone.
        let status = unsafe {
            sys::napi_create_string_utf8(env, c"actonce".as_ptr(), 7, &raw mut name);
            sys::napi_create_threadsafe_function(
                env,
                null_mut(),
                null_mut(),
                name,
                0,
                1,
                null_mut(),
                Some(finalized),
                context.cast(),
                Some(woken),
                &raw mut function,
            )
        };
        if status != sys::Status::napi_ok {
            // SAFETY: Node did not take the context.
            drop(unsafe { Box::from_raw(context) });
            return Err(napi::Error::from_reason("cannot create a thread-safe function"));
        }
        // SAFETY: a live thread-safe function on its own thread.
        unsafe { sys::napi_unref_threadsafe_function(env, function) };
        *shared.function.lock().unwrap_or_else(PoisonError::into_inner) = Some(Function(function));
        Ok(Self(shared))
    }

    pub fn wake(&self) {
        if self.0.pending.swap(true, Ordering::AcqRel) {
            return;
        }
        let guard = self.0.function.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Function(function)) = *guard {
            // SAFETY: not yet finalized, and the lock keeps that from happening now.
            unsafe {
                sys::napi_call_threadsafe_function(function, null_mut(), sys::ThreadsafeFunctionCallMode::nonblocking);
            }
        }
    }

    /// Called on the JavaScript thread only.
    pub fn keep_alive(&self, env: sys::napi_env, alive: bool) {
        let guard = self.0.function.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Function(function)) = *guard {
            // SAFETY: not yet finalized, on its own thread.
            unsafe {
                if alive {
                    sys::napi_ref_threadsafe_function(env, function);
                } else {
                    sys::napi_unref_threadsafe_function(env, function);
                }
            }
        }
    }

    /// Called on the JavaScript thread only. After this nothing wakes it any more.
    pub fn release(&self) {
        let function = self.0.function.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Function(function)) = function {
            // SAFETY: taken out under the lock, so this is its last use.
            unsafe {
                sys::napi_release_threadsafe_function(function, sys::ThreadsafeFunctionReleaseMode::abort);
            }
        }
    }
}

/// # Safety
/// Called by Node on the JavaScript thread with the context given at creation.
#[allow(clippy::print_stderr, reason = "a bug of ours, and nobody to return it to")]
unsafe extern "C" fn woken(env: sys::napi_env, _: sys::napi_value, context: *mut c_void, _: *mut c_void) {
    // Without an environment, Node is ending and only empties the queue.
    if env.is_null() {
        return;
    }
    // SAFETY: the context lives until `finalized`, which cannot run during this call.
    let context = unsafe { &*context.cast::<Context>() };
    context.shared.pending.store(false, Ordering::Release);
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (context.call)())).is_err() {
        eprintln!("actonce: a panic on the JavaScript thread was stopped; please report it");
    }
}

/// # Safety
/// Called by Node once, on the JavaScript thread; the context is not used afterwards.
unsafe extern "C" fn finalized(_: sys::napi_env, _: *mut c_void, context: *mut c_void) {
    // SAFETY: the box made in `new`.
    let context = unsafe { Box::from_raw(context.cast::<Context>()) };
    context.shared.function.lock().unwrap_or_else(PoisonError::into_inner).take();
}
