//! NVML, through its library.

use std::io;
use std::time::{Duration, Instant};

use nvml_wrapper::bitmasks::event::EventTypes;
use nvml_wrapper::enum_wrappers::device::{Clock, EccCounter, MemoryError, TemperatureSensor};
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::enums::event::XidError;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id::{
    NVML_FI_DEV_GET_GPU_RECOVERY_ACTION, NVML_FI_DEV_REMAPPED_COR, NVML_FI_DEV_REMAPPED_FAILURE,
    NVML_FI_DEV_REMAPPED_PENDING, NVML_FI_DEV_REMAPPED_UNC,
};
use nvml_wrapper::{Device, EventSet, Nvml};

use super::super::driven::code;
use super::{Failure, Gpu, Line, POLL, Remapped, Versions, Xid, pause, write};

/// A process that has the library open keeps it when it is replaced by another version, and so
/// would never see that the two halves of the driver do not match any more. So it ends after so
/// long, and the agent starts another.
const LIFE: Duration = Duration::from_mins(10);

/// Events that are taken together before all GPUs are looked at again: a program that fails can
/// cause hundreds a second.
const TOGETHER: usize = 64;

/// What NVML tells by itself, where a GPU can.
const EVENTS: EventTypes = EventTypes::CRITICAL_XID_ERROR
    .union(EventTypes::SINGLE_BIT_ECC_ERROR)
    .union(EventTypes::DOUBLE_BIT_ECC_ERROR);

/// Tells of all GPUs until its life is over, or why NVML cannot be asked.
pub(super) fn tell() -> io::Result<Option<Failure>> {
    let nvml = match Nvml::init() {
        Ok(nvml) => nvml,
        Err(error) => return Ok(Some(failure(error))),
    };
    let begun = Instant::now();
    let count = match nvml.device_count() {
        Ok(count) => count,
        Err(error) => return Ok(Some(failure(error))),
    };
    let driver = nvml.sys_driver_version().unwrap_or_default();
    write(&Line::Nvml(Versions { driver, library: nvml.sys_nvml_version().ok() }))?;
    let devices: Vec<_> = (0..count).map(|index| (index, nvml.device_by_index(index))).collect();
    // Names and ids are asked for once: a GPU that is lost tells neither.
    let known: Vec<Gpu> = devices.iter().map(|(index, device)| identify(*index, device)).collect();
    let reachable = || devices.iter().filter_map(|(_, device)| device.as_ref().ok());
    let events = subscribe(&nvml, reachable().collect());
    loop {
        let gpus = devices.iter().zip(&known).map(|((_, device), known)| look(device, known));
        write(&Line::Gpus(gpus.collect()))?;
        if begun.elapsed() >= LIFE {
            return Ok(None);
        }
        match &events {
            Some(events) => wait(events)?,
            None => pause(),
        }
    }
}

/// The number and the words of an error.
fn failure(error: NvmlError) -> Failure {
    let words = error.to_string();
    let code = match error {
        NvmlError::LibloadingError(_) => code::LIBRARY_NOT_FOUND,
        other => other.into(),
    };
    Failure { code, words }
}

fn identify(index: u32, device: &Result<Device<'_>, NvmlError>) -> Gpu {
    let mut gpu = Gpu { index, ..Gpu::default() };
    match device {
        Ok(device) => {
            gpu.uuid = device.uuid().unwrap_or_default();
            gpu.name = device.name().unwrap_or_default();
            gpu.pci = device.pci_info().map(|info| info.bus_id).unwrap_or_default();
        }
        Err(error) => note(&mut gpu, error),
    }
    gpu
}

/// Notes what an error says of the GPU as a whole. Any other one is about a single value.
fn note(gpu: &mut Gpu, error: &NvmlError) {
    gpu.lost |= matches!(error, NvmlError::GpuLost);
    gpu.reset |= matches!(error, NvmlError::ResetRequired);
}

