//! How a list of Rust functions becomes an object of JavaScript functions, and how a call in JavaScript reaches Rust.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::rc::Rc;

use napi::sys;

use super::arguments::Arguments;
use super::calls::CALLS;
use super::client::Client;

pub type Call = fn(&Rc<Client>, &Arguments) -> Returned;

/// What a function returns at once.
pub enum Returned {
    /// This many outcomes lie in the buffer already, from a store that answers at once.
    Outcomes(usize),
    Bool(bool),
    Number(usize),
    Text(String),
    Nothing,
}

/// The data of one JavaScript function.
struct Bound {
    call: Call,
    client: Rc<Client>,
}

/// The object of functions for `client`. It lives until the client is closed or the environment ends: the client's
/// callback keeps JavaScript's side alive, and a call under way must be answered.
pub fn object_of(env: sys::napi_env, client: &Rc<Client>) -> sys::napi_value {
    let mut object = null_mut();
    // SAFETY: inside the call that makes the client. Each function owns its `Bound` as its data, which its finalizer
    // takes back.
    unsafe {
        sys::napi_create_object(env, &raw mut object);
        for (name, call) in CALLS {
            let bound = Box::into_raw(Box::new(Bound { call, client: Rc::clone(client) })).cast::<c_void>();
            let mut function = null_mut();
            sys::napi_create_function(env, name.as_ptr(), -1, Some(called), bound, &raw mut function);
            sys::napi_add_finalizer(env, function, bound, Some(collected), null_mut(), null_mut());
            sys::napi_set_named_property(env, object, name.as_ptr(), function);
        }
    }
    object
}

/// # Safety
/// Called by Node once per function.
unsafe extern "C" fn collected(_: sys::napi_env, bound: *mut c_void, _: *mut c_void) {
    // SAFETY: the box made in `object_of`.
    drop(unsafe { Box::from_raw(bound.cast::<Bound>()) });
}

/// # Safety
/// Called by Node as the callback of a function made in [`object_of`].
unsafe extern "C" fn called(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: the callback under way; its data is the function's `Bound`, which lives as long as the function. The
    // client is shared for the length of the call.
    let (arguments, call, client) = unsafe {
        let arguments = Arguments::of(env, info);
        let bound = &*arguments.data.cast::<Bound>().cast_const();
        let (call, client) = (bound.call, Rc::clone(&bound.client));
        (arguments, call, client)
    };
    let body = AssertUnwindSafe(|| call(&client, &arguments));
    if let Ok(returned) = catch_unwind(body) {
        // SAFETY: values for the callback under way.
        return unsafe { value_of(env, returned) };
    }
    // SAFETY: as above; both strings end in NUL.
    unsafe {
        let message = c"a bug in actonce's native half; please report it";
        sys::napi_throw_error(env, c"ERR_STORE_PROTOCOL".as_ptr(), message.as_ptr());
    }
    null_mut()
}

/// # Safety
/// As [`called`].
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "counts and short texts")]
unsafe fn value_of(env: sys::napi_env, returned: Returned) -> sys::napi_value {
    let mut value = null_mut();
    // SAFETY: the caller's promise; the length is the text's.
    unsafe {
        match returned {
            Returned::Outcomes(count) | Returned::Number(count) => {
                sys::napi_create_uint32(env, count as u32, &raw mut value);
            }
            Returned::Bool(is) => {
                sys::napi_get_boolean(env, is, &raw mut value);
            }
            Returned::Text(text) => {
                sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, &raw mut value);
            }
            Returned::Nothing => {}
        }
    }
    value
}
