//! From PCI to `GpuAttached`. Pure.

use std::time::Duration;

use super::facts::Facts;
use crate::config;
use crate::core::{Condition, Judgement, Reason, Role};
use crate::guest::Remedy;

/// The GPUs that are expected are on PCI.
pub static GPU_ATTACHED: Condition = Condition {
    name: "GpuAttached",
    concern: "gpu",
    role: Role::Required,
    needs: &[],
    explained_by: &[],
    grace: Duration::from_secs(60),
};

/// Of all conditions, where the configuration expects no GPU.
pub(super) static NOT_EXPECTED: Reason<Remedy> = Reason::good("NotExpected");

static ATTACHED: Reason<Remedy> = Reason::good("Attached");
static NOT_ATTACHED: Reason<Remedy> = Reason::fault(
    "NotAttached",
    "pass one through: spec.template.spec.domain.devices.gpus of the VirtualMachine, then restart \
     the VM; or set gpu.expected = 0",
)
// No driver and no restart makes up for it.
.decisive();
static TOO_FEW: Reason<Remedy> = Reason::fault(
    "TooFew",
    "compare lspci -nn with spec.template.spec.domain.devices.gpus of the VirtualMachine, or set \
     gpu.expected to what it has",
);
pub(super) static UNREADABLE: Reason<Remedy> =
    Reason::unknown("Unreadable", "see ls -l /sys/bus/pci/devices: is sysfs mounted?");

/// All that can be said of it.
pub(super) static REASONS: &[&Reason<Remedy>] =
    &[&NOT_EXPECTED, &ATTACHED, &NOT_ATTACHED, &TOO_FEW, &UNREADABLE];

/// Judges what is on PCI.
pub(super) fn judge(facts: &Facts, config: &config::Gpu) -> Judgement<Remedy> {
    let (expected, vendor) = (config.expected, config.vendor.name());
    let (reason, message) = match facts.devices.as_ref().map(Vec::len) {
        Err(error) => (&UNREADABLE, error.clone()),
        Ok(0) => {
            let number = config.vendor.lspci();
            (&NOT_ATTACHED, format!("no GPU of {vendor} ({number}) is on PCI"))
        }
        Ok(found) if found < expected => {
            (&TOO_FEW, format!("{found} of {expected} GPUs of {vendor} are on PCI"))
        }
        Ok(found) => (&ATTACHED, format!("{found} of {vendor} on PCI")),
    };
    Judgement::new(&GPU_ATTACHED, reason, message)
}