/// The GPU as it is now.
fn look(device: &Result<Device<'_>, NvmlError>, known: &Gpu) -> Gpu {
    let mut gpu = known.clone();
    let Ok(device) = device else { return gpu };
    macro_rules! ask {
        ($answer:expr) => {
            match $answer {
                Ok(value) => Some(value),
                Err(error) => {
                    note(&mut gpu, &error);
                    None
                }
            }
        };
    }
    // Whether it is there at all, before anything is asked that could take its time.
    let temperature = ask!(device.temperature(TemperatureSensor::Gpu));
    if gpu.lost {
        return gpu;
    }
    gpu.temperature = temperature.map(u64::from);
    gpu.power = ask!(device.power_usage()).map(u64::from);
    gpu.energy = ask!(device.total_energy_consumption());
    gpu.utilization = ask!(device.utilization_rates()).map(|rates| rates.gpu.into());
    if let Some(memory) = ask!(device.memory_info()) {
        (gpu.memory_used, gpu.memory_free) = (Some(memory.used), Some(memory.free));
    }
    gpu.sm_clock = ask!(device.clock_info(Clock::SM)).map(u64::from);
    gpu.memory_clock = ask!(device.clock_info(Clock::Memory)).map(u64::from);
    gpu.slowdown = ask!(device.current_throttle_reasons()).map(|reasons| reasons.bits());
    let mut ecc = |kind| ask!(device.total_ecc_errors(kind, EccCounter::Volatile));
    let (corrected, uncorrected) = (ecc(MemoryError::Corrected), ecc(MemoryError::Uncorrected));
    (gpu.ecc_corrected, gpu.ecc_uncorrected) = (corrected, uncorrected);
    let processes = ask!(device.running_compute_processes());
    gpu.processes = processes.map(|all| all.into_iter().map(|process| process.pid).collect());
    look_at_fields(device, &mut gpu);
    gpu
}

/// What NVML has only as numbered fields.
fn look_at_fields(device: &Device<'_>, gpu: &mut Gpu) {
    const FIELDS: [u32; 5] = [
        NVML_FI_DEV_GET_GPU_RECOVERY_ACTION,
        NVML_FI_DEV_REMAPPED_COR,
        NVML_FI_DEV_REMAPPED_UNC,
        NVML_FI_DEV_REMAPPED_PENDING,
        NVML_FI_DEV_REMAPPED_FAILURE,
    ];
    let samples = match device.field_values_for(&FIELDS.map(FieldId)) {
        Ok(samples) => samples,
        Err(error) => return note(gpu, &error),
    };
    let mut values =
        samples.into_iter().map(|sample| match sample.and_then(|it| it.value).ok()? {
            SampleValue::U32(value) => Some(u64::from(value)),
            SampleValue::U64(value) => Some(value),
            SampleValue::I64(value) => u64::try_from(value).ok(),
            SampleValue::F64(_) => None,
        });
    let mut next = || values.next().flatten();
    gpu.recovery = next();
    if let (Some(corrected), Some(uncorrected), Some(pending), Some(failed)) =
        (next(), next(), next(), next())
    {
        let (pending, failed) = (pending != 0, failed != 0);
        gpu.remapped = Some(Remapped { corrected, uncorrected, pending, failed });
    }
}

/// Asks to be told of events, by every GPU that can tell of any.
fn subscribe<'n>(nvml: &'n Nvml, mut devices: Vec<&Device<'n>>) -> Option<EventSet<'n>> {
    // One that refuses takes the set with it: another is made without it.
    'anew: while !devices.is_empty() {
        let mut set = nvml.create_event_set().ok()?;
        for (position, device) in devices.iter().enumerate() {
            let supported = device.supported_event_types().unwrap_or(EventTypes::empty());
            match device.register_events(supported & EVENTS, set) {
                Ok(filled) if !(supported & EVENTS).is_empty() => set = filled,
                _ => {
                    devices.remove(position);
                    continue 'anew;
                }
            }
        }
        return Some(set);
    }
    None
}

/// Waits for events, for [`POLL`] at most, and tells of those that are XIDs.
fn wait(events: &EventSet<'_>) -> io::Result<()> {
    let mut patience = u32::try_from(POLL.as_millis()).unwrap_or(u32::MAX);
    for _ in 0..TOGETHER {
        match events.wait(patience) {
            Ok(event) => {
                if let Some(XidError::Value(xid)) = event.event_data {
                    let uuid = event.device.uuid().unwrap_or_default();
                    write(&Line::Xid(Xid { uuid, xid }))?;
                }
                patience = 0;
            }
            Err(NvmlError::Timeout) => return Ok(()),
            Err(_) => {
                // A GPU that is lost ends every further wait at once.
                pause();
                return Ok(());
            }
        }
    }
    Ok(())
}
