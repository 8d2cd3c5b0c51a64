//! Scenarios in virtual machines: what takes a kernel, a firmware and a cloud-init of one's own.

mod first_boot;
mod hardware;
pub(crate) mod incident;
mod power;
pub(crate) mod told;

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;

use super::Scenario;
use super::stage::Stage;
use crate::guest::Guest;

/// All scenarios for virtual machines.
pub(crate) const ALL: &[Scenario] = &[
    first_boot::SCENARIO,
    incident::SCENARIO,
    power::STOPPED,
    power::REBOOTS,
    power::FIRST_BOOT,
    hardware::LATE,
    hardware::SLOT,
];

/// How long a machine may take from power-on to its first Ready, unless it is emulated: then
/// many times that, see [`Guest::pace`].
const READY: Duration = Duration::from_mins(5);

/// A machine as the golden one was when it saved itself: ready, and running.
pub(crate) async fn ready(stage: &Stage) -> Result<Rc<Guest>> {
    let lab = &stage.lab;
    let golden = lab.golden.get_or_try_init(|| first_boot::golden(stage)).await?;
    let guest = Guest::make_vm(lab, stage.name(), Some(golden)).await?;
    stage.keep(&guest);
    let mark = guest.mark();
    guest.vm()?.restore(guest.gateway.namespace()).await?;
    guest.until_ready(mark.at, READY).await?;
    Ok(guest)
}
