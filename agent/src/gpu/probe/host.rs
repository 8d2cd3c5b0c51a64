//! What the guest itself says of NVIDIA's driver.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::{BootClock, Clock, Moment};

/// A kernel has its modules in a directory here, with a list of them.
const MODULES: &str = "/lib/modules";

/// Text that the module shows while it is loaded.
const VERSION: &str = "/proc/driver/nvidia/version";

/// Where the driver's device nodes are made, and how the names of NVIDIA's begin.
const DEVICES: &str = "/dev";
const DEVICE: &str = "nvidia";

/// Whether the firmware checks signatures: four bytes of attributes, and one that says it.
const SECURE_BOOT: &str =
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// The guest, as far as it concerns the driver.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub struct Host {
    /// The running kernel's release.
    pub kernel: String,
    /// Whether the module is loaded.
    pub loaded: bool,
    /// The version of the one that is.
    pub version: Option<String>,
    /// Whether there is one for the running kernel.
    pub built: bool,
    /// Another kernel that there is one for.
    pub built_for: Option<String>,
    /// Whether the firmware checks signatures.
    pub secure_boot: bool,
    /// Whether a package asks for a reboot.
    pub wants_reboot: bool,
    /// What kind of container this is, if it is one.
    pub container: Option<String>,
    /// Uptime at which the youngest of the driver's device nodes was made. `None`: there
    /// is none, or the kernel does not tell.
    pub devices_made: Option<Duration>,
}

impl Host {
    /// What counts of it in a pod: it is a container's also where the runtime leaves no mark, and
    /// a device node there is as old as the agent's own container.
    pub(super) fn in_pod(self) -> Self {
        let container = self.container.or_else(|| Some("pod".into()));
        Self { container, devices_made: None, ..self }
    }
}

/// Looks at the guest.
pub(super) fn look() -> Host {
    let kernel = nix::sys::utsname::uname()
        .map(|name| name.release().to_string_lossy().into_owned())
        .unwrap_or_default();
    let modules = Path::new(MODULES);
    let built = has_module(&modules.join(&kernel));
    let built_for = if built { None } else { other_kernel(modules, &kernel) };
    let version = fs::read_to_string(VERSION).ok();
    Host {
        built,
        built_for,
        loaded: version.is_some() || Path::new("/sys/module/nvidia").exists(),
        version: version.as_deref().and_then(version_in),
        secure_boot: fs::read(SECURE_BOOT).is_ok_and(|bytes| bytes.get(4) == Some(&1)),
        wants_reboot: Path::new("/run/reboot-required").exists(),
        container: container(
            fs::read_to_string("/run/systemd/container").ok().as_deref(),
            Path::new("/.dockerenv").exists() || Path::new("/run/.containerenv").exists(),
        ),
        kernel,
        devices_made: devices_made(Path::new(DEVICES), BootClock.now()),
    }
}

/// When the youngest of NVIDIA's nodes in `directory` was made. A clock that was set since moves
/// it: forward to 0, which is nobody's start; back into the future, which is left out.
fn devices_made(directory: &Path, now: Moment) -> Option<Duration> {
    let nodes = fs::read_dir(directory).ok()?.flatten();
    let made = nodes
        .filter(|node| node.file_name().to_string_lossy().starts_with(DEVICE))
        .filter_map(|node| node.metadata().ok()?.created().ok())
        .filter_map(|created| now.wall.duration_since(created).ok())
        .min()?;
    Some(now.uptime.saturating_sub(made))
}

/// Whether the list of modules in `directory` has NVIDIA's, by any name that it is packaged under.
fn has_module(directory: &Path) -> bool {
    let list = fs::read_to_string(directory.join("modules.dep")).unwrap_or_default();
    list.lines().filter_map(|line| line.split_once(':')).any(|(path, _)| {
        let file = path.rsplit('/').next().unwrap_or(path);
        let name = file.split_once(".ko").map_or("", |(name, _)| name);
        // Debian renames it: one for each branch of the driver.
        name == "nvidia" || ["nvidia-current", "nvidia-tesla"].iter().any(|it| name.starts_with(it))
    })
}

