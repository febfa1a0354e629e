//! libuv's functions, looked up in the running process.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::mem::transmute_copy;
use std::sync::OnceLock;

pub type RawLoop = *mut c_void;
pub type RawHandle = *mut c_void;
pub type Callback = unsafe extern "C" fn(RawHandle);
pub type PollCallback = unsafe extern "C" fn(RawHandle, status: c_int, events: c_int);

/// The handle kinds used here. Their numbers are part of libuv's ABI, and are checked by `uv_handle_type_name`.
const POLL: (c_int, &CStr) = (8, c"poll");
const PREPARE: (c_int, &CStr) = (9, c"prepare");
const TIMER: (c_int, &CStr) = (13, c"timer");

pub struct Library {
    pub poll_size: usize,
    pub prepare_size: usize,
    pub timer_size: usize,
    pub poll_init: unsafe extern "C" fn(RawLoop, RawHandle, c_int) -> c_int,
    pub poll_start: unsafe extern "C" fn(RawHandle, c_int, PollCallback) -> c_int,
    pub prepare_init: unsafe extern "C" fn(RawLoop, RawHandle) -> c_int,
    pub prepare_start: unsafe extern "C" fn(RawHandle, Callback) -> c_int,
    pub prepare_stop: unsafe extern "C" fn(RawHandle) -> c_int,
    pub timer_init: unsafe extern "C" fn(RawLoop, RawHandle) -> c_int,
    pub timer_start: unsafe extern "C" fn(RawHandle, Callback, timeout: u64, repeat: u64) -> c_int,
    pub update_time: unsafe extern "C" fn(RawLoop),
    pub set_data: unsafe extern "C" fn(RawHandle, *mut c_void),
    pub get_data: unsafe extern "C" fn(RawHandle) -> *mut c_void,
    pub set_ref: unsafe extern "C" fn(RawHandle),
    pub unref: unsafe extern "C" fn(RawHandle),
    pub close: unsafe extern "C" fn(RawHandle, Callback),
}

impl Library {
    /// `None` where this process has no libuv, or a libuv that numbers its handle kinds differently.
    pub fn get() -> Option<&'static Self> {
        static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();
        LIBRARY.get_or_init(Self::look_up).as_ref()
    }

    fn look_up() -> Option<Self> {
        // SAFETY: every function is declared in libuv's uv.h with exactly this type since 1.19, the oldest that has
        // uv_handle_set_data; Node 20 brings 1.46.
        unsafe {
            let size: unsafe extern "C" fn(c_int) -> usize = symbol(c"uv_handle_size")?;
            let name: unsafe extern "C" fn(c_int) -> *const c_char = symbol(c"uv_handle_type_name")?;
            let version: unsafe extern "C" fn() -> c_uint = symbol(c"uv_version")?;
            if version() >> 16 != 1 {
                return None;
            }
            let size_of = |(number, expected): (c_int, &CStr)| {
                let found = name(number);
                (!found.is_null() && CStr::from_ptr(found) == expected).then(|| size(number))
            };
            Some(Self {
                poll_size: size_of(POLL)?,
                prepare_size: size_of(PREPARE)?,
                timer_size: size_of(TIMER)?,
                poll_init: symbol(c"uv_poll_init")?,
                poll_start: symbol(c"uv_poll_start")?,
                prepare_init: symbol(c"uv_prepare_init")?,
                prepare_start: symbol(c"uv_prepare_start")?,
                prepare_stop: symbol(c"uv_prepare_stop")?,
                timer_init: symbol(c"uv_timer_init")?,
                timer_start: symbol(c"uv_timer_start")?,
                update_time: symbol(c"uv_update_time")?,
                set_data: symbol(c"uv_handle_set_data")?,
                get_data: symbol(c"uv_handle_get_data")?,
                set_ref: symbol(c"uv_ref")?,
                unref: symbol(c"uv_unref")?,
                close: symbol(c"uv_close")?,
            })
        }
    }
}

/// # Safety
/// `F` must be the type of the C function of that name.
unsafe fn symbol<F: Copy>(name: &CStr) -> Option<F> {
    // SAFETY: dlsym only reads the name; a non-null answer is the address of that function.
    unsafe {
        let address = libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
        (!address.is_null()).then(|| transmute_copy::<*mut c_void, F>(&address))
    }
}
