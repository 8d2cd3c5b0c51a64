//! The frame of each call.

use std::ptr;
use std::sync::{Mutex, PoisonError};

use nvml_wrapper_sys::bindings as nvml;
use saigak_lab_gpu::{Gpu, State};

use crate::answer::Failed;
use crate::tally;

/// The connection to the driver.
struct Connection {
    /// How often it was asked for; the last shutdown ends it.
    users: usize,
    /// The library's version when it was first asked for: a process keeps what it has loaded.
    library: Option<String>,
}

static CONNECTION: Mutex<Connection> = Mutex::new(Connection { users: 0, library: None });

/// `nvmlInit`.
pub(crate) fn connect(function: &'static str) -> nvml::nvmlReturn_t {
    tally::count(function);
    result(read().and_then(|state| {
        let mut connection = CONNECTION.lock().unwrap_or_else(PoisonError::into_inner);
        let library = connection.library.get_or_insert_with(|| state.library.clone()).clone();
        drop(connection);
        wait_for_driver(&state)?;
        if let Some(code) = state.connect(&library) {
            return Err(code);
        }
        CONNECTION.lock().unwrap_or_else(PoisonError::into_inner).users += 1;
        Ok(())
    }))
}

/// `nvmlShutdown`.
pub(crate) fn disconnect(function: &'static str) -> nvml::nvmlReturn_t {
    tally::count(function);
    let mut connection = CONNECTION.lock().unwrap_or_else(PoisonError::into_inner);
    let open = connection.users.checked_sub(1);
    connection.users = open.unwrap_or(0);
    result(open.map(drop).ok_or(nvml::nvmlReturn_enum_NVML_ERROR_UNINITIALIZED))
}

/// A call that reaches the driver.
pub(crate) fn ask(
    function: &'static str,
    body: impl FnOnce(&State) -> Failed,
) -> nvml::nvmlReturn_t {
    tally::count(function);
    result(connected(function).and_then(|state| {
        wait_for_driver(&state)?;
        body(&state)
    }))
}

/// A call that the library answers by itself.
pub(crate) fn ask_library(
    function: &'static str,
    body: impl FnOnce(&State, &str) -> Failed,
) -> nvml::nvmlReturn_t {
    tally::count(function);
    result(connected(function).and_then(|state| {
        let connection = CONNECTION.lock().unwrap_or_else(PoisonError::into_inner);
        let library = connection.library.clone().unwrap_or_default();
        drop(connection);
        body(&state, &library)
    }))
}

/// A call about a GPU that can be talked to.
pub(crate) fn ask_device(
    function: &'static str,
    device: nvml::nvmlDevice_t,
    body: impl FnOnce(&Gpu) -> Failed,
) -> nvml::nvmlReturn_t {
    ask(function, |state| {
        let gpu = of_handle(state, device)?;
        match gpu.trouble() {
            Some(code) => Err(code),
            None => body(gpu),
        }
    })
}

/// The state, for a call of a process that is connected, unless the call is to fail.
pub(crate) fn connected(function: &str) -> Failed<State> {
    if CONNECTION.lock().unwrap_or_else(PoisonError::into_inner).users == 0 {
        return Err(nvml::nvmlReturn_enum_NVML_ERROR_UNINITIALIZED);
    }
    let state = read()?;
    match state.fails.get(function) {
        Some(code) => Err(*code),
        None => Ok(state),
    }
}

/// Where the driver hangs, so does this. Where it ends badly, nobody knows why.
pub(crate) fn wait_for_driver(state: &State) -> Failed {
    state.reach_driver().map_err(|_| nvml::nvmlReturn_enum_NVML_ERROR_UNKNOWN)
}

/// A GPU's handle: its place, counted from 1, and never an address.
pub(crate) fn handle(place: usize) -> nvml::nvmlDevice_t {
    ptr::without_provenance_mut(place + 1)
}

/// The place of a handle's GPU.
pub(crate) fn place(device: nvml::nvmlDevice_t) -> Failed<usize> {
    device.addr().checked_sub(1).ok_or(nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT)
}

pub(crate) fn of_handle(state: &State, device: nvml::nvmlDevice_t) -> Failed<&Gpu> {
    state.gpus.get(place(device)?).ok_or(nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT)
}

/// Without a file there is neither a GPU nor a driver. A file that makes no sense is told apart
/// by a code that nothing else here gives, so that a scenario notices.
pub(crate) fn read() -> Failed<State> {
    match State::read() {
        Ok(Some(state)) => Ok(state),
        Ok(None) => Err(nvml::nvmlReturn_enum_NVML_ERROR_DRIVER_NOT_LOADED),
        Err(_) => Err(nvml::nvmlReturn_enum_NVML_ERROR_CORRUPTED_INFOROM),
    }
}

pub(crate) fn result(done: Failed) -> nvml::nvmlReturn_t {
    match done {
        Ok(()) => nvml::nvmlReturn_enum_NVML_SUCCESS,
        Err(code) => code,
    }
}
