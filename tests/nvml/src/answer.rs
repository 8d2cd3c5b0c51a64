//! The places that a caller gives for an answer.

use std::ffi::{CStr, c_char, c_uint};

use nvml_wrapper_sys::bindings as nvml;

/// A code of NVML that is not success.
pub(crate) type Failed<T = ()> = Result<T, u32>;

/// Writes an answer.
///
/// # Safety
/// `place` is null, or valid for writing a `T`.
pub(crate) unsafe fn put<T>(place: *mut T, value: T) -> Failed {
    if place.is_null() {
        return Err(nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT);
    }
    // SAFETY: not null, hence valid by this function's contract.
    unsafe { place.write(value) };
    Ok(())
}

/// Writes a text and the zero that ends it.
///
/// # Safety
/// `place` is null, or valid for writing `length` bytes.
pub(crate) unsafe fn put_text(place: *mut c_char, length: c_uint, text: &str) -> Failed {
    if place.is_null() {
        return Err(nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT);
    }
    if text.len() >= length as usize {
        return Err(nvml::nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE);
    }
    // SAFETY: the text and its zero fit into the `length` bytes, and cannot overlap with them.
    unsafe {
        place.copy_from_nonoverlapping(text.as_ptr().cast(), text.len());
        place.add(text.len()).write(0);
    }
    Ok(())
}

/// Reads a text.
///
/// # Safety
/// `text` is null, or a text that a zero ends.
pub(crate) unsafe fn text(text: *const c_char) -> Failed<String> {
    if text.is_null() {
        return Err(nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT);
    }
    // SAFETY: not null, hence ended by a zero.
    let text = unsafe { CStr::from_ptr(text) };
    Ok(text.to_string_lossy().into_owned())
}

/// Writes a list by NVML's custom: `count` tells how much room there is, and then how much there
/// would be to write. Too little room for anything is a code of its own.
///
/// # Safety
/// `count` is null or valid for reading and writing; `place` is null or valid for writing as many
/// items as `count` says.
pub(crate) unsafe fn put_list<T: Copy>(count: *mut c_uint, place: *mut T, items: &[T]) -> Failed {
    if count.is_null() {
        return Err(nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT);
    }
    // SAFETY: not null, hence valid.
    let room = unsafe { count.read() } as usize;
    let length = c_uint::try_from(items.len()).unwrap_or(c_uint::MAX);
    // SAFETY: as above.
    unsafe { count.write(length) };
    if items.len() > room {
        return Err(nvml::nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE);
    }
    if items.is_empty() {
        return Ok(());
    }
    if place.is_null() {
        return Err(nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT);
    }
    // SAFETY: there is room for all items, and they lie in memory of this library.
    unsafe { place.copy_from_nonoverlapping(items.as_ptr(), items.len()) };
    Ok(())
}
