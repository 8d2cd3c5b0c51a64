//! The GPUs that a guest imagines to have: what PCI and the module directory show, what the
//! driver says in /proc, and the library that the agent loads.
//!
//! All of it lies in one directory of the guest and is changed from outside while the guest runs.
//! The guest mounts parts of it over its own view of /sys and /proc; the machine's stay as they
//! are.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use saigak_lab_gpu::{Gpu, State, client, state};

use super::Guest;
use super::options::Owner;
use crate::paths::{make_directory, write};
use crate::plan::Equipment;

/// Where the agent's settings say how many are expected.
const SETTINGS: &str = "etc/saigak-agent/conf.d/05-lab-gpu.toml";
/// What the guest mounts over its own: unit, part of the directory, place.
const MOUNTS: &[(&str, &str, &str)] = &[
    ("sys-bus-pci-devices.mount", "pci", "/sys/bus/pci/devices"),
    ("sys-module.mount", "module", "/sys/module"),
    ("proc-driver.mount", "proc", "/proc/driver"),
];
/// Units with a view of /proc of their own.
const HIDDEN_PROC: &[&str] = &["saigak-agent.service", "saigak-probe-gpu@.service"];
/// The library and the program, where the loader and a shell look for them.
pub const LIBRARY: &str = "/usr/lib/libnvidia-ml.so.1";
/// See [`LIBRARY`].
pub const PROGRAM: &str = "/usr/bin/nvidia-smi";

/// A guest's GPUs.
#[derive(Debug, Clone)]
pub struct Gpus {
    /// How many the agent is told to expect, and of whom.
    pub expected: (u32, &'static str),
    /// What PCI shows.
    pub pci: Vec<Pci>,
    /// NVIDIA's driver and its view; absent where there never was one.
    pub state: Option<State>,
    /// Which library and which nvidia-smi there are.
    pub library: Library,
}

/// Whose library and nvidia-smi a guest has.
#[derive(Debug, Clone)]
pub enum Library {
    /// None.
    None,
    /// The lab's.
    StandIn,
    /// NVIDIA's own: the library and the program.
    Real(PathBuf, PathBuf),
}

/// A device on PCI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pci {
    /// Domain, bus, device, function.
    pub address: String,
    /// Vendor, as sysfs writes it.
    pub vendor: &'static str,
    /// Class, as sysfs writes it.
    pub class: &'static str,
    /// The driver that is bound to it.
    pub driver: Option<&'static str>,
}

impl Pci {
    /// One of NVIDIA's.
    #[must_use]
    pub fn nvidia(gpu: &Gpu, driver: Option<&'static str>) -> Self {
        Self { address: gpu.address.clone(), vendor: "0x10de", class: "0x030000", driver }
    }
}

impl Gpus {
    /// As many as the state has, all in order.
    #[must_use]
    pub fn of(state: State) -> Self {
        let expected = u32::try_from(state.gpus.len()).unwrap_or(u32::MAX);
        let pci = state.gpus.iter().map(|gpu| Pci::nvidia(gpu, Some("nvidia"))).collect();
        Self { expected: (expected, "nvidia"), pci, state: Some(state), library: Library::StandIn }
    }
}

/// Writes into a guest's root what it has of GPUs, or that it has none.
pub fn furnish(root: &Path, gpus: Option<&Gpus>, owner: Owner, with: &Equipment) -> Result<()> {
    let Some(gpus) = gpus else { return write(&root.join(SETTINGS), settings(0, "nvidia")) };
    write(&root.join(SETTINGS), settings(gpus.expected.0, gpus.expected.1))?;
    let directory = root.join(relative(state::DIRECTORY));
    for part in ["pci", "module", "proc", client::DIRECTORY] {
        make_directory(&directory.join(part))?;
    }
    // Whoever runs models takes memory there.
    let clients = directory.join(client::DIRECTORY);
    std::os::unix::fs::chown(&clients, Some(owner.user), Some(owner.group))
        .with_context(|| format!("cannot change the owner of {}", clients.display()))?;
    show(&directory, &gpus.pci, gpus.state.as_ref())?;
    let units = root.join("etc/systemd/system");
    for (unit, part, place) in MOUNTS {
        let what = format!("{}/{part}", state::DIRECTORY);
        let text = format!("[Mount]\nWhat={what}\nWhere={place}\nType=none\nOptions=bind\n");
        write(&units.join(unit), text)?;
        let wants = units.join("local-fs.target.wants");
        make_directory(&wants)?;
        link(&format!("../{unit}"), &wants.join(unit))?;
    }
    for unit in HIDDEN_PROC {
        let text = format!("[Service]\nBindReadOnlyPaths={}/proc:/proc/driver\n", state::DIRECTORY);
        write(&units.join(format!("{unit}.d/lab-gpu.conf")), text)?;
    }
    let (library, program) = match &gpus.library {
        Library::None => return Ok(()),
        Library::StandIn => (&with.nvml, &with.nvidia_smi),
        Library::Real(library, program) => (library, program),
    };
    for (from, to) in [(library, LIBRARY), (program, PROGRAM)] {
        let to = root.join(relative(to));
        fs::copy(from, &to)
            .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    }
    Ok(())
}

