//! The stand-in as the agent uses it: loaded at run time, through nvml-wrapper.
//!
//! One test, in one process: the directory of the imagined GPUs is an environment variable.

#![expect(clippy::unwrap_used, unsafe_code, reason = "a test; the environment is set while alone")]

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::event::EventTypes;
use nvml_wrapper::enum_wrappers::device::{EccCounter, MemoryError, TemperatureSensor};
use nvml_wrapper::enums::event::XidError;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::struct_wrappers::event::EventData;
use saigak_lab_gpu::state::{DIRECTORY_VARIABLE, XID};
use saigak_lab_gpu::{Event, Gpu, State, client};

/// Cargo puts it beside the tests.
fn library() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().join("libnvidia_ml.so")
}

fn open() -> Result<Nvml, NvmlError> {
    Nvml::builder().lib_path(library().as_os_str()).init()
}

/// The only event that is waiting to be told.
fn told(data: &EventData<'_>) -> (String, Option<u64>) {
    let xid = data.event_data.as_ref().map(|xid| match xid {
        XidError::Value(xid) => *xid,
        XidError::Unknown => 0,
    });
    (data.device.uuid().unwrap(), xid)
}

#[test]
fn the_wrapper_is_answered_as_by_nvml() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    std::fs::create_dir(here.join(client::DIRECTORY)).unwrap();
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var(DIRECTORY_VARIABLE, here) };

    assert!(matches!(open(), Err(NvmlError::DriverNotLoaded)), "no file, no driver");
    let mut state = State::healthy();
    state.gpus.push(Gpu::server(1));
    for (code, fits) in [
        (4, NvmlError::NoPermission),
        (10, NvmlError::Timeout),
        (11, NvmlError::IrqIssue),
        (12, NvmlError::LibraryNotFound),
        (17, NvmlError::OperatingSystem),
        (18, NvmlError::LibRmVersionMismatch),
        (999, NvmlError::Unknown),
    ] {
        state.init = Some(code);
        state.write(here).unwrap();
        let error = open().map(drop).unwrap_err();
        assert_eq!(error.to_string(), fits.to_string(), "{code}");
    }
    state.init = None;
    state.write(here).unwrap();

    let nvml = open().unwrap();
    assert_eq!(nvml.sys_driver_version().unwrap(), "570.172.08");
    assert_eq!(nvml.sys_nvml_version().unwrap(), "12.570.172.08");
    assert_eq!(nvml.device_count().unwrap(), 2);
    let first = nvml.device_by_index(0).unwrap();
    let second = nvml.device_by_index(1).unwrap();
    assert!(matches!(nvml.device_by_index(2), Err(NvmlError::InvalidArg)));
    assert_eq!(first.name().unwrap(), "NVIDIA GeForce RTX 3090");
    let pci = second.pci_info().unwrap();
    assert_eq!((pci.bus_id.as_str(), pci.bus, pci.domain), ("00000000:0B:00.0", 11, 0));
    let same = nvml.device_by_pci_bus_id(pci.bus_id.as_str()).unwrap().uuid().unwrap();
    assert_eq!(same, state.gpus[1].uuid);
    assert_eq!(nvml.device_by_uuid(same).unwrap().index().unwrap(), 1);
    assert_eq!(first.temperature(TemperatureSensor::Gpu).unwrap(), 41);
    assert_eq!(first.power_usage().unwrap(), 28_000);

    let counted = |error| second.total_ecc_errors(error, EccCounter::Volatile);
    let without = first.total_ecc_errors(MemoryError::Uncorrected, EccCounter::Volatile);
    assert!(matches!(without, Err(NvmlError::NotSupported)));
    assert_eq!(counted(MemoryError::Uncorrected).unwrap(), 0);
    state.gpus[1].ecc.as_mut().unwrap().uncorrected = 3;
    state.write(here).unwrap();
    assert_eq!(counted(MemoryError::Uncorrected).unwrap(), 3);

    assert!(first.running_compute_processes().unwrap().is_empty());
    let held = client::take(here, &state.gpus[0].uuid, 1 << 30).unwrap();
    let processes = first.running_compute_processes().unwrap();
    assert_eq!(processes.len(), 1);
    assert_eq!(processes[0].pid, std::process::id());
    assert_eq!(first.memory_info().unwrap().used, 1 << 30);
    drop(held);
    assert_eq!(first.memory_info().unwrap().used, 0);

    events(&nvml, state, here);
}

fn events(nvml: &Nvml, mut state: State, here: &std::path::Path) {
    let (first, second) = (nvml.device_by_index(0).unwrap(), nvml.device_by_index(1).unwrap());
    let xid = |gpu, data| Event { gpu, kind: XID, data };
    state.events.push(xid(0, 31));
    state.write(here).unwrap();
    let double = EventTypes::DOUBLE_BIT_ECC_ERROR;
    let set = nvml.create_event_set().unwrap();
    assert!(first.register_events(double, set).is_err(), "it has no error correction");
    let set = nvml.create_event_set().unwrap();
    let set = first.register_events(EventTypes::CRITICAL_XID_ERROR, set).unwrap();
    let set = second.register_events(EventTypes::CRITICAL_XID_ERROR, set).unwrap();
    assert!(matches!(set.wait(0), Err(NvmlError::Timeout)), "what was before is not told");

    // A wait that has begun ends when something happens, and not before.
    let writer = thread::spawn({
        let (mut state, here) = (state.clone(), here.to_owned());
        move || {
            state.events.push(xid(1, 63));
            state.write(&here).unwrap();
        }
    });
    assert_eq!(told(&set.wait(20_000).unwrap()), (state.gpus[1].uuid.clone(), Some(63)));
    writer.join().unwrap();
    state.events.push(xid(1, 63));

    // Of several, each is told, and all as the last.
    state.events.extend([xid(0, 13), xid(0, 79)]);
    state.gpus[0].lost = true;
    state.write(here).unwrap();
    assert!(matches!(first.temperature(TemperatureSensor::Gpu), Err(NvmlError::GpuLost)));
    assert!(matches!(nvml.device_by_index(0), Err(NvmlError::GpuLost)));
    assert_eq!(nvml.device_count().unwrap(), 2, "a lost one is still counted");
    for _ in 0..2 {
        let data = set.wait(0).unwrap();
        assert!(matches!(data.event_data, Some(XidError::Value(79))));
        assert!(matches!(data.device.uuid(), Err(NvmlError::GpuLost)));
    }
    let asked = Instant::now();
    for _ in 0..3 {
        assert!(matches!(set.wait(20_000), Err(NvmlError::GpuLost)));
    }
    assert!(asked.elapsed() < Duration::from_secs(20), "a lost GPU ends each wait at once");

    // Who has the library open keeps it over an upgrade of the file.
    state.library = "580.65.06".into();
    state.write(here).unwrap();
    assert_eq!(second.name().unwrap(), "NVIDIA L4");
}
