//! Tells JavaScript what happened: outcomes are doubles in a shared buffer, their texts are in an array, and one call
//! delivers a whole batch. So a fresh operation needs no Node-API object.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::{null, null_mut};

use napi::sys;

use crate::session::Delivery;

/// Doubles per outcome, and outcomes per call: `lib/native/binding.ts` has the same numbers.
const FIELDS: usize = 8;
const BATCH: usize = 256;

pub struct Outbox {
    env: sys::napi_env,
    buffer: sys::napi_ref,
    cells: *mut f64,
    deliver: sys::napi_ref,
    closed: Cell<bool>,
}

impl Outbox {
    /// # Safety
    /// `env` is this thread's environment; `buffer` is a `Float64Array` of it and `deliver` a function of it.
    ///
    /// # Errors
    /// The buffer is too small, or is not a `Float64Array`.
    pub unsafe fn new(env: sys::napi_env, buffer: sys::napi_value, deliver: sys::napi_value) -> napi::Result<Self> {
        let mut kind = 0;
        let mut length = 0;
        let mut cells: *mut c_void = null_mut();
        // SAFETY: the caller's promise; every out pointer is valid for the call.
        unsafe {
            let status = sys::napi_get_typedarray_info(
                env,
                buffer,
                &raw mut kind,
                &raw mut length,
                &raw mut cells,
                null_mut(),
                null_mut(),
            );
            if status != sys::Status::napi_ok || kind != sys::TypedarrayType::float64_array || length < FIELDS * BATCH {
                return Err(napi::Error::from_reason("outcomes: a Float64Array of 2048 is needed"));
            }
            let (mut buffer_ref, mut deliver_ref) = (null_mut(), null_mut());
            sys::napi_create_reference(env, buffer, 1, &raw mut buffer_ref);
            sys::napi_create_reference(env, deliver, 1, &raw mut deliver_ref);
            Ok(Self { env, buffer: buffer_ref, cells: cells.cast(), deliver: deliver_ref, closed: Cell::new(false) })
        }
    }

    /// `in_call`: JavaScript is on the stack and will run the microtasks itself. Otherwise this is a turn of the
    /// loop, and the microtasks run once for the batch before this returns.
    pub fn send(&self, deliveries: &[Delivery], in_call: bool) {
        for batch in deliveries.chunks(BATCH) {
            if self.closed.get() {
                return;
            }
            // SAFETY: on the thread of `env`, which is alive while the outbox is not closed; handles made here live
            // in the scope opened here.
            unsafe {
                let mut scope = null_mut();
                if sys::napi_open_handle_scope(self.env, &raw mut scope) != sys::Status::napi_ok {
                    return;
                }
                self.call(batch, in_call);
                sys::napi_close_handle_scope(self.env, scope);
            }
        }
    }

    /// Writes outcomes without text into the buffer, for a caller that will look there. Returns 0, and writes nothing,
    /// when some have text or there are too many.
    pub fn leave(&self, deliveries: &[Delivery]) -> usize {
        let fits = deliveries.len() <= BATCH && deliveries.iter().all(|delivery| delivery.text.is_none());
        if !fits || self.closed.get() {
            return 0;
        }
        // SAFETY: see `cells`.
        let cells = unsafe { self.cells() };
        for (delivery, cells) in deliveries.iter().zip(cells.chunks_exact_mut(FIELDS)) {
            write(delivery, cells);
        }
        deliveries.len()
    }

