//! The arguments of a raw Node-API call. The generated glue of a class costs 5,000 instructions a call (type tag,
//! unwrapping, borrow tracking, two passes per string); this costs a tenth, and a fresh operation makes two calls.

use std::ffi::c_void;
use std::ptr::null_mut;

use napi::sys;

/// More than any method takes.
const MOST: usize = 12;
/// Keys and most results fit: one pass instead of measuring first.
const SHORT: usize = 1_024;

pub struct Arguments {
    env: sys::napi_env,
    values: [sys::napi_value; MOST],
    pub data: *mut c_void,
}

impl Arguments {
    /// # Safety
    /// `env` and `info` are those of the callback under way.
    pub unsafe fn of(env: sys::napi_env, info: sys::napi_callback_info) -> Self {
        let mut arguments = Self { env, values: [null_mut(); MOST], data: null_mut() };
        let mut count = MOST;
        // SAFETY: the caller's promise; missing arguments are filled with undefined.
        unsafe {
            let values = arguments.values.as_mut_ptr();
            sys::napi_get_cb_info(env, info, &raw mut count, values, null_mut(), &raw mut arguments.data);
        }
        arguments
    }

    /// 0 for what is no number: TypeScript has checked it.
    #[must_use]
    pub fn number(&self, index: usize) -> f64 {
        let mut number = 0.0;
        // SAFETY: a value of this callback.
        unsafe { sys::napi_get_value_double(self.env, self.values[index], &raw mut number) };
        number
    }

    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from f64 saturates")]
    pub fn integer(&self, index: usize) -> u32 {
        self.number(index) as u32
    }

    /// `None` for what is no string.
    #[must_use]
    pub fn text(&self, index: usize) -> Option<String> {
        let value = self.values[index];
        let mut short = [0_u8; SHORT];
        let mut length = 0;
        // SAFETY: a value of this callback; the buffers are as long as is said, and Node writes only whole
        // characters of UTF-8 and a NUL into them.
        unsafe {
            let status =
                sys::napi_get_value_string_utf8(self.env, value, short.as_mut_ptr().cast(), SHORT, &raw mut length);
            if status != sys::Status::napi_ok {
                return None;
            }
            // Less room than the longest character: it may have been cut.
            if length + 4 < SHORT {
                return Some(String::from_utf8_unchecked(short[..length].to_vec()));
            }
            sys::napi_get_value_string_utf8(self.env, value, null_mut(), 0, &raw mut length);
            let mut long = vec![0_u8; length + 1];
            let into = long.as_mut_ptr().cast();
            sys::napi_get_value_string_utf8(self.env, value, into, length + 1, &raw mut length);
            long.truncate(length);
            Some(String::from_utf8_unchecked(long))
        }
    }
}
