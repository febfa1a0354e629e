//! The arguments of a raw Node-API call. The generated glue of a class costs 5,000 instructions per call (type tag,
//! unwrapping, borrow tracking, two passes per string). This module costs a tenth; a fresh operation makes two calls.

use std::ffi::c_void;
use std::ptr::null_mut;

use napi::sys;

/// As many as the method with the most arguments takes, `send`.
const MOST_ARGUMENTS: usize = 14;
/// Keys and most results fit, so one pass is enough, without measuring first.
const SHORT_TEXT_BYTES: usize = 1_024;
/// In UTF-8. If less room than this is left, the text may have been cut.
const LONGEST_CHARACTER_BYTES: usize = 4;

pub struct Arguments {
    env: sys::napi_env,
    values: [sys::napi_value; MOST_ARGUMENTS],
    pub data: *mut c_void,
}

impl Arguments {
    /// # Safety
    /// `env` and `info` are those of the callback under way.
    pub unsafe fn of(env: sys::napi_env, info: sys::napi_callback_info) -> Self {
        let mut arguments = Self { env, values: [null_mut(); MOST_ARGUMENTS], data: null_mut() };
        let mut count = MOST_ARGUMENTS;
        // SAFETY: the caller's promise; missing arguments are filled with undefined.
        unsafe {
            let values = arguments.values.as_mut_ptr();
            sys::napi_get_cb_info(env, info, &raw mut count, values, null_mut(), &raw mut arguments.data);
        }
        arguments
    }

    /// 0 for a value that is not a number, which TypeScript has ruled out.
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

    /// `None` for a value that is not a string.
    #[must_use]
    pub fn text(&self, index: usize) -> Option<String> {
        self.text_behind(None, index)
    }

    /// Reads a string, and puts an ASCII character in front of it if one is given.
    #[must_use]
    pub fn text_behind(&self, mark: Option<u8>, index: usize) -> Option<String> {
        let value = self.values[index];
        let mark = mark.as_slice();
        let mut short = [0_u8; SHORT_TEXT_BYTES];
        let mut length = 0;
        // SAFETY: a value of this callback; the buffers have the given lengths, and Node writes only whole characters
        // of UTF-8 and a NUL into them. Bytes that are not written are not read.
        unsafe {
            let status = sys::napi_get_value_string_utf8(
                self.env,
                value,
                short.as_mut_ptr().cast(),
                SHORT_TEXT_BYTES,
                &raw mut length,
            );
            if status != sys::Status::napi_ok {
                return None;
            }
            if length + LONGEST_CHARACTER_BYTES < SHORT_TEXT_BYTES {
                return Some(String::from_utf8_unchecked([mark, &short[..length]].concat()));
            }
            let mut units = 0;
            sys::napi_get_value_string_latin1(self.env, value, null_mut(), 0, &raw mut units);
            // Room for ASCII first, then for any text, because measuring first costs a pass over a long text.
            for room in [units + LONGEST_CHARACTER_BYTES + 1, 3 * units + LONGEST_CHARACTER_BYTES + 1] {
                let mut long: Vec<u8> = Vec::with_capacity(mark.len() + room);
                long.extend_from_slice(mark);
                let into = long.as_mut_ptr().add(mark.len()).cast();
                sys::napi_get_value_string_utf8(self.env, value, into, room, &raw mut length);
                if length + LONGEST_CHARACTER_BYTES < room {
                    long.set_len(mark.len() + length);
                    long.shrink_to_fit();
                    return Some(String::from_utf8_unchecked(long));
                }
            }
            None
        }
    }
}