    /// # Safety
    /// The caller is on the JavaScript thread, the outbox is not closed, and there is one slice at a time. The buffer's
    /// reference keeps it alive; the buffer is not resized and holds `BATCH` outcomes.
    #[allow(clippy::mut_from_ref, reason = "the memory is JavaScript's")]
    unsafe fn cells(&self) -> &mut [f64] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.cells, FIELDS * BATCH) }
    }

    /// # Safety
    /// As in [`Outbox::send`], inside a handle scope.
    #[allow(clippy::cast_possible_truncation, reason = "a batch is small")]
    unsafe fn call(&self, batch: &[Delivery], in_call: bool) {
        let env = self.env;
        // SAFETY: the caller's promise.
        let cells = unsafe { self.cells() };
        for (delivery, cells) in batch.iter().zip(cells.chunks_exact_mut(FIELDS)) {
            write(delivery, cells);
        }
        // SAFETY: values of this scope.
        unsafe {
            let (mut count, mut texts, mut receiver, mut deliver) = (null_mut(), null_mut(), null_mut(), null_mut());
            sys::napi_create_uint32(env, batch.len() as u32, &raw mut count);
            if batch.iter().any(|delivery| delivery.text.is_some()) {
                self.texts(batch, &raw mut texts);
            } else {
                sys::napi_get_null(env, &raw mut texts);
            }
            sys::napi_get_undefined(env, &raw mut receiver);
            sys::napi_get_reference_value(env, self.deliver, &raw mut deliver);
            let arguments = [count, texts];
            let status = if in_call {
                sys::napi_call_function(env, receiver, deliver, 2, arguments.as_ptr(), null_mut())
            } else {
                sys::napi_get_global(env, &raw mut receiver);
                sys::napi_make_callback(env, null_mut(), receiver, deliver, 2, arguments.as_ptr(), null_mut())
            };
            if status == sys::Status::napi_pending_exception && !in_call {
                let mut error = null_mut();
                sys::napi_get_and_clear_last_exception(env, &raw mut error);
                sys::napi_fatal_exception(env, error);
            }
        }
    }

    /// V8 decodes UTF-8 character by character, which takes 10 ms for a megabyte of Japanese. It only copies ASCII and
    /// UTF-16.
    ///
    /// # Safety
    /// As in [`Outbox::call`].
    #[allow(clippy::cast_possible_wrap, reason = "no text is that long")]
    unsafe fn text(&self, bytes: &[u8], into: *mut sys::napi_value) {
        let length = |length: usize| length as isize;
        // SAFETY: a value of the caller's scope; lengths are those of the slices.
        unsafe {
            if bytes.is_empty() {
                sys::napi_create_string_utf8(self.env, null(), 0, into);
            } else if bytes.is_ascii() {
                sys::napi_create_string_latin1(self.env, bytes.as_ptr().cast(), length(bytes.len()), into);
            } else if let Ok(text) = std::str::from_utf8(bytes) {
                let units: Vec<u16> = text.encode_utf16().collect();
                sys::napi_create_string_utf16(self.env, units.as_ptr(), length(units.len()), into);
            } else {
                sys::napi_create_string_utf8(self.env, bytes.as_ptr().cast(), length(bytes.len()), into);
            }
        }
    }

    /// # Safety
    /// As in [`Outbox::call`].
    #[allow(clippy::cast_possible_truncation, reason = "a batch is small")]
    unsafe fn texts(&self, batch: &[Delivery], into: *mut sys::napi_value) {
        // SAFETY: values of the caller's scope; lengths are those of the slices.
        unsafe {
            sys::napi_create_array_with_length(self.env, batch.len(), into);
            for (index, delivery) in batch.iter().enumerate() {
                let mut text = null_mut();
                match &delivery.text {
                    Some(bytes) => self.text(bytes, &raw mut text),
                    None => {
                        sys::napi_get_null(self.env, &raw mut text);
                    }
                }
                sys::napi_set_element(self.env, *into, index as u32, text);
            }
        }
    }

    /// The environment ends or the client is closed, so JavaScript is told nothing more.
    pub fn close(&self) {
        if !self.closed.replace(true) {
            // SAFETY: on the thread of `env`, once.
            unsafe {
                sys::napi_delete_reference(self.env, self.buffer);
                sys::napi_delete_reference(self.env, self.deliver);
            }
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "fences stay below 2^53, the rest is smaller")]
fn write(delivery: &Delivery, cells: &mut [f64]) {
    cells.copy_from_slice(&[
        f64::from(delivery.op),
        f64::from(delivery.tag as u8),
        delivery.fence as f64,
        delivery.attempt as f64,
        f64::from(u8::from(delivery.recovered)),
        delivery.ms as f64,
        delivery.code as f64,
        0.0,
    ]);
}
