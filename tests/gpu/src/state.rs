//! What there is, and in which state.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The environment variable that names the directory.
pub const DIRECTORY_VARIABLE: &str = "SAIGAK_LAB_GPU";
/// The directory in a guest.
pub const DIRECTORY: &str = "/srv/gpu";
/// The file in it.
pub const FILE: &str = "state.json";

/// The codes of NVML that a state can lead to.
pub mod code {
    /// The driver is not loaded.
    pub const DRIVER_NOT_LOADED: u32 = 9;
    /// The GPU has fallen off the bus.
    pub const GPU_IS_LOST: u32 = 15;
    /// The GPU must be reset before it can be used again.
    pub const RESET_REQUIRED: u32 = 16;
    /// The library is not of the module's version.
    pub const LIB_RM_VERSION_MISMATCH: u32 = 18;
}

/// A guest's NVIDIA GPUs, their driver, and the library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Version of the kernel module; absent where none is loaded.
    pub driver: Option<String>,
    /// Version of the library on disk. Who has it loaded keeps the one that he has.
    pub library: String,
    /// What opening the library's connection to the driver answers, where that is not what
    /// follows from the versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<u32>,
    /// Functions of NVML and the code that each answers.
    #[serde(default)]
    pub fails: BTreeMap<String, u32>,
    /// A file. Where it is named, whoever would reach the driver reads it first: on a file system
    /// that does not answer, he waits in the kernel, as in a driver that hangs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck: Option<PathBuf>,
    /// The GPUs, in NVML's order.
    pub gpus: Vec<Gpu>,
    /// What has happened, oldest first.
    #[serde(default)]
    pub events: Vec<Event>,
}

/// A GPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// `GPU-` and a UUID.
    pub uuid: String,
    /// What it is sold as.
    pub name: String,
    /// Domain, bus, device, function, as sysfs writes them: `0000:0a:00.0`.
    pub address: String,
    /// Its memory, in bytes.
    pub memory: u64,
    /// What others than the known clients have of it, in bytes.
    #[serde(default)]
    pub foreign: u64,
    /// Degrees Celsius.
    pub temperature: u32,
    /// Milliwatts.
    pub power: u32,
    /// What keeps its clocks down: NVML's bits.
    #[serde(default)]
    pub clocks_event_reasons: u64,
    /// Its memory's error correction; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecc: Option<Ecc>,
    /// The recovery action that its driver names; absent where the driver names none at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_action: Option<u32>,
    /// It has fallen off the bus.
    #[serde(default)]
    pub lost: bool,
    /// It must be reset before it can be used again.
    #[serde(default)]
    pub reset_required: bool,
}

/// Errors of a GPU's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ecc {
    /// Corrected since the driver was loaded.
    pub corrected: u64,
    /// Not corrected since the driver was loaded.
    pub uncorrected: u64,
    /// Rows remapped after uncorrected errors.
    pub remapped: u32,
    /// A row waits for the next reset to be remapped.
    pub remap_pending: bool,
    /// No row was left to remap to.
    pub remap_failed: bool,
}

/// Something that the driver tells to those who wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Which GPU, by its place in the list.
    pub gpu: usize,
    /// NVML's bit for the kind; 8 is an XID.
    pub kind: u64,
    /// The XID where it is one.
    pub data: u64,
}

/// NVML's bit for an XID.
pub const XID: u64 = 8;

impl State {
    /// A loaded driver and the reference VM's one GPU.
    #[must_use]
    pub fn healthy() -> Self {
        Self {
            driver: Some("570.172.08".into()),
            library: "570.172.08".into(),
            init: None,
            fails: BTreeMap::new(),
            stuck: None,
            gpus: vec![Gpu::geforce(0)],
            events: Vec::new(),
        }
    }

    /// Reads it; `None` where there is no such file, and so no GPU and no driver.
    ///
    /// # Errors
    /// The file cannot be read, or is not understood: a scenario with a misspelt key must not
    /// pass as one without.
    pub fn read() -> io::Result<Option<Self>> {
        let path = directory().join(FILE);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| {
                io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it, whole at once: readers see the old one or the new one.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        let draft = directory.join(".state.json.new");
        fs::write(&draft, serde_json::to_vec_pretty(self)?)?;
        fs::rename(&draft, directory.join(FILE))
    }

    /// Waits as long as the driver hangs.
    ///
    /// # Errors
    /// The file to wait at cannot be read.
    pub fn reach_driver(&self) -> io::Result<()> {
        match &self.stuck {
            Some(door) => fs::read(door).map(drop),
            None => Ok(()),
        }
    }

    /// What a library of this version is answered when it connects to the driver.
    #[must_use]
    pub fn connect(&self, library: &str) -> Option<u32> {
        match (&self.init, &self.driver) {
            (Some(code), _) => Some(*code),
            (None, None) => Some(code::DRIVER_NOT_LOADED),
            (None, Some(driver)) if driver != library => Some(code::LIB_RM_VERSION_MISMATCH),
            (None, Some(_)) => None,
        }
    }
}

impl Gpu {
    /// The card of the reference VM: no error correction, and no row that could be remapped.
    #[must_use]
    pub fn geforce(place: u8) -> Self {
        Self {
            uuid: format!("GPU-5a16a200-0000-4000-8000-0000000000{place:02x}"),
            name: "NVIDIA GeForce RTX 3090".into(),
            address: format!("0000:{:02x}:00.0", 10 + place),
            memory: 24 << 30,
            foreign: 0,
            temperature: 41,
            power: 28_000,
            clocks_event_reasons: 1,
            ecc: None,
            recovery_action: Some(0),
            lost: false,
            reset_required: false,
        }
    }

    /// A card for servers, with error correction.
    #[must_use]
    pub fn server(place: u8) -> Self {
        Self {
            name: "NVIDIA L4".into(),
            memory: 23_034 << 20,
            ecc: Some(Ecc::default()),
            ..Self::geforce(place)
        }
    }

    /// What every question about it is answered.
    #[must_use]
    pub fn trouble(&self) -> Option<u32> {
        if self.lost {
            Some(code::GPU_IS_LOST)
        } else if self.reset_required {
            Some(code::RESET_REQUIRED)
        } else {
            None
        }
    }
}

/// The directory that the state lies in.
#[must_use]
pub fn directory() -> PathBuf {
    std::env::var_os(DIRECTORY_VARIABLE).map_or_else(|| DIRECTORY.into(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written_and_a_misspelt_one_is_refused() {
        let mut state = State::healthy();
        state.gpus.push(Gpu::server(1));
        state.fails.insert("nvmlDeviceGetName".into(), 999);
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
        let misspelt = text.replace("\"driver\"", "\"drivers\"");
        assert!(serde_json::from_str::<State>(&misspelt).is_err());
    }

    #[test]
    fn the_versions_decide_what_a_library_is_answered() {
        let mut state = State::healthy();
        assert_eq!(state.connect("570.172.08"), None);
        assert_eq!(state.connect("580.65.06"), Some(18));
        state.driver = None;
        assert_eq!(state.connect("570.172.08"), Some(9));
        state.init = Some(999);
        assert_eq!(state.connect("570.172.08"), Some(999));
    }
}
