//! From PCI and the probe to `GpuDriverLoaded`: each cause with its own name. Pure.

use std::time::Duration;

use super::attached::{NOT_EXPECTED, UNREADABLE};
use super::facts::Facts;
use super::probe::{Failure, Host};
use super::repair::{DEVICES_MISSING, NOT_LOADED};
use super::seen::{Driver, Seen};
use crate::config::{self, Vendor};
use crate::core::{Condition, Judgement, Reason, Role};
use crate::guest::Remedy;

/// NVML's own numbers, as its header has them.
pub(super) mod code {
    /// It may not talk to the driver.
    pub(in super::super) const NO_PERMISSION: u32 = 4;
    /// The driver is not loaded, or has no device nodes.
    pub(in super::super) const NOT_LOADED: u32 = 9;
    /// The GPU's interrupts do not arrive.
    pub(in super::super) const IRQ_ISSUE: u32 = 11;
    /// There is no library.
    pub(in super::super) const LIBRARY_NOT_FOUND: u32 = 12;
    /// The system does not let it.
    pub(in super::super) const OPERATING_SYSTEM: u32 = 17;
    /// The library and the kernel's module are of two versions.
    pub(in super::super) const MISMATCH: u32 = 18;
}

/// The driver is loaded and answers.
pub static GPU_DRIVER_LOADED: Condition = Condition {
    name: "GpuDriverLoaded",
    concern: "gpu",
    // A model that is on the GPU is served while the driver's other half is upgraded under it.
    role: Role::Gate,
    needs: &["GpuAttached"],
    explained_by: &[],
    grace: Duration::ZERO,
};

static LOADED: Reason<Remedy> = Reason::good("Loaded");
static ASKING: Reason<Remedy> = Reason::passing("Asking", "the driver is being asked");
// Where the driver is not there, no restart of the server finds a GPU.
static NOUVEAU_BOUND: Reason<Remedy> = Reason::fault(
    "NouveauBound",
    "install NVIDIA's driver, then: printf 'blacklist nouveau\\noptions nouveau modeset=0\\n' > \
     /etc/modprobe.d/nouveau.conf && update-initramfs -u && reboot",
)
.decisive();
static OTHER_DRIVER_BOUND: Reason<Remedy> = Reason::fault(
    "OtherDriverBound",
    "free the GPU from that driver: see lspci -k -d ::0300, lspci -k -d ::0302 and /etc/modprobe.d",
)
.decisive();
static UNBOUND: Reason<Remedy> =
    Reason::fault("Unbound", "load the GPU's driver, and see dmesg for why it was not").decisive();
static MODULE_NOT_BUILT: Reason<Remedy> = Reason::fault(
    "ModuleNotBuilt",
    "apt-get install linux-headers-$(uname -r) && dkms autoinstall && modprobe nvidia, or install \
     NVIDIA's driver if there is none",
)
.decisive();
static KERNEL_PENDING: Reason<Remedy> = Reason::fault(
    "KernelPending",
    "the module is there for the other kernel: reboot into that, or apt-get install \
     linux-headers-$(uname -r) && dkms autoinstall",
)
.decisive();
static SIGNATURE_REFUSED: Reason<Remedy> = Reason::fault(
    "SignatureRefused",
    "mokutil --import /var/lib/dkms/mok.pub, reboot and enrol the key at the console; or switch \
     Secure Boot off: spec.template.spec.domain.firmware.bootloader.efi.secureBoot",
)
.decisive();
static VERSION_MISMATCH: Reason<Remedy> = Reason::fault(
    "VersionMismatch",
    "reboot; or without: systemctl stop ollama nvidia-persistenced saigak-agent && rmmod \
     nvidia_uvm nvidia_drm nvidia_modeset nvidia; modprobe nvidia && systemctl start saigak-agent",
)
.decisive();
static LIBRARY_MISSING: Reason<Remedy> = Reason::fault(
    "LibraryMissing",
    "install the driver's libraries in the module's version (libnvidia-ml.so.1, libcuda.so.1), \
     then: ldconfig",
)
.decisive();
static LIBRARY_PATH_WRONG: Reason<Remedy> = Reason::fault(
    "LibraryPathWrong",
    "the container's runtime brings the driver's libraries: check the device plugin's device-list \
     strategy (envvar, volume-mounts, cdi-annotations, cdi-cri) and NVIDIA_VISIBLE_DEVICES",
)
.decisive();
static INTERRUPT_TROUBLE: Reason<Remedy> = Reason::fault(
    "InterruptTrouble",
    "the GPU's interrupts do not arrive: see dmesg | grep -i nvrm, then restart the VM",
)
.decisive();
static BLOCKED_BY_OS: Reason<Remedy> = Reason::fault(
    "BlockedByOs",
    "the system keeps the GPU's devices closed: see ls -l /dev/nvidia* and DeviceAllow= of the unit",
)
.decisive();
static NOT_ALL_DRIVEN: Reason<Remedy> =
    Reason::fault("NotAllDriven", "see dmesg | grep -i nvrm for why the driver refused one");
