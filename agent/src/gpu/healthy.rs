//! From what NVML tells of each GPU to `GpuHealthy`. Pure. Warnings leave it `True`, under a name
//! of their own.

use std::time::Duration;

use super::attached::NOT_EXPECTED;
use super::probe::Gpu;
use super::seen::{Driver, Seen};
use crate::config::{self, Vendor};
use crate::core::{Condition, Judgement, Reason, Role};
use crate::guest::Remedy;

/// No GPU is known to be unwell.
pub static GPU_HEALTHY: Condition = Condition {
    name: "GpuHealthy",
    concern: "gpu",
    // What is not known of a GPU that embeds takes no guest out of service.
    role: Role::Veto,
    needs: &["GpuDriverLoaded"],
    explained_by: &[],
    grace: Duration::ZERO,
};

/// How long an XID is told of that asks for nothing.
const RECENT: Duration = Duration::from_mins(10);

/// What NVML says should be done about a GPU (`nvmlDeviceGpuRecoveryAction_t`).
mod recovery {
    pub(super) const NONE: u64 = 0;
    pub(super) const RESET: u64 = 1;
    pub(super) const REBOOT: u64 = 2;
    pub(super) const DRAIN_P2P: u64 = 3;
    pub(super) const DRAIN_AND_RESET: u64 = 4;
}

/// Why clocks are lower than they could be (`nvmlClocksEventReasons`).
mod slowdown {
    pub(super) const HARDWARE: u64 = 0x8;
    pub(super) const THERMAL: u64 = 0x20 | 0x40;
    pub(super) const POWER_BRAKE: u64 = 0x80;
}

static HEALTHY: Reason<Remedy> = Reason::good("Healthy");
static ECC_CONTAINED: Reason<Remedy> = Reason::good("EccContained");
static ROW_REMAP_PENDING: Reason<Remedy> = Reason::good("RowRemapPending");
static THERMAL_SLOWDOWN: Reason<Remedy> = Reason::good("ThermalSlowdown");
static POWER_SLOWDOWN: Reason<Remedy> = Reason::good("PowerSlowdown");
static APPLICATION_FAULT: Reason<Remedy> = Reason::good("ApplicationFault");
static OTHER_XID: Reason<Remedy> = Reason::good("OtherXid");
static NOT_OBSERVABLE: Reason<Remedy> =
    Reason::unknown("NotObservable", "this vendor's driver tells nothing of it");
static ASKING: Reason<Remedy> = Reason::unknown("Asking", "the driver is being asked");

const RESTART_VM: &str = "restart the VM (virtctl restart); if it stays, the node's GPU needs \
                          service: nvidia-bug-report.sh there";
const RESET: &str = "stop what uses it (systemctl stop ollama), then: nvidia-smi --gpu-reset, or \
                     restart the VM (virtctl restart)";

// No restart of the server mends the GPU, and killing what uses it has frozen some.
static LOST: Reason<Remedy> = Reason::fault("Lost", RESTART_VM).decisive();
static REBOOT_REQUIRED: Reason<Remedy> = Reason::fault("RebootRequired", RESTART_VM).decisive();
static GSP_FAILED: Reason<Remedy> = Reason::fault("GspFailed", RESTART_VM).decisive();
static RESET_REQUIRED: Reason<Remedy> = Reason::fault("ResetRequired", RESET).decisive();
static DRAIN_REQUIRED: Reason<Remedy> = Reason::fault(
    "DrainRequired",
    "stop what uses it together with other GPUs; NVIDIA asks to drain its peer traffic",
)
.decisive();
static UNCORRECTED_ECC: Reason<Remedy> = Reason::fault("UncorrectedEcc", RESET).decisive();
static ROW_REMAP_FAILED: Reason<Remedy> = Reason::fault(
    "RowRemapFailed",
    "its memory has no spare rows left: move the VM to another node and have the GPU replaced",
)
.decisive();

/// All that can be said of it.
pub(super) static REASONS: &[&Reason<Remedy>] = &[
    &NOT_EXPECTED,
    &HEALTHY,
    &ECC_CONTAINED,
    &ROW_REMAP_PENDING,
    &THERMAL_SLOWDOWN,
    &POWER_SLOWDOWN,
    &APPLICATION_FAULT,
    &OTHER_XID,
    &ASKING,
    &LOST,
    &REBOOT_REQUIRED,
    &GSP_FAILED,
    &RESET_REQUIRED,
    &DRAIN_REQUIRED,
    &UNCORRECTED_ECC,
    &ROW_REMAP_FAILED,
    &NOT_OBSERVABLE,
];

/// Errors, the gravest first, then warnings: what is named where there is more than one.
static ORDER: [&Reason<Remedy>; 13] = [
    &LOST,
    &REBOOT_REQUIRED,
    &GSP_FAILED,
    &RESET_REQUIRED,
    &DRAIN_REQUIRED,
    &ROW_REMAP_FAILED,
    &UNCORRECTED_ECC,
    &ROW_REMAP_PENDING,
    &ECC_CONTAINED,
    &THERMAL_SLOWDOWN,
    &POWER_SLOWDOWN,
    &APPLICATION_FAULT,
    &OTHER_XID,
];

