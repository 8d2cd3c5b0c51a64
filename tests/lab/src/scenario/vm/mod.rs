//! Scenarios in virtual machines: what takes a kernel, a firmware and a cloud-init of one's own.

mod boots;
mod disk;
mod first_boot;
mod hardware;
pub(crate) mod incident;
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
    boots::SCENARIO,
];

/// How long a machine may take from power-on to its first Ready, unless it is emulated: then
/// many times that, see [`Guest::pace`].
const READY: Duration = Duration::from_mins(5);

/// Fails unless the link was freed by the first rung of its ladder and, where that did not help,
/// by the next, and by nothing else. Emulated, a guest may answer later than the agent waits for
/// it: then it is asked again, and networkd is restarted at last.
fn freed(guest: &Guest, mark: &Mark) -> Result<()> {
    let repairs = guest.timeline.repairs_since(mark);
    let first = repairs.first().is_some_and(|repair| repair.remedy == FREES);
    let good = first
        && repairs.iter().all(|repair| [FREES, NEXT].contains(&repair.remedy.as_str()))
        && repairs.last().is_some_and(|last| last.result.as_deref() == Some("Succeeded"));
    let shown: Vec<String> = repairs.iter().map(ToString::to_string).collect();
    ensure!(good, "expected {FREES}, and {NEXT} at most, there were: [{}]", shown.join("; "));
    Ok(())
}

const FREES: &str = "network/MatchByName";
const NEXT: &str = "network/RestartNetworkd";

/// A machine as that of the first boot was when it saved itself: ready, and running.
pub(crate) async fn ready(stage: &Stage) -> Result<Rc<Guest>> {
    let saved = stage.lab.ready.get_or_try_init(|| first_boot::save(stage)).await?;
    let guest = Guest::make_vm(&stage.lab, stage.name(), Some(saved)).await?;
    stage.keep(&guest);
    guest.restore().await?;
    guest.until_ready(guest.since_boot().at, READY).await?;
    Ok(guest)
}