static NO_PERMISSION: Reason<Remedy> = Reason::unknown(
    "NoPermission",
    "the probe may not open the GPU's devices: see ls -l /dev/nvidia* and nvidia-modprobe",
);
static PROBE_HANGS: Reason<Remedy> = Reason::unknown(
    "ProbeHangs",
    "the driver does not answer: see dmesg | grep -i -e nvrm -e xid; if the model is slow too, \
     restart the VM",
);
static PROBE_FAILED: Reason<Remedy> = Reason::unknown(
    "ProbeFailed",
    "see journalctl -t saigak-agent, and as root: saigak-agent gpu-probe",
);

/// All that can be said of it.
pub(super) static REASONS: &[&Reason<Remedy>] = &[
    &NOT_EXPECTED,
    &LOADED,
    &ASKING,
    &NOUVEAU_BOUND,
    &OTHER_DRIVER_BOUND,
    &UNBOUND,
    &MODULE_NOT_BUILT,
    &KERNEL_PENDING,
    &SIGNATURE_REFUSED,
    &NOT_LOADED,
    &DEVICES_MISSING,
    &VERSION_MISMATCH,
    &LIBRARY_MISSING,
    &LIBRARY_PATH_WRONG,
    &INTERRUPT_TROUBLE,
    &BLOCKED_BY_OS,
    &NOT_ALL_DRIVEN,
    &NO_PERMISSION,
    &PROBE_HANGS,
    &PROBE_FAILED,
    &UNREADABLE,
];

