//! A data disk that is not there.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::twin::Follower;
use super::{Needs, Playing, Scenario};
use crate::guest::disk::{MOUNT, UNIT};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "disk",
    story: "The data disk is late: nothing is written to its mountpoint, no model is pulled there",
    needs: Needs::AnyServer,
    shows: &["DataDiskMounted/NotMounted"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const NOT_MOUNTED: &str = "the data disk is not mounted";

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let data = guest.data().await?;
    stage.say(&format!("breaks: {NOT_MOUNTED}, for 30 seconds"));
    let follower = Follower::begin(&guest, NOT_MOUNTED).await?;
    let mark = guest.mark();
    guest.sh(&format!("systemctl stop ollama.service {UNIT}")).await?;
    let limit = Duration::from_secs(20);
    let seen = guest.expect(&mark, "DataDiskMounted", "False", "NotMounted", limit).await?;
    guest.expect_cause(&mark, "DataDiskMounted", "NotMounted", limit).await?;
    let bare = format!("stat --format='%U:%G %a %Y' {MOUNT}; find {MOUNT}");
    let before = guest.sh(&bare).await?;
    // Long enough for an agent that starts servers and pulls models to do so.
    guest.quiet(Duration::from_secs(30)).await?;
    ensure!(guest.sh(&bare).await? == before, "the mountpoint was written to");
    // The server stops before its disk goes: an agent that has seen that much may begin to start it.
    guest.expect_nothing_done(&mark)?;
    let stopped = guest.try_sh("systemctl is-active ollama.service").await?;
    ensure!(stopped.code != 0, "the server runs without its disk");

    stage.say("mounts it again");
    let mounted = guest.mark();
    guest.sh(&format!("systemctl start {UNIT}")).await?;
    let healed = guest.until_ready(mounted.at, FIRST_READY).await?;
    guest.expect_repairs(&mounted, &["ollama/Start"])?;
    let named = ("DataDiskMounted", &["NotMounted"][..]);
    follower.end(&guest, named, Some(mounted.at - mark.at)).await?;
    ensure!(guest.data().await? == data, "the data disk is not what it was");
    let broken = format!("systemctl stop ollama.service {UNIT}");
    let cure = format!("systemctl start {UNIT} && systemctl start ollama.service");
    let by_hand = super::fault::by_hand(&guest, &broken, &cure).await?;
    stage.add(Row {
        fault: "data disk not mounted, then mounted".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mounted.at),
        by_hand: Some(by_hand),
        remedies: guest.remedies(&mark),
    });
    Ok(())
}
