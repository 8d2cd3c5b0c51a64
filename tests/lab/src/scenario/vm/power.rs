//! The power goes, comes, and goes.

use anyhow::{Context, Result, ensure};
use std::time::Duration;

use super::{READY, ready, told};
use crate::guest::Guest;
use crate::scenario::stage::Stage;
use crate::scenario::table::Row;
use crate::scenario::{Needs, Playing, Scenario};

/// A cut in the middle of the first boot.
pub(super) const FIRST_BOOT: Scenario = Scenario {
    name: "power-first-boot",
    story: "The power goes in the middle of the first boot, while packages are installed: Ready after",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(first_boot(stage)) },
};

/// A machine that is stopped for a while.
pub(super) const STOPPED: Scenario = Scenario {
    name: "stopped",
    story: "All of the VM stands still for ten minutes and goes on: Ready again, nothing repaired",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(stopped(stage)) },
};

/// Reboots in a row.
pub(super) const REBOOTS: Scenario = Scenario {
    name: "reboots",
    story: "A healthy VM is rebooted, and again: Ready each time, and nothing was repaired",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(reboots(stage)) },
};

/// Storage that hung, or a node that was suspended, is back after so long.
const STANDS: Duration = Duration::from_mins(10);
/// Each takes minutes where KVM does not work.
const REBOOTED: u32 = 2;
/// That the server is being installed, and that its program has come in part.
const INSTALLING: &str =
    "until [ -e /var/lib/saigak-install/ollama.tar.zst.part ]; do sleep 1; done";

async fn first_boot(stage: &Stage) -> Result<()> {
    let guest = Guest::make_vm(&stage.lab, stage.name(), None).await?;
    stage.keep(&guest);
    guest.vm()?.seed(&told::seed(&stage.lab)?).await?;
    told::bring_disks(&guest).await?;
    // The download has a middle.
    guest.gateway.limit_registry(Some(64 << 10)).await?;
    guest.power_on().await?;
    let done = guest.sh_within(INSTALLING, READY).await?;
    ensure!(done.code == 0, "the server is not being installed: {}", done.stderr);
    stage.say("the power goes in the middle of the server's download");
    guest.kill().await?;
    guest.gateway.limit_registry(None).await?;
    let mark = guest.mark();
    guest.power_on().await?;
    let ready = guest.until_ready(mark.at, READY).await.context("after the power cut")?;
    guest.expect_repairs(&mark, &[])?;
    stage.add(Row {
        fault: "power cut in the first boot, from power-on".into(),
        healed: Some(ready - mark.at),
        ..Row::default()
    });
    Ok(())
}

async fn stopped(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    let mark = guest.mark();
    stage.say("stands still for ten minutes");
    guest.vm()?.stop().await?;
    guest.watch(STANDS).await;
    guest.vm()?.go_on().await?;
    let on = guest.mark();
    let ready = guest.until_ready(on.at, READY).await?;
    guest.quiet(Duration::from_mins(1)).await?;
    guest.expect_repairs(&mark, &[])?;
    stage.add(Row {
        fault: "stood still for ten minutes, from its end".into(),
        healed: Some(ready - on.at),
        ..Row::default()
    });
    Ok(())
}

async fn reboots(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    for number in 1..=REBOOTED {
        let last = guest.timeline.last().context("a ready guest reported")?;
        let mark = guest.mark();
        guest.sh("systemctl --no-block reboot").await?;
        let other = guest.until_another_agent(mark.at, &last, READY).await?;
        ensure!(other.report.agent.boot_id != last.agent.boot_id, "that was no reboot");
        let ready = guest.until_ready(other.at, READY).await?;
        guest.expect_repairs(&mark, &[]).with_context(|| format!("reboot {number}"))?;
        stage.add(Row {
            fault: format!("reboot {number}"),
            healed: Some(ready - mark.at),
            ..Row::default()
        });
    }
    Ok(())
}
