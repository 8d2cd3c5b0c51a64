//! What is told as it happens.
//!
//! A set knows how far in the state's list of events it has read. What happened before a GPU was
//! registered is not told. A wait sleeps until the state changes, and asks nothing meanwhile.

use std::ffi::{c_uint, c_ulonglong};
use std::os::fd::AsFd;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nvml_wrapper_sys::bindings as nvml;
use saigak_lab_gpu::state::XID;
use saigak_lab_gpu::{Gpu, State, directory};

use crate::answer::{Failed, put};
use crate::call::{self, ask, ask_device, handle, result};
use crate::tally;

/// Kinds that every card tells: performance state, XID, clocks.
const ALWAYS: u64 = (nvml::nvmlEventTypePState
    | nvml::nvmlEventTypeXidCriticalError
    | nvml::nvmlEventTypeClock) as u64;
/// Kinds that a card with error correction tells: corrected and uncorrected errors.
const WITH_ECC: u64 =
    (nvml::nvmlEventTypeSingleBitEccError | nvml::nvmlEventTypeDoubleBitEccError) as u64;

/// A caller's set.
#[derive(Debug, Clone, Default)]
struct Set {
    /// Events of the list that need not be looked at any more.
    read: usize,
    /// GPUs by their place, with the kinds that are wanted of each.
    wanted: Vec<(usize, u64)>,
}

/// A set's handle is its place, counted from 1; a freed one leaves a gap.
static SETS: Mutex<Vec<Option<Set>>> = Mutex::new(Vec::new());

fn sets() -> MutexGuard<'static, Vec<Option<Set>>> {
    SETS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn supported(gpu: &Gpu) -> u64 {
    if gpu.ecc.is_some() { ALWAYS | WITH_ECC } else { ALWAYS }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetCreate(set: *mut nvml::nvmlEventSet_t) -> nvml::nvmlReturn_t {
    ask("nvmlEventSetCreate", |state| {
        let mut sets = sets();
        sets.push(Some(Set { read: state.events.len(), ..Set::default() }));
        // SAFETY: the caller's own promise.
        unsafe { put(set, ptr::without_provenance_mut(sets.len())) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetFree(set: nvml::nvmlEventSet_t) -> nvml::nvmlReturn_t {
    ask("nvmlEventSetFree", |_| with(set, |entry| *entry = None))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetSupportedEventTypes(
    device: nvml::nvmlDevice_t,
    kinds: *mut c_ulonglong,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceGetSupportedEventTypes", device, |gpu| {
        // SAFETY: the caller's own promise.
        unsafe { put(kinds, supported(gpu)) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceRegisterEvents(
    device: nvml::nvmlDevice_t,
    kinds: c_ulonglong,
    set: nvml::nvmlEventSet_t,
) -> nvml::nvmlReturn_t {
    ask_device("nvmlDeviceRegisterEvents", device, |gpu| {
        if kinds & !supported(gpu) != 0 {
            return Err(nvml::nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED);
        }
        let place = call::place(device)?;
        with(set, |entry| {
            if let Some(set) = entry {
                set.wanted.push((place, kinds));
            }
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetWait_v2(
    set: nvml::nvmlEventSet_t,
    data: *mut nvml::nvmlEventData_t,
    timeout: c_uint,
) -> nvml::nvmlReturn_t {
    // SAFETY: the caller's own promise.
    unsafe { wait("nvmlEventSetWait_v2", set, data, timeout) }
}

/// The same, without instances of cards that were cut up; the struct is no other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetWait(
    set: nvml::nvmlEventSet_t,
    data: *mut nvml::nvmlEventData_t,
    timeout: c_uint,
) -> nvml::nvmlReturn_t {
    // SAFETY: the caller's own promise.
    unsafe { wait("nvmlEventSetWait", set, data, timeout) }
}

/// # Safety
/// `data` is null, or valid for writing.
unsafe fn wait(
    function: &'static str,
    set: nvml::nvmlEventSet_t,
    data: *mut nvml::nvmlEventData_t,
    timeout: c_uint,
) -> nvml::nvmlReturn_t {
    tally::count(function);
    let end = Instant::now() + Duration::from_millis(timeout.into());
    let told = next(function, set, end);
    // SAFETY: this function's own contract.
    result(told.and_then(|told| unsafe { put(data, told) }))
}

fn next(function: &str, set: nvml::nvmlEventSet_t, end: Instant) -> Failed<nvml::nvmlEventData_t> {
    let unknown = |_| nvml::nvmlReturn_enum_NVML_ERROR_UNKNOWN;
    // Watched before the first look: what changes in between is noticed.
    let changes = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(unknown)?;
    changes.add_watch(&directory(), AddWatchFlags::IN_MOVED_TO).map_err(unknown)?;
    loop {
        let state = call::connected(function)?;
        if let Some(told) = look(&state, set)? {
            return Ok(told);
        }
        let left = end.saturating_duration_since(Instant::now());
        let patience = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut watched = [PollFd::new(changes.as_fd(), PollFlags::POLLIN)];
        match poll(&mut watched, patience) {
            // A signal ends a wait as its time does.
            Ok(0) | Err(_) => return Err(nvml::nvmlReturn_enum_NVML_ERROR_TIMEOUT),
            Ok(_) => drop(changes.read_events()),
        }
    }
}

/// What there is to tell. XIDs that nobody has waited for are all told as the last of them; and
/// with a GPU off the bus there is no waiting at all.
fn look(
    state: &State,
    handle_of_set: nvml::nvmlEventSet_t,
) -> Failed<Option<nvml::nvmlEventData_t>> {
    let mut told = Ok(None);
    with(handle_of_set, |entry| {
        let Some(set) = entry else { return };
        let last_xid = state.events.iter().rev().find(|event| event.kind == XID);
        while let Some(event) = state.events.get(set.read) {
            set.read += 1;
            let wanted =
                |(place, kinds): &(usize, u64)| *place == event.gpu && kinds & event.kind != 0;
            if set.wanted.iter().any(wanted) {
                let xid = last_xid.filter(|_| event.kind == XID).map(|event| event.data);
                told = Ok(Some(nvml::nvmlEventData_t {
                    device: handle(event.gpu),
                    eventType: event.kind,
                    eventData: xid.unwrap_or(event.data),
                    gpuInstanceId: c_uint::MAX,
                    computeInstanceId: c_uint::MAX,
                }));
                return;
            }
        }
        let lost = |(place, _): &(usize, u64)| state.gpus.get(*place).is_none_or(|gpu| gpu.lost);
        if set.wanted.iter().any(lost) {
            told = Err(nvml::nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST);
        }
    })?;
    told
}

fn with(set: nvml::nvmlEventSet_t, change: impl FnOnce(&mut Option<Set>)) -> Failed {
    let mut sets = sets();
    let entry = set.addr().checked_sub(1).and_then(|place| sets.get_mut(place));
    match entry {
        Some(entry @ Some(_)) => {
            change(entry);
            Ok(())
        }
        _ => Err(nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT),
    }
}
