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
    let mut gpus = known.clone();
    let mut events = subscribe(&nvml, &devices, &gpus);
    let mut troubles = 0_u32;
    loop {
        gpus = devices.iter().zip(&known).map(|((_, device), known)| look(device, known)).collect();
        write(&Line::Gpus(gpus.clone()))?;
        if begun.elapsed() >= LIFE {
            return Ok(None);
        }
        if troubles > 0 {
            // One that is lost ends every wait at once: without it, the others can be waited for.
            events = subscribe(&nvml, &devices, &gpus);
        }
        let waited = match &events {
            Some(events) if troubles < 2 => wait(events, &devices, &gpus)?,
            _ => {
                pause();
                true
            }
        };
        troubles = if waited { 0 } else { troubles + 1 };
    }
}

type Handle<'n> = (u32, Result<Device<'n>, NvmlError>);

/// The number and the words of an error.
fn failure(error: NvmlError) -> Failure {
    match error {
        NvmlError::LibloadingError(why) => {
            Failure { code: code::LIBRARY_NOT_FOUND, words: why.to_string() }
        }
        other => Failure { words: other.to_string(), code: other.into() },
    }
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

/// Asks to be told of events, by every GPU that is not lost and can tell of any.
fn subscribe<'n>(nvml: &'n Nvml, handles: &[Handle<'n>], gpus: &[Gpu]) -> Option<EventSet<'n>> {
    let there = handles.iter().zip(gpus).filter(|(_, gpu)| !gpu.lost);
    let mut devices: Vec<_> = there.filter_map(|((_, device), _)| device.as_ref().ok()).collect();
    // One that refuses takes the set with it: another is made without it.
    'anew: while !devices.is_empty() {
        let mut set = nvml.create_event_set().ok()?;
        for (position, device) in devices.iter().enumerate() {
            let wanted = device.supported_event_types().unwrap_or(EventTypes::empty()) & EVENTS;
            match device.register_events(wanted, set) {
                Ok(filled) if !wanted.is_empty() => set = filled,
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

/// The id of the GPU that has been lost since these were looked at: it does not tell itself.
fn newly_lost(handles: &[Handle<'_>], gpus: &[Gpu]) -> Option<String> {
    let is_lost = |device: &Device<'_>| {
        matches!(device.temperature(TemperatureSensor::Gpu), Err(NvmlError::GpuLost))
    };
    let there = handles.iter().zip(gpus).filter(|(_, gpu)| !gpu.lost);
    there
        .filter_map(|((_, device), gpu)| Some((device.as_ref().ok()?, gpu)))
        .find(|(device, _)| is_lost(device))
        .map(|(_, gpu)| gpu.uuid.clone())
}

/// Waits for events, for [`POLL`] at most, and tells of those that are XIDs. False: there was no
/// waiting.
fn wait(events: &EventSet<'_>, handles: &[Handle<'_>], gpus: &[Gpu]) -> io::Result<bool> {
    let mut patience = u32::try_from(POLL.as_millis()).unwrap_or(u32::MAX);
    for _ in 0..TOGETHER {
        match events.wait(patience) {
            Ok(event) => {
                if let Some(XidError::Value(xid)) = event.event_data {
                    let uuid = event.device.uuid().ok();
                    let uuid = uuid.or_else(|| newly_lost(handles, gpus)).unwrap_or_default();
                    write(&Line::Xid(Xid { uuid, xid }))?;
                }
                patience = 0;
            }
            Err(NvmlError::Timeout) => return Ok(true),
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}
