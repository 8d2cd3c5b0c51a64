//! The guest's clock, and who has set it. The lab cannot set it: a guest's clock is the whole
//! machine's. What systemd-timesyncd leaves under /run is put there instead.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::fault::heal;
use super::model::MODEL_DELETED;
use super::stage::{FIRST_READY, Stage};
use super::{Needs, Playing, Scenario};
use crate::guest::{Guest, timeline::Seen};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "clock",
    story: "Nobody has set the clock: that is said, and keeps neither Ready nor a pull away",
    needs: Needs::AnyServer,
    shows: &[
        "ClockSynchronized/NotTold",
        "ClockSynchronized/NotSynchronized",
        "ClockSynchronized/Synchronized",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const LIMIT: Duration = Duration::from_secs(20);

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let timesyncd = guest.try_sh("test -e /run/systemd/timesync").await?;
    ensure!(timesyncd.code != 0, "systemd-timesyncd runs in the guest: this proves nothing");
    after(stage, &guest, "true", "Unknown", "NotTold").await?;
    after(stage, &guest, "mkdir /run/systemd/timesync", "False", "NotSynchronized").await?;
    stage.add(heal(&guest, &MODEL_DELETED).await?);
    let touched = "touch /run/systemd/timesync/synchronized";
    after(stage, &guest, touched, "True", "Synchronized").await?;
    let blamed = |seen: &Seen| {
        seen.report.cause.as_ref().is_some_and(|cause| cause.condition == "ClockSynchronized")
    };
    ensure!(!guest.timeline.since_start().iter().any(blamed), "a clock made a guest unready");
    Ok(())
}

/// Starts the agent anew after `script`, since it looks at the clock once a minute, and expects
/// what it says of the clock.
async fn after(
    stage: &Stage,
    guest: &Guest,
    script: &str,
    status: &str,
    reason: &str,
) -> Result<()> {
    stage.say(&format!("the clock is to be {reason}: {script}"));
    let last = guest.timeline.last().context("no report")?;
    let mark = guest.mark();
    guest.sh(&format!("{script} && systemctl restart saigak-agent.service")).await?;
    let again = guest.until_another_agent(mark.at, &last, FIRST_READY).await?;
    guest.expect(&mark, "ClockSynchronized", status, reason, LIMIT).await?;
    guest.until_ready(again.at, FIRST_READY).await.map(drop)
}
