//! Connect to the driver; versions; what there is.

use std::ffi::{c_char, c_int, c_uint};

use nvml_wrapper_sys::bindings as nvml;
use saigak_lab_gpu::{Gpu, State};

use crate::answer::{self, Failed, put, put_text};
use crate::call::{ask, ask_library, connect, disconnect, handle};

#[unsafe(no_mangle)]
pub extern "C" fn nvmlInit_v2() -> nvml::nvmlReturn_t {
    connect("nvmlInit_v2")
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlInitWithFlags(_flags: c_uint) -> nvml::nvmlReturn_t {
    connect("nvmlInitWithFlags")
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlShutdown() -> nvml::nvmlReturn_t {
    disconnect("nvmlShutdown")
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlErrorString(result: nvml::nvmlReturn_t) -> *const c_char {
    let text = match result {
        nvml::nvmlReturn_enum_NVML_SUCCESS => c"Success",
        nvml::nvmlReturn_enum_NVML_ERROR_UNINITIALIZED => c"Uninitialized",
        nvml::nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED => c"Not Supported",
        nvml::nvmlReturn_enum_NVML_ERROR_NO_PERMISSION => c"Insufficient Permissions",
        nvml::nvmlReturn_enum_NVML_ERROR_DRIVER_NOT_LOADED => c"Driver Not Loaded",
        nvml::nvmlReturn_enum_NVML_ERROR_TIMEOUT => c"Timeout",
        nvml::nvmlReturn_enum_NVML_ERROR_IRQ_ISSUE => c"Interrupt Request Issue",
        nvml::nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST => c"GPU is lost",
        nvml::nvmlReturn_enum_NVML_ERROR_RESET_REQUIRED => c"GPU requires reset",
        nvml::nvmlReturn_enum_NVML_ERROR_LIB_RM_VERSION_MISMATCH => {
            c"Driver/library version mismatch"
        }
        _ => c"Unknown Error",
    };
    text.as_ptr()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetDriverVersion(
    version: *mut c_char,
    length: c_uint,
) -> nvml::nvmlReturn_t {
    ask("nvmlSystemGetDriverVersion", |state| {
        let driver = state.driver.as_deref().ok_or(nvml::nvmlReturn_enum_NVML_ERROR_UNKNOWN)?;
        // SAFETY: the caller's own promise.
        unsafe { put_text(version, length, driver) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetNVMLVersion(
    version: *mut c_char,
    length: c_uint,
) -> nvml::nvmlReturn_t {
    ask_library("nvmlSystemGetNVMLVersion", |_, library| {
        // SAFETY: the caller's own promise.
        unsafe { put_text(version, length, &format!("12.{library}")) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetCudaDriverVersion_v2(
    version: *mut c_int,
) -> nvml::nvmlReturn_t {
    ask("nvmlSystemGetCudaDriverVersion_v2", |_| {
        // SAFETY: the caller's own promise.
        unsafe { put(version, 12_080) }
    })
}

/// Counts those as well that cannot be talked to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCount_v2(count: *mut c_uint) -> nvml::nvmlReturn_t {
    ask("nvmlDeviceGetCount_v2", |state| {
        let number = c_uint::try_from(state.gpus.len()).unwrap_or(c_uint::MAX);
        // SAFETY: the caller's own promise.
        unsafe { put(count, number) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByIndex_v2(
    index: c_uint,
    device: *mut nvml::nvmlDevice_t,
) -> nvml::nvmlReturn_t {
    ask("nvmlDeviceGetHandleByIndex_v2", |state| {
        let missing = nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT;
        // SAFETY: the caller's own promise.
        unsafe { find(state, device, missing, |place, _| place == index as usize) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByUUID(
    uuid: *const c_char,
    device: *mut nvml::nvmlDevice_t,
) -> nvml::nvmlReturn_t {
    ask("nvmlDeviceGetHandleByUUID", |state| {
        let missing = nvml::nvmlReturn_enum_NVML_ERROR_NOT_FOUND;
        // SAFETY: the caller's own promise.
        unsafe {
            let uuid = answer::text(uuid)?;
            find(state, device, missing, |_, gpu| gpu.uuid == uuid)
        }
    })
}

/// NVML writes eight digits of a domain where sysfs writes four; both are understood.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByPciBusId_v2(
    address: *const c_char,
    device: *mut nvml::nvmlDevice_t,
) -> nvml::nvmlReturn_t {
    ask("nvmlDeviceGetHandleByPciBusId_v2", |state| {
        let missing = nvml::nvmlReturn_enum_NVML_ERROR_NOT_FOUND;
        // SAFETY: the caller's own promise.
        unsafe {
            let address = answer::text(address)?.to_lowercase();
            let short = address.strip_prefix("0000").filter(|rest| rest.len() == 12);
            let address = short.unwrap_or(&address);
            find(state, device, missing, |_, gpu| gpu.address == address)
        }
    })
}

/// # Safety
/// `device` is null, or valid for writing a handle.
unsafe fn find(
    state: &State,
    device: *mut nvml::nvmlDevice_t,
    missing: u32,
    fits: impl Fn(usize, &Gpu) -> bool,
) -> Failed {
    let found = state.gpus.iter().enumerate().find(|(place, gpu)| fits(*place, gpu));
    let (place, gpu) = found.ok_or(missing)?;
    // One that needs a reset still has a handle, so that it can be asked what it needs.
    if gpu.lost {
        return Err(nvml::nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST);
    }
    // SAFETY: this function's own contract.
    unsafe { put(device, handle(place)) }
}
