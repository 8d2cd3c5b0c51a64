//! A data disk that has no room for the model, or loses it while the model comes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::matter::Matter;
use super::model::BOTH_DELETED;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "pull-room",
    story: "The model is larger than the room on the data disk, or somebody fills that while it \
            comes: the pull ends before the disk is full, and goes on once there is room",
    needs: Needs::AnyServer,
    shows: &["ModelPresent/NoRoom", "ModelPresent/Pulling"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const SETTINGS_FILE: &str = "/etc/saigak-agent/conf.d/50-lab.toml";

/// Only the model's own size decides here.
const SETTINGS: &str = "[storage]\nminimum_free_bytes = 0\n";

/// Leaves so much: less than the smallest model and the air beside it, and enough for an alias.
const LEFT: u64 = 20 << 20;

/// Bytes a second: a quarter of a minute for the smallest model.
const SLOW: u64 = 512 << 10;

/// So much must be free before a pull begins. It is more than the rest of one needs.
const FLOOR: u64 = 600 << 20;

/// All room of the data disk but `$left` bytes is taken.
const FILL: &str = "cd /var/lib/ollama && free=$(($(stat --file-system --format='%a * %S' .))) && \
    runuser --user ollama -- fallocate --length $((free - left)) ballast";

const NO_ROOM: Matter = Matter {
    what: "model and alias deleted, and no room for the model",
    breaks: "",
    condition: "ModelPresent",
    reasons: &["NoRoom"],
    says: "MiB are still to come, and the data disk has",
    ready: false,
    remedies: &[&["model/Pull"]],
    // Hardly anything was written: it was told beforehand how much is to come.
    cure: "cd /var/lib/ollama && find blobs -name '*-partial' -exec du --block-size=1 {} + | \
        awk '{ all += $1 } END { if (all > 2000000) { print all, \"written\"; exit 1 } }' && \
        rm ballast",
    after: &[&["model/Pull", "model/CreateAlias"]],
    seen_within: Duration::from_mins(1),
    healed_within: Duration::from_mins(5),
};

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.sh("mkdir -p /etc/saigak-agent/conf.d").await?;
    guest.write_file(SETTINGS_FILE, SETTINGS)?;
    guest.sh("systemctl reload saigak-agent.service").await?;

    // Filled first: an agent that is quick would have the model before there is too little room.
    let breaks = format!("left={LEFT} && {FILL} && {}", BOTH_DELETED.breaks);
    let breaks: &'static str = Box::leak(breaks.into_boxed_str());
    // At full speed a small model is there before the server has told how large it is.
    guest.gateway.limit_registry(Some(SLOW)).await?;
    stage.play_matter(&guest, &Matter { breaks, ..NO_ROOM }).await?;
    guest.gateway.limit_registry(None).await?;

    stage.say("there is room for the model, and less than a gibibyte besides");
    let mark = guest.mark();
    guest.sh(&format!("left=$((600 << 20)) && {FILL}")).await?;
    guest.sh(BOTH_DELETED.breaks).await?;
    let gone = guest.wait(mark.at, Duration::from_mins(1), "unready", |report| !report.ready);
    let gone = gone.await?.at;
    guest.until_ready(gone, FIRST_READY).await?;
    guest.expect_repairs(&mark, &["model/Pull", "model/CreateAlias"])?;
    guest.sh("rm /var/lib/ollama/ballast").await?;
    meanwhile(stage, &guest).await?;
    below_the_floor(stage, &guest).await
}

/// Somebody else fills the disk.
async fn meanwhile(stage: &Stage, guest: &Guest) -> Result<()> {
    let what = "the data disk fills up during a pull";
    stage.say(&format!("breaks: model and alias deleted; {what}"));
    guest.gateway.limit_registry(Some(128 << 10)).await?;
    let mark = guest.mark();
    guest.sh(BOTH_DELETED.breaks).await?;
    let limit = Duration::from_mins(2);
    let comes = |report: &Report| loaded(report) > 1 << 20;
    guest.wait(mark.at, limit, "a pull in its middle", comes).await?;
    let struck = guest.mark();
    guest.sh(&format!("left=$((4 << 20)) && {FILL}")).await?;
    let told = |report: &Report| {
        report.pull.is_none()
            && report.condition("ModelPresent").is_some_and(|found| found.reason == "NoRoom")
    };
    let seen = guest.wait(struck.at, limit, "ModelPresent/NoRoom", told).await?.at;
    let before = guest
        .timeline
        .since(mark.at)
        .iter()
        .map(|seen| loaded(&seen.report))
        .max()
        .unwrap_or_default();
    let free = guest.sh("stat --file-system --format='%a * %S' /var/lib/ollama").await?;
    ensure!(!free.starts_with("0 "), "the disk was filled to its end");
    let cured = guest.mark();
    guest.sh("rm /var/lib/ollama/ballast").await?;
    let again = |report: &Report| loaded(report) > 0;
    let again = guest.wait(cured.at, limit, "the pull to go on", again).await?;
    let after = loaded(&again.report);
    ensure!(after >= before, "the pull began anew: {after} bytes after {before}");
    guest.gateway.limit_registry(None).await?;
    let healed = guest.until_ready(again.at, Duration::from_mins(5)).await?;
    stage.add(Row {
        fault: what.into(),
        seen: Some(seen - struck.at),
        healed: Some(healed - cured.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}

/// A pull that began above the floor needs room for its rest alone, whoever was killed meanwhile.
async fn below_the_floor(stage: &Stage, guest: &Guest) -> Result<()> {
    let what = "the agent is killed when its pull has brought the disk below the floor";
    stage.say(&format!("breaks: model and alias deleted; {what}"));
    guest.write_file(SETTINGS_FILE, format!("[storage]\nminimum_free_bytes = {FLOOR}\n"))?;
    guest.sh("systemctl reload saigak-agent.service").await?;
    guest.gateway.limit_registry(Some(128 << 10)).await?;
    let mark = guest.mark();
    guest.sh(&format!("{} && left={} && {FILL}", BOTH_DELETED.breaks, FLOOR + (2 << 20))).await?;
    let limit = Duration::from_mins(2);
    let comes = |report: &Report| loaded(report) > 4 << 20;
    let before = loaded(&guest.wait(mark.at, limit, "a pull in its middle", comes).await?.report);
    let last = guest.timeline.last().context("no report")?;
    let struck = guest.mark();
    guest.sh("systemctl kill --signal=KILL saigak-agent.service").await?;
    let again = guest.until_another_agent(struck.at, &last, FIRST_READY).await?;
    let goes_on = |report: &Report| loaded(report) > 0;
    let goes_on = guest.wait(again.at, limit, "the pull to go on", goes_on).await?;
    let after = loaded(&goes_on.report);
    ensure!(after >= before, "the pull began anew: {after} bytes after {before}");
    guest.expect(&struck, "DataDiskWritable", "False", "LowSpace", limit).await?;
    guest.gateway.limit_registry(None).await?;
    let healed = guest.until_ready(goes_on.at, Duration::from_mins(5)).await?;
    guest.sh("rm /var/lib/ollama/ballast").await?;
    stage.add(Row {
        fault: what.into(),
        seen: Some(goes_on.at - struck.at),
        healed: Some(healed - struck.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}

fn loaded(report: &Report) -> u64 {
    report.pull.as_ref().map_or(0, |pull| pull.completed_bytes)
}