/// The last of the other kernels, by name, that has one.
fn other_kernel(modules: &Path, running: &str) -> Option<String> {
    let kernels = fs::read_dir(modules).ok()?.flatten();
    kernels
        .filter(|entry| has_module(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != running)
        .max()
}

/// The first word with two dots' worth of numbers: `550.54.15`, after "Kernel Module".
fn version_in(text: &str) -> Option<String> {
    let words = text.lines().next()?.split_whitespace();
    words
        .filter(|word| word.contains('.'))
        .find(|word| word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
        .map(Into::into)
}

/// The kind of container, where a library's path would be the container's affair. One that boots
/// a system of its own is as good as a machine.
fn container(kind: Option<&str>, marked: bool) -> Option<String> {
    let kind = kind.map(str::trim).filter(|kind| !kind.is_empty() && *kind != "systemd-nspawn");
    kind.map(Into::into).or_else(|| marked.then(|| "docker".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_found_for_the_kernel_that_it_was_built_for() {
        let root = tempfile::tempdir().unwrap();
        for (kernel, list) in [
            ("6.1.0", "kernel/fs/ext4/ext4.ko.xz: kernel/fs/jbd2/jbd2.ko.xz\n"),
            ("6.8.0", "updates/dkms/nvidia-drm.ko.zst: x\nupdates/dkms/nvidia.ko.zst:\n"),
            ("6.9.0", "updates/dkms/nvidia-current.ko: kernel/drivers/a.ko\n"),
            ("7.0.0", "kernel/drivers/net/nvidia-net.ko: kernel/nvidia.ko\n"),
        ] {
            fs::create_dir(root.path().join(kernel)).unwrap();
            fs::write(root.path().join(kernel).join("modules.dep"), list).unwrap();
        }
        let built = |kernel: &str| has_module(&root.path().join(kernel));
        assert_eq!(["6.1.0", "6.8.0", "6.9.0", "7.0.0"].map(built), [false, true, true, false]);
        assert_eq!(other_kernel(root.path(), "6.1.0").as_deref(), Some("6.9.0"));
        assert_eq!(other_kernel(root.path(), "6.9.0").as_deref(), Some("6.8.0"));
        assert_eq!(other_kernel(&root.path().join("none"), "6.1.0"), None);
    }

    #[test]
    fn the_youngest_of_the_drivers_nodes_tells_when_it_could_be_used() {
        let devices = tempfile::tempdir().unwrap();
        let made = |ahead: u64| {
            let created = fs::metadata(devices.path().join("nvidia0")).ok()?.created().ok()?;
            let wall = created + Duration::from_secs(ahead);
            devices_made(devices.path(), Moment { uptime: Duration::from_secs(500), wall })
        };
        fs::write(devices.path().join("null"), "").unwrap();
        assert_eq!(made(0), None);
        fs::write(devices.path().join("nvidia0"), "").unwrap();
        assert_eq!(made(20), Some(Duration::from_secs(480)));
        // The clock was set forward by more than the guest has run.
        assert_eq!(made(1 << 30), Some(Duration::ZERO));
        let past = Moment { uptime: Duration::from_secs(500), wall: std::time::UNIX_EPOCH };
        assert_eq!(devices_made(devices.path(), past), None);
    }

    #[test]
    fn the_module_says_its_version() {
        let closed = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5\nGCC";
        assert_eq!(version_in(closed).as_deref(), Some("550.54.15"));
        let open = "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  570.86.10  Release";
        assert_eq!(version_in(open).as_deref(), Some("570.86.10"));
        assert_eq!(version_in(""), None);
    }

    #[test]
    fn a_machine_of_its_own_is_no_container() {
        assert_eq!(container(None, false), None);
        assert_eq!(container(Some("systemd-nspawn\n"), false), None);
        assert_eq!(container(Some("podman"), false).as_deref(), Some("podman"));
        assert_eq!(container(None, true).as_deref(), Some("docker"));
    }
}
