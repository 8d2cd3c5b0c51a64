//! What the probe says, line by line.

use serde::{Deserialize, Serialize};

use super::host::Host;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// What the guest says of the driver. The first.
    Host(Host),
    /// NVML is at work.
    Nvml(Versions),
    /// NVML is not. The last.
    Failed(Failure),
    /// All GPUs, as they are now.
    Gpus(Vec<Gpu>),
    /// An XID, as it happened.
    Xid(Xid),
}

/// Versions of the driver's two halves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The kernel's.
    pub driver: String,
    /// The library's. `None`: nvidia-smi was asked in its place.
    pub library: Option<String>,
}

/// Why NVML is not at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// NVML's own number. A library that cannot be loaded is 12, whoever found that out.
    pub code: u32,
    /// In words.
    pub words: String,
}

impl Failure {
    /// Whether there is no library to be asked.
    pub(super) fn is_missing_library(&self) -> bool {
        self.code == super::super::driven::code::LIBRARY_NOT_FOUND
    }
}

/// One GPU. What is `None` cannot be had from this one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Gpu {
    /// NVIDIA's id for it. Empty where it was lost before anybody asked.
    pub uuid: String,
    /// NVML's number for it, from 0.
    pub index: u32,
    /// Its model.
    pub name: String,
    /// Its address on PCI.
    pub pci: String,
    /// It fell off the bus, or cannot be reached (NVML 15).
    pub lost: bool,
    /// It has to be reset before it can be used again (NVML 16).
    pub reset: bool,
    /// What NVML says should be done about it: 0 nothing, 1 reset it, 2 reboot, 3 drain P2P, 4
    /// drain and reset.
    pub recovery: Option<u64>,
    /// Its temperature, in degrees Celsius.
    pub temperature: Option<u64>,
    /// What it draws, in milliwatts.
    pub power: Option<u64>,
    /// What it has drawn since the driver was loaded, in millijoules.
    pub energy: Option<u64>,
    /// Part of the time in which it computed, in percent.
    pub utilization: Option<u64>,
    /// Bytes of its memory that are in use.
    pub memory_used: Option<u64>,
    /// Bytes that are free.
    pub memory_free: Option<u64>,
    /// The clock of its cores, in MHz.
    pub sm_clock: Option<u64>,
    /// The clock of its memory, in MHz.
    pub memory_clock: Option<u64>,
    /// Why its clocks are lower than they could be: NVML's bits.
    pub slowdown: Option<u64>,
    /// Errors of its memory that were corrected, since the driver was loaded.
    pub ecc_corrected: Option<u64>,
    /// Those that were not.
    pub ecc_uncorrected: Option<u64>,
    /// What became of its memory's rows.
    pub remapped: Option<Remapped>,
    /// The processes that compute on it.
    pub processes: Option<Vec<u32>>,
}

/// Rows of a GPU's memory that were replaced by spare ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Remapped {
    /// For errors that were corrected.
    pub corrected: u64,
    /// For errors that were not.
    pub uncorrected: u64,
    /// Some are replaced at the next reset.
    pub pending: bool,
    /// One could not be replaced.
    pub failed: bool,
}

/// An error that the driver has reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Xid {
    /// The GPU's id.
    pub uuid: String,
    /// NVIDIA's number for the error.
    pub xid: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_they_are_documented() {
        let text = |line: &Line| serde_json::to_string(line).unwrap();
        let xid = Line::Xid(Xid { uuid: "GPU-1".into(), xid: 79 });
        assert_eq!(text(&xid), r#"{"xid":{"uuid":"GPU-1","xid":79}}"#);
        let failed = Line::Failed(Failure { code: 18, words: "w".into() });
        assert_eq!(text(&failed), r#"{"failed":{"code":18,"words":"w"}}"#);
        let read: Line =
            serde_json::from_str(r#"{"gpus":[{"uuid":"GPU-1","lost":true}]}"#).unwrap();
        let gpu = Gpu { uuid: "GPU-1".into(), lost: true, ..Gpu::default() };
        assert_eq!(read, Line::Gpus(vec![gpu]));
    }
}
