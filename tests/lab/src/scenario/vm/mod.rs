//! Scenarios in virtual machines: what takes a kernel, a firmware and a cloud-init of one's own.

mod boots;
mod clock;
mod disk;
mod first_boot;
mod hardware;
pub(crate) mod incident;
mod kernel;
mod network;
mod power;
mod stopped;
pub(crate) mod told;

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::Scenario;
use super::stage::Stage;
use crate::guest::Guest;
use crate::guest::timeline::Mark;

/// All scenarios for virtual machines.
pub(crate) const ALL: &[Scenario] = &[
    first_boot::SCENARIO,
    incident::SCENARIO,
    network::OTHER_MAC,
    network::OTHER_CONFIG,
    network::EMPTY,
    hardware::SLOT,
    hardware::LATE,
    disk::BROKEN,
    disk::FULL,
    stopped::SCENARIO,
    power::FIRST_BOOT,
    power::PULL,
    power::REPAIR,
    power::BUDGET,
    clock::SCENARIO,
    kernel::SCENARIO,
    boots::IN_A_ROW,
    boots::BESIDE,
];

/// How long a machine may take from power-on to its first Ready, unless it is emulated: then
/// many times that, see [`Guest::pace`].
const READY: Duration = Duration::from_mins(5);

/// How long nothing may be done to a machine that is well again.
const QUIET: Duration = Duration::from_mins(1);

/// Fails unless the link was freed by the smallest repair first, and by the network's alone.
/// Emulated, networkd may answer later than the agent waits for it: then it is asked again, and
/// what the next look sees half done is mended as well.
fn freed(guest: &Guest, mark: &Mark) -> Result<()> {
    let repairs = guest.timeline.repairs_since(mark);
    let good = repairs.first().is_some_and(|first| first.remedy == "network/MatchByName")
        && repairs.iter().all(|repair| repair.remedy.starts_with("network/"))
        && repairs.last().is_some_and(|last| last.result.as_deref() == Some("Succeeded"));
    let shown: Vec<String> = repairs.iter().map(ToString::to_string).collect();
    ensure!(good, "expected the network's repairs, smallest first: [{}]", shown.join("; "));
    Ok(())
}

/// A machine as that of the first boot was when it saved itself: ready, and running.
pub(crate) async fn ready(stage: &Stage) -> Result<Rc<Guest>> {
    let saved = stage.lab.ready.get_or_try_init(|| first_boot::save(stage)).await?;
    let guest = Guest::make_vm(&stage.lab, stage.name(), Some(saved)).await?;
    stage.keep(&guest);
    guest.restore().await?;
    guest.until_ready(guest.since_boot().at, READY).await?;
    Ok(guest)
}
