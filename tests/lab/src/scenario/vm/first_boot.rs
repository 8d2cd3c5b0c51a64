//! A machine comes up from an image, a blank data disk and what cloud-init is told.

use std::rc::Rc;

use anyhow::{Result, bail, ensure};

use super::{READY, told};
use crate::guest::Guest;
use crate::guest::timeline::Mark;
use crate::guest::vm::saved::Saved;
use crate::net::client::AGENT_PORT;
use crate::scenario::stage::Stage;
use crate::scenario::table::Row;
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "first-boot",
    story: "A VM comes up from a cloud image and a blank data disk: the model comes, and Ready",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// The machine that the other scenarios' machines go on from.
const SAVED: &str = "saved";

/// How much of the agent is in memory, and how much of that is no file's.
const RESIDENT: &str = "cd /proc/$(systemctl show -P MainPID saigak-agent.service) && \
    grep -E '^(VmRSS|RssAnon):' status | tr -s '\t\n' ' '";

async fn play(stage: &Stage) -> Result<()> {
    // One that did not become ready is of no use to anybody.
    stage.lab.ready.get_or_try_init(|| save(stage)).await.map(drop)
}

/// Boots a machine for the first time, looks at all that must be so, and has it save itself.
pub(super) async fn save(stage: &Stage) -> Result<Saved> {
    let guest = blank(stage, SAVED).await?;
    guest.power_on().await?;
    let mark = guest.since_boot();
    stage.say(&format!("systemd answers after {:.0} s", mark.at.elapsed().as_secs_f64()));
    let ready = guest.until_ready(mark.at, READY).await?;
    guest.expect(&mark, "BootstrapComplete", "True", "Complete", READY).await?;
    only_the_model_was_brought(&guest, &mark)?;
    let booted = guest.settled().await?;
    ensure!(booted == "running", "systemd says {booted}");
    as_it_must_be(&guest).await?;
    as_a_person_sees_it(&guest).await?;
    let machine = guest.sh("uname --machine").await?;
    let resident = guest.sh(RESIDENT).await?;
    stage.say(&format!("on {}, the agent's memory: {}", machine.trim(), resident.trim()));
    stage.add(Row {
        fault: format!("first boot on {}, blank data disk, from power-on", machine.trim()),
        healed: Some(ready - mark.at),
        remedies: guest.remedies(&mark),
        ..Row::default()
    });
    guest.vm()?.save(&stage.lab.disk().join(SAVED)).await
}

/// A machine with a blank data disk and all that it is to be told, powered off.
pub(super) async fn blank(stage: &Stage, name: &str) -> Result<Rc<Guest>> {
    let guest = Guest::make_vm(&stage.lab, name, None).await?;
    stage.keep(&guest);
    guest.vm()?.seed(&told::seed(&stage.lab)?).await?;
    told::bring_disks(&guest).await?;
    Ok(guest)
}

/// What cloud-init sets up is in order: all that the agent has to do is to bring the model. On a
/// slow guest it is refused while the disk has not answered, and tried again.
pub(super) fn only_the_model_was_brought(guest: &Guest, mark: &Mark) -> Result<()> {
    let repairs = guest.timeline.repairs_since(mark);
    match repairs.iter().find(|repair| !repair.remedy.starts_with("model/")) {
        Some(repair) => bail!("something else was repaired: {repair}"),
        None => Ok(()),
    }
}

async fn as_it_must_be(guest: &Guest) -> Result<()> {
    let link = guest.sh("ip -oneline -4 address show enp1s0").await?;
    ensure!(link.contains("10.0.2.2/24"), "enp1s0: {link}");
    let disk = guest.sh("findmnt --noheadings --output LABEL,FSTYPE /var/lib/ollama").await?;
    ensure!(disk.split_whitespace().eq(["saigak-data", "ext4"]), "data disk: {disk}");
    let settings = guest.sh("cat /usr/lib/saigak-agent/conf.d/50-cluster.toml").await?;
    ensure!(settings.contains("expected = 0"), "the settings disk was not taken: {settings}");
    // As a kubelet's exec probe asks.
    let ready = guest.try_sh("saigak-agent ready").await?;
    ensure!(ready.code == 0, "saigak-agent ready: {}{}", ready.stdout, ready.stderr);
    let probe = guest.get(AGENT_PORT, "/readyz").await?;
    ensure!(probe.status == 200, "/readyz: {}", probe.status);
    Ok(())
}

async fn as_a_person_sees_it(guest: &Guest) -> Result<()> {
    let status = guest.ssh("saigak-agent status").await?;
    let told = status.code == 0 && status.stdout.starts_with("Ready");
    ensure!(told, "by SSH, {}: {}{}", status.code, status.stdout, status.stderr);
    Ok(())
}