type Judged = (&'static Reason<Remedy>, String);

/// Judges the driver.
pub(super) fn judge(facts: &Facts, seen: &Seen, config: &config::Gpu) -> Judgement<Remedy> {
    let (reason, message) = match config.vendor {
        Vendor::Nvidia => nvidia(facts, seen, config.expected),
        Vendor::Amd => bound(facts, &["amdgpu"]),
        Vendor::Intel => bound(facts, &["i915", "xe"]),
    };
    Judgement::new(&GPU_DRIVER_LOADED, reason, message)
}

fn nvidia(facts: &Facts, seen: &Seen, expected: usize) -> Judged {
    match &seen.driver {
        Driver::NotAsked => (&ASKING, "the driver has not answered yet".into()),
        Driver::Up(versions) => {
            let driven = seen.gpus.as_ref().map_or(expected, Vec::len);
            if driven < expected {
                return (&NOT_ALL_DRIVEN, format!("the driver has {driven} of {expected} GPUs"));
            }
            let by = versions.library.as_deref().map_or("nvidia-smi", |_| "NVML");
            (&LOADED, format!("driver {} answers ({by})", versions.driver))
        }
        Driver::Down(failure) => down(facts, seen, failure),
        Driver::Silent => {
            (&PROBE_HANGS, format!("NVML does not answer; {} probes given up", seen.abandoned))
        }
        Driver::NoProbe(why) => (&PROBE_FAILED, why.clone()),
    }
}

/// Why NVML is not at work.
fn down(facts: &Facts, seen: &Seen, failure: &Failure) -> Judged {
    let (host, words) = (&seen.host, &failure.words);
    let contained = host.container.as_deref();
    match (failure.code, contained) {
        (code::LIBRARY_NOT_FOUND | code::NOT_LOADED, Some(kind)) => {
            (&LIBRARY_PATH_WRONG, format!("in a container ({kind}): {words}"))
        }
        (code::LIBRARY_NOT_FOUND | code::NOT_LOADED, None) if !host.loaded => {
            not_loaded(facts, seen)
        }
        (code::LIBRARY_NOT_FOUND, None) => (&LIBRARY_MISSING, words.clone()),
        (code::NOT_LOADED, None) => {
            (&DEVICES_MISSING, "the module is loaded, and NVML finds no device".into())
        }
        (code::MISMATCH, _) => {
            let loaded = host.version.as_deref().unwrap_or("of another version");
            (&VERSION_MISMATCH, format!("the loaded module is {loaded}, the library is not"))
        }
        (code::IRQ_ISSUE, _) => (&INTERRUPT_TROUBLE, words.clone()),
        (code::OPERATING_SYSTEM, _) => (&BLOCKED_BY_OS, words.clone()),
        (code::NO_PERMISSION, _) => (&NO_PERMISSION, words.clone()),
        (code, _) => (&PROBE_FAILED, format!("NVML says {code}: {words}")),
    }
}

/// Why the module is not loaded, the most basic cause first.
fn not_loaded(facts: &Facts, seen: &Seen) -> Judged {
    if let Some((address, driver)) = other_driver(facts, &["nvidia"]) {
        let nouveau = driver == "nouveau";
        let reason = if nouveau { &NOUVEAU_BOUND } else { &OTHER_DRIVER_BOUND };
        return (reason, format!("{driver} is bound to {address}"));
    }
    let Host { kernel, built_for, wants_reboot, secure_boot, .. } = &seen.host;
    if let Some(words) = &seen.refused {
        return (&SIGNATURE_REFUSED, words.clone());
    }
    let asks = if *wants_reboot { "; a package asks for a reboot" } else { "" };
    match built_for {
        _ if seen.host.built => {
            let checks = if *secure_boot { "; the firmware checks signatures" } else { "" };
            (&NOT_LOADED, format!("there is a module for {kernel}, and it is not loaded{checks}"))
        }
        Some(other) => {
            (&KERNEL_PENDING, format!("no module for {kernel}, but one for {other}{asks}"))
        }
        None => (&MODULE_NOT_BUILT, format!("no module for {kernel}{asks}")),
    }
}

/// The first GPU that a driver other than these is bound to.
fn other_driver<'a>(facts: &'a Facts, own: &[&str]) -> Option<(&'a str, &'a str)> {
    let devices = facts.devices.as_ref().ok()?;
    devices.iter().find_map(|device| {
        let driver = device.driver.as_deref().filter(|driver| !own.contains(driver))?;
        Some((device.address.as_str(), driver))
    })
}

/// The driver of GPUs that sysfs alone tells of.
fn bound(facts: &Facts, own: &[&str]) -> Judged {
    if let Some((address, driver)) = other_driver(facts, own) {
        return (&OTHER_DRIVER_BOUND, format!("{driver} is bound to {address}"));
    }
    // No GPU, or none that can be seen: said in a pod alone. A guest waits for GpuAttached first.
    let devices = match &facts.devices {
        Ok(devices) if devices.is_empty() => {
            return (&UNBOUND, "no GPU of this vendor is seen on PCI".into());
        }
        Ok(devices) => devices,
        Err(error) => return (&UNREADABLE, error.clone()),
    };
    match devices.iter().find(|device| device.driver.is_none()) {
        Some(device) => (&UNBOUND, format!("no driver is bound to {}", device.address)),
        None => (&LOADED, format!("{} is bound", own.join(" or "))),
    }
}

#[cfg(test)]
mod tests;
