//! What a GPU is, and how it fares.

use std::ffi::{c_char, c_int, c_uint, c_ulonglong};

use nvml_wrapper_sys::bindings as nvml;
use saigak_lab_gpu::Gpu;

use crate::answer::{Failed, put, put_text};
use crate::call::{ask_device, place};

/// Megahertz of an idle card.
const CLOCK: c_uint = 210;
/// Milliwatts that the card may use.
const POWER_LIMIT: c_uint = 350_000;
/// Degrees Celsius at which the card slows down, and at which it switches itself off.
const SLOWDOWN: c_uint = 95;
const SHUTDOWN: c_uint = 98;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetName(
    device: nvml::nvmlDevice_t,
    name: *mut c_char,
    length: c_uint,
) -> nvml::nvmlReturn_t {
    // SAFETY: the caller's own promise.
    ask_device("nvmlDeviceGetName", device, |gpu| unsafe { put_text(name, length, &gpu.name) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetUUID(
    device: nvml::nvmlDevice_t,
    uuid: *mut c_char,
    length: c_uint,
) -> nvml::nvmlReturn_t {
    // SAFETY: the caller's own promise.
    ask_device("nvmlDeviceGetUUID", device, |gpu| unsafe { put_text(uuid, length, &gpu.uuid) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetIndex(
    device: nvml::nvmlDevice_t,
    index: *mut c_uint,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceGetIndex", device, |_| {
        let place = c_uint::try_from(place(device)?).unwrap_or(c_uint::MAX);
        // SAFETY: the caller's own promise.
        unsafe { put(index, place) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMinorNumber(
    device: nvml::nvmlDevice_t,
    minor: *mut c_uint,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceGetMinorNumber", device, |_| {
        let place = c_uint::try_from(place(device)?).unwrap_or(c_uint::MAX);
        // SAFETY: the caller's own promise.
        unsafe { put(minor, place) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetPciInfo_v3(
    device: nvml::nvmlDevice_t,
    pci: *mut nvml::nvmlPciInfo_t,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceGetPciInfo_v3", device, |gpu| {
        let info = pci_info(gpu).ok_or(nvml::nvmlReturn_enum_NVML_ERROR_UNKNOWN)?;
        // SAFETY: the caller's own promise.
        unsafe { put(pci, info) }
    })
}

/// An address is the domain, the bus, and the device with its function: `0000:0a:00.0`.
fn pci_info(gpu: &Gpu) -> Option<nvml::nvmlPciInfo_t> {
    let mut parts = gpu.address.split([':', '.']);
    let mut number = || u32::from_str_radix(parts.next()?, 16).ok();
    let (domain, bus, slot) = (number()?, number()?, number()?);
    let mut info = nvml::nvmlPciInfo_t {
        busIdLegacy: [0; 16],
        domain,
        bus,
        device: slot,
        pciDeviceId: 0x2204_10de,
        pciSubSystemId: 0x1467_10de,
        busId: [0; 32],
    };
    let upper = |text: String, into: &mut [c_char]| {
        for (place, byte) in into.iter_mut().zip(text.to_uppercase().bytes()) {
            *place = c_char::from_ne_bytes([byte]);
        }
    };
    upper(gpu.address.clone(), &mut info.busIdLegacy);
    upper(format!("0000{}", gpu.address), &mut info.busId);
    Some(info)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetTemperature(
    device: nvml::nvmlDevice_t,
    sensor: nvml::nvmlTemperatureSensors_t,
    temperature: *mut c_uint,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceGetTemperature", device, |gpu| {
        if sensor != nvml::nvmlTemperatureSensors_enum_NVML_TEMPERATURE_GPU {
            return Err(nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT);
        }
        // SAFETY: the caller's own promise.
        unsafe { put(temperature, gpu.temperature) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetTemperatureThreshold(
    device: nvml::nvmlDevice_t,
    threshold: nvml::nvmlTemperatureThresholds_t,
    temperature: *mut c_uint,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceGetTemperatureThreshold", device, |_| {
        let degrees = match threshold {
            nvml::nvmlTemperatureThresholds_enum_NVML_TEMPERATURE_THRESHOLD_SHUTDOWN => SHUTDOWN,
            nvml::nvmlTemperatureThresholds_enum_NVML_TEMPERATURE_THRESHOLD_SLOWDOWN => SLOWDOWN,
            _ => return Err(nvml::nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED),
        };
        // SAFETY: the caller's own promise.
        unsafe { put(temperature, degrees) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetPowerUsage(
    device: nvml::nvmlDevice_t,
    power: *mut c_uint,
) -> nvml::nvmlReturn_t {
    // SAFETY: the caller's own promise.
    ask_device("nvmlDeviceGetPowerUsage", device, |gpu| unsafe { put(power, gpu.power) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetEnforcedPowerLimit(
    device: nvml::nvmlDevice_t,
    limit: *mut c_uint,
) -> nvml::nvmlReturn_t {
    // SAFETY: the caller's own promise.
    ask_device("nvmlDeviceGetEnforcedPowerLimit", device, |_| unsafe { put(limit, POWER_LIMIT) })
}

/// Millijoules: what the card would have used if it had always used as much as now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetTotalEnergyConsumption(
    device: nvml::nvmlDevice_t,
    energy: *mut c_ulonglong,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceGetTotalEnergyConsumption", device, |gpu| {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        let seconds = uptime.split('.').next().and_then(|text| text.parse::<u64>().ok());
        let spent = seconds.unwrap_or(0).saturating_mul(gpu.power.into());
        // SAFETY: the caller's own promise.
        unsafe { put(energy, spent) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetClockInfo(
    device: nvml::nvmlDevice_t,
    _kind: nvml::nvmlClockType_t,
    clock: *mut c_uint,
) -> nvml::nvmlReturn_t {
    // SAFETY: the caller's own promise.
    ask_device("nvmlDeviceGetClockInfo", device, |_| unsafe { put(clock, CLOCK) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetUtilizationRates(
    device: nvml::nvmlDevice_t,
    rates: *mut nvml::nvmlUtilization_t,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceGetUtilizationRates", device, |_| {
        // SAFETY: the caller's own promise.
        unsafe { put(rates, nvml::nvmlUtilization_t { gpu: 0, memory: 0 }) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetPersistenceMode(
    device: nvml::nvmlDevice_t,
    mode: *mut nvml::nvmlEnableState_t,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceGetPersistenceMode", device, |_| {
        // SAFETY: the caller's own promise.
        unsafe { put(mode, nvml::nvmlEnableState_enum_NVML_FEATURE_ENABLED) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCurrentClocksEventReasons(
    device: nvml::nvmlDevice_t,
    reasons: *mut c_ulonglong,
) -> nvml::nvmlReturn_t {
    // SAFETY: the caller's own promise.
    unsafe { clocks("nvmlDeviceGetCurrentClocksEventReasons", device, reasons) }
}

/// The same under its older name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCurrentClocksThrottleReasons(
    device: nvml::nvmlDevice_t,
    reasons: *mut c_ulonglong,
) -> nvml::nvmlReturn_t {
    // SAFETY: the caller's own promise.
    unsafe { clocks("nvmlDeviceGetCurrentClocksThrottleReasons", device, reasons) }
}

/// # Safety
/// `reasons` is null, or valid for writing.
unsafe fn clocks(
    function: &'static str,
    device: nvml::nvmlDevice_t,
    reasons: *mut c_ulonglong,
) -> nvml::nvmlReturn_t {
    // SAFETY: this function's own contract.
    ask_device(function, device, |gpu| unsafe { put(reasons, gpu.clocks_event_reasons) })
}

/// Answers each field by itself: the call succeeds where a field does not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetFieldValues(
    device: nvml::nvmlDevice_t,
    count: c_int,
    values: *mut nvml::nvmlFieldValue_t,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceGetFieldValues", device, |gpu| {
        let length = usize::try_from(count)
            .map_err(|_| nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT)?;
        if values.is_null() {
            return Err(nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT);
        }
        // SAFETY: the caller promises that many values, and is in this call with them.
        for value in unsafe { std::slice::from_raw_parts_mut(values, length) } {
            value.timestamp = 0;
            value.latencyUsec = 0;
            match field(gpu, value.fieldId) {
                Ok(number) => {
                    value.valueType = nvml::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT;
                    value.value.ullVal = number.into();
                    value.nvmlReturn = nvml::nvmlReturn_enum_NVML_SUCCESS;
                }
                Err(code) => value.nvmlReturn = code,
            }
        }
        Ok(())
    })
}

fn field(gpu: &Gpu, id: u32) -> Failed<u32> {
    use nvml::field_id as id_of;
    let unsupported = nvml::nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED;
    let ecc = || gpu.ecc.as_ref().ok_or(unsupported);
    match id {
        id_of::NVML_FI_DEV_GET_GPU_RECOVERY_ACTION => gpu.recovery_action.ok_or(unsupported),
        // None of the imagined rows had correctable errors.
        id_of::NVML_FI_DEV_REMAPPED_COR => ecc().map(|_| 0),
        id_of::NVML_FI_DEV_REMAPPED_UNC => ecc().map(|ecc| ecc.remapped),
        id_of::NVML_FI_DEV_REMAPPED_PENDING => ecc().map(|ecc| ecc.remap_pending.into()),
        id_of::NVML_FI_DEV_REMAPPED_FAILURE => ecc().map(|ecc| ecc.remap_failed.into()),
        _ => Err(unsupported),
    }
}