type Judged = (&'static Reason<Remedy>, String);

/// Judges the GPUs at `uptime`. `None`: the driver does not tell of them, which is said elsewhere.
pub(super) fn judge(
    seen: &Seen,
    config: &config::Gpu,
    uptime: Duration,
) -> Option<Judgement<Remedy>> {
    let judged = |reason, message: String| Some(Judgement::new(&GPU_HEALTHY, reason, message));
    if config.vendor != Vendor::Nvidia {
        return judged(&NOT_OBSERVABLE, format!("not told by {}'s driver", config.vendor.name()));
    }
    let Driver::Up(_) = seen.driver else { return None };
    let Some(gpus) = &seen.gpus else {
        return judged(&ASKING, "the driver has not told of its GPUs yet".into());
    };
    let found: Vec<Judged> = gpus
        .iter()
        .flat_map(|gpu| of_state(gpu).into_iter().chain(of_xids(seen, gpu, uptime)))
        .collect();
    let worst =
        ORDER.iter().find_map(|reason| found.iter().find(|(is, _)| std::ptr::eq(*is, *reason)));
    match worst {
        Some((reason, message)) => judged(reason, message.clone()),
        None => judged(&HEALTHY, format!("{} without errors", gpus.len())),
    }
}

/// How a GPU is called to a person.
fn name(gpu: &Gpu) -> String {
    let Gpu { index, name, pci, uuid, .. } = gpu;
    if uuid.is_empty() { format!("GPU {index}") } else { format!("GPU {index} ({name}, {pci})") }
}

/// What the state of a GPU says.
fn of_state(gpu: &Gpu) -> Vec<Judged> {
    let who = name(gpu);
    let mut found: Vec<Judged> = Vec::new();
    let mut add = |reason, what: String| found.push((reason, format!("{who} {what}")));
    if gpu.lost {
        add(&LOST, "is lost: it fell off the bus, or cannot be reached".into());
    }
    if gpu.reset {
        add(&RESET_REQUIRED, "needs a reset before it can be used".into());
    }
    match gpu.recovery {
        Some(recovery::RESET) => add(&RESET_REQUIRED, "needs a reset, its driver says".into()),
        Some(recovery::DRAIN_AND_RESET) => {
            add(&RESET_REQUIRED, "needs to be drained and reset, its driver says".into());
        }
        Some(recovery::REBOOT) => add(&REBOOT_REQUIRED, "needs a reboot, its driver says".into()),
        Some(recovery::DRAIN_P2P) => {
            add(&DRAIN_REQUIRED, "needs its peer traffic drained, its driver says".into());
        }
        _ => {}
    }
    if let Some(remapped) = gpu.remapped {
        if remapped.failed {
            add(&ROW_REMAP_FAILED, "could not replace a bad row of its memory".into());
        }
        if remapped.pending {
            add(&ROW_REMAP_PENDING, "replaces bad rows of its memory at its next reset".into());
        }
    }
    if let Some(errors @ 1..) = gpu.ecc_uncorrected {
        // Where the driver can tell what has to be done, it has.
        let contained = gpu.recovery == Some(recovery::NONE);
        let reason = if contained { &ECC_CONTAINED } else { &UNCORRECTED_ECC };
        add(reason, format!("has had {errors} uncorrected errors in its memory"));
    }
    let slowdown = gpu.slowdown.unwrap_or_default();
    let temperature = gpu.temperature.map_or_else(String::new, |it| format!(" at {it} degrees C"));
    if slowdown & slowdown::THERMAL != 0 {
        add(&THERMAL_SLOWDOWN, format!("is slowed down by heat{temperature}"));
    } else if slowdown & (slowdown::HARDWARE | slowdown::POWER_BRAKE) != 0 {
        add(&POWER_SLOWDOWN, "is slowed down for want of power".into());
    }
    found
}

/// What XIDs say of a GPU.
fn of_xids<'a>(
    seen: &'a Seen,
    gpu: &'a Gpu,
    uptime: Duration,
) -> impl Iterator<Item = Judged> + 'a {
    let own = seen.xids.iter().filter(|(xid, _)| xid.uuid == gpu.uuid);
    own.filter_map(move |(xid, at)| {
        let reason = meaning(xid.xid, gpu.recovery.is_some());
        let warns = !grave(reason);
        if warns && uptime.saturating_sub(*at) >= RECENT {
            return None;
        }
        Some((reason, format!("{} has reported XID {}", name(gpu), xid.xid)))
    })
}

fn grave(reason: &Reason<Remedy>) -> bool {
    reason.status == crate::core::Status::False
}

/// What an XID stands for. Where the driver tells itself what has to be done, its word counts,
/// and the XID is only told of.
fn meaning(xid: u64, driver_tells: bool) -> &'static Reason<Remedy> {
    match xid {
        13 | 31 | 43 | 45 => &APPLICATION_FAULT,
        63 => &ROW_REMAP_PENDING,
        _ if driver_tells => &OTHER_XID,
        46 | 48 | 95 => &RESET_REQUIRED,
        64 => &ROW_REMAP_FAILED,
        62 => &REBOOT_REQUIRED,
        79 => &LOST,
        119 | 120 => &GSP_FAILED,
        _ => &OTHER_XID,
    }
}

/// Why a server that runs must not be disturbed: what is done to a GPU's user then has frozen
/// GPUs, and it would find none.
pub(super) fn forbids_restart(
    seen: &Seen,
    config: &config::Gpu,
    uptime: Duration,
) -> Option<String> {
    let judged = judge(seen, config, uptime)?;
    (grave(judged.reason) && !judged.reason.passes).then_some(judged.message)
}

#[cfg(test)]
mod tests;
