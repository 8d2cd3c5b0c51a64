//! Healthy boots, and how long they take beside one without the agent.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep, timeout};

use super::{READY, ready};
use crate::guest::Guest;
use crate::net::{GUEST, client};
use crate::scenario::stage::Stage;
use crate::scenario::table::Row;
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "reboots",
    story: "A healthy VM is rebooted, again and again: Ready each time, and nothing was repaired",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// How often; emulated, each takes minutes.
const BY_KVM: u32 = 20;
const EMULATED: u32 = 3;
/// A client by hand asks, and asks again.
const ASKED: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);

async fn play(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    let accelerator = stage.lab.ground.get().context("no machine has been made")?.accelerator;
    let times = if accelerator == "kvm" { BY_KVM } else { EMULATED };
    stage.say(&format!("{times} reboots: the accelerator is {accelerator}"));
    for number in 1..=times {
        let last = guest.timeline.last().context("a ready guest reported")?;
        let mark = guest.mark();
        reboot(&guest).await?;
        let other = guest.until_another_agent(mark.at, &last, READY).await?;
        ensure!(other.report.agent.boot_id != last.agent.boot_id, "that was no reboot");
        let ready = guest.until_ready(other.at, READY).await?;
        guest.expect_repairs(&mark, &[]).with_context(|| format!("reboot {number}"))?;
        stage.add(Row {
            fault: format!("reboot {number}, from the command"),
            healed: Some(ready - mark.at),
            ..Row::default()
        });
    }
    guest.sh("systemctl mask saigak-agent.service").await?;
    let started = Instant::now();
    reboot(&guest).await?;
    let gone = timeout(READY * guest.pace(), by_hand(&guest, false)).await;
    gone.context("the guest does not go down")?;
    let served = timeout(READY * guest.pace(), by_hand(&guest, true)).await;
    served.context("without the agent, no client gets an embedding")?;
    stage.add(Row {
        fault: "reboot without the agent, until a client has an embedding".into(),
        by_hand: Some(started.elapsed()),
        ..Row::default()
    });
    Ok(())
}

async fn reboot(guest: &Guest) -> Result<()> {
    guest.sh("systemctl --no-block reboot").await.map(drop)
}

/// What a person's script would do: ask from outside until an embedding comes, or does not.
async fn by_hand(guest: &Guest, comes: bool) {
    let asked = || client::embed(guest.gateway.worker(), GUEST, "The lake is frozen.", ASKED);
    while asked().await.is_ok() != comes {
        sleep(PAUSE).await;
    }
}