/// The agent's settings for so many GPUs of a vendor.
#[must_use]
pub fn settings(expected: u32, vendor: &str) -> String {
    format!("[gpu]\nexpected = {expected}\nvendor = \"{vendor}\"\n")
}

impl Guest {
    /// Changes the state of its GPUs, and what the driver shows of itself.
    pub fn change_gpus(&self, change: impl FnOnce(&mut State)) -> Result<()> {
        let directory = self.container()?.root.join(relative(state::DIRECTORY));
        let path = directory.join(state::FILE);
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut state =
            serde_json::from_slice(&text).with_context(|| format!("{}: shape", path.display()))?;
        change(&mut state);
        show_driver(&directory, Some(&state))
    }

    /// Changes what its PCI shows.
    pub fn change_pci(&self, pci: &[Pci]) -> Result<()> {
        show_pci(&self.container()?.root.join(relative(state::DIRECTORY)), pci)
    }
}

fn show(directory: &Path, pci: &[Pci], state: Option<&State>) -> Result<()> {
    show_pci(directory, pci)?;
    show_driver(directory, state)
}

/// A device that stays is not touched: a look in between must not miss it.
fn show_pci(directory: &Path, pci: &[Pci]) -> Result<()> {
    let devices = directory.join("pci");
    let there =
        fs::read_dir(&devices).with_context(|| format!("cannot read {}", devices.display()))?;
    for entry in there.flatten() {
        if !pci.iter().any(|device| entry.file_name() == *device.address) {
            remove(&entry.path())?;
        }
    }
    for device in pci {
        let path = devices.join(&device.address);
        write(&path.join("vendor"), format!("{}\n", device.vendor))?;
        write(&path.join("class"), format!("{}\n", device.class))?;
        let driver = path.join("driver");
        let wanted = device.driver.map(|name| format!("../../drivers/{name}"));
        let bound = fs::read_link(&driver).ok();
        if bound.as_deref() == wanted.as_deref().map(Path::new) {
            continue;
        }
        if bound.is_some() {
            fs::remove_file(&driver)
                .with_context(|| format!("cannot remove {}", driver.display()))?;
        }
        if let Some(wanted) = wanted {
            link(&wanted, &driver)?;
        }
    }
    Ok(())
}

/// The state, last of all: whoever learns of a change from it finds the rest in place.
fn show_driver(directory: &Path, state: Option<&State>) -> Result<()> {
    let (module, proc) = (directory.join("module/nvidia"), directory.join("proc/nvidia"));
    match state.and_then(|state| state.driver.as_deref()) {
        Some(version) => {
            write(&module.join("version"), format!("{version}\n"))?;
            write(&proc.join("version"), proc_version(version))?;
        }
        None => {
            for path in [&module, &proc] {
                if path.exists() {
                    remove(path)?;
                }
            }
        }
    }
    match state {
        Some(state) => state.write(directory).context("cannot write the state of the GPUs"),
        None => Ok(()),
    }
}

/// What NVIDIA's driver writes there.
fn proc_version(version: &str) -> String {
    format!(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Tue Jul  1 00:00:00 UTC 2025\n\
         GCC version:  gcc version 14.2.0 (Debian 14.2.0-19)\n"
    )
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_dir_all(path).with_context(|| format!("cannot remove {}", path.display()))
}

fn link(to: &str, at: &Path) -> Result<()> {
    symlink(to, at).with_context(|| format!("cannot make {}", at.display()))
}

/// A guest's path, below its root.
fn relative(path: &str) -> &str {
    path.trim_start_matches('/')
}
