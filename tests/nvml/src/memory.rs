//! A GPU's memory: use, errors, remapped rows, and who has it.

use std::ffi::{c_uint, c_ulonglong};

use nvml_wrapper_sys::bindings as nvml;
use saigak_lab_gpu::{Ecc, Gpu, State, directory};

use crate::answer::{Failed, put, put_list};
use crate::call::ask_device;

/// The version that a caller writes into the struct: its size, and its number in the top byte.
const MEMORY_V2: usize = size_of::<nvml::nvmlMemory_v2_t>() | 2 << 24;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMemoryInfo(
    device: nvml::nvmlDevice_t,
    memory: *mut nvml::nvmlMemory_t,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceGetMemoryInfo", device, |gpu| {
        let (total, used) = (gpu.memory, State::used(gpu, &directory()));
        // SAFETY: the caller's own promise.
        unsafe { put(memory, nvml::nvmlMemory_t { total, free: total - used, used }) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMemoryInfo_v2(
    device: nvml::nvmlDevice_t,
    memory: *mut nvml::nvmlMemory_v2_t,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceGetMemoryInfo_v2", device, |gpu| {
        if memory.is_null() {
            return Err(nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT);
        }
        // SAFETY: not null, and then the caller promises a struct with its version filled in.
        let version = unsafe { (&raw const (*memory).version).read() };
        if version as usize != MEMORY_V2 {
            return Err(nvml::nvmlReturn_enum_NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
        }
        let (total, used) = (gpu.memory, State::used(gpu, &directory()));
        let free = total - used;
        let info = nvml::nvmlMemory_v2_t { version, total, reserved: 0, free, used };
        // SAFETY: as above.
        unsafe { put(memory, info) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetEccMode(
    device: nvml::nvmlDevice_t,
    current: *mut nvml::nvmlEnableState_t,
    pending: *mut nvml::nvmlEnableState_t,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceGetEccMode", device, |gpu| {
        ecc(gpu)?;
        // SAFETY: the caller's own promise.
        unsafe {
            put(current, nvml::nvmlEnableState_enum_NVML_FEATURE_ENABLED)?;
            put(pending, nvml::nvmlEnableState_enum_NVML_FEATURE_ENABLED)
        }
    })
}

/// What was counted since the driver was loaded and what was counted in the card's life is the
/// same here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetTotalEccErrors(
    device: nvml::nvmlDevice_t,
    kind: nvml::nvmlMemoryErrorType_t,
    _counter: nvml::nvmlEccCounterType_t,
    count: *mut c_ulonglong,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceGetTotalEccErrors", device, |gpu| {
        let ecc = ecc(gpu)?;
        let number = match kind {
            nvml::nvmlMemoryErrorType_enum_NVML_MEMORY_ERROR_TYPE_CORRECTED => ecc.corrected,
            nvml::nvmlMemoryErrorType_enum_NVML_MEMORY_ERROR_TYPE_UNCORRECTED => ecc.uncorrected,
            _ => return Err(nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT),
        };
        // SAFETY: the caller's own promise.
        unsafe { put(count, number) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetRemappedRows(
    device: nvml::nvmlDevice_t,
    corrected: *mut c_uint,
    uncorrected: *mut c_uint,
    pending: *mut c_uint,
    failed: *mut c_uint,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceGetRemappedRows", device, |gpu| {
        let ecc = ecc(gpu)?;
        // SAFETY: the caller's own promise.
        unsafe {
            put(corrected, 0)?;
            put(uncorrected, ecc.remapped)?;
            put(pending, ecc.remap_pending.into())?;
            put(failed, ecc.remap_failed.into())
        }
    })
}

fn ecc(gpu: &Gpu) -> Failed<&Ecc> {
    gpu.ecc.as_ref().ok_or(nvml::nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetComputeRunningProcesses_v2(
    device: nvml::nvmlDevice_t,
    count: *mut c_uint,
    processes: *mut nvml::nvmlProcessInfo_v2_t,
) -> nvml::nvmlReturn_t {
    // SAFETY: the caller's own promise.
    unsafe { running("nvmlDeviceGetComputeRunningProcesses_v2", device, count, processes) }
}

/// The struct of the third version is that of the second.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetComputeRunningProcesses_v3(
    device: nvml::nvmlDevice_t,
    count: *mut c_uint,
    processes: *mut nvml::nvmlProcessInfo_t,
) -> nvml::nvmlReturn_t {
    // SAFETY: the caller's own promise.
    unsafe { running("nvmlDeviceGetComputeRunningProcesses_v3", device, count, processes) }
}

/// # Safety
/// As [`put_list`].
unsafe fn running(
    function: &'static str,
    device: nvml::nvmlDevice_t,
    count: *mut c_uint,
    processes: *mut nvml::nvmlProcessInfo_t,
) -> nvml::nvmlReturn_t {
    ask_device(function, device, |gpu| {
        let info = |client: &saigak_lab_gpu::client::Client| nvml::nvmlProcessInfo_t {
            pid: client.pid,
            usedGpuMemory: client.bytes,
            // Not a part of a card that was cut into instances.
            gpuInstanceId: c_uint::MAX,
            computeInstanceId: c_uint::MAX,
        };
        let list: Vec<_> = State::clients_of(gpu, &directory()).iter().map(info).collect();
        // SAFETY: this function's own contract.
        unsafe { put_list(count, processes, &list) }
    })
}
