//! The power goes, at the worst of moments: no file system is unmounted, and nothing is synced.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::first_boot::{blank, only_the_model_was_brought};
use super::{READY, ready};
use crate::guest::Guest;
use crate::scenario::fault::heal;
use crate::scenario::server::STOPPED;
use crate::scenario::stage::Stage;
use crate::scenario::table::Row;
use crate::scenario::{Needs, Playing, Scenario, budget, pull_cuts};

/// A cut in the middle of the first boot.
pub(super) const FIRST_BOOT: Scenario = Scenario {
    name: "power-first-boot",
    story: "The power goes in the middle of the first boot, while packages are installed: Ready after",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(first_boot(stage)) },
};

/// A cut in the middle of a pull.
pub(super) const PULL: Scenario = Scenario {
    name: "power-pull",
    story: "The power goes in the middle of a pull: Ready after the next boot",
    needs: Needs::StandIn,
    shows: &["ModelPresent/Pulling"],
    play: |stage| -> Playing<'_> { Box::pin(pull(stage)) },
};

/// Cuts around a repair.
pub(super) const REPAIR: Scenario = Scenario {
    name: "power-repair",
    story: "The power goes as a repair is written down, and as it works: Ready, and not forgotten",
    needs: Needs::AnyServer,
    shows: &["DataDiskWritable/WrongOwner"],
    play: |stage| -> Playing<'_> { Box::pin(repair(stage)) },
};

/// Cuts in the budget's own write.
pub(super) const BUDGET: Scenario = Scenario {
    name: "power-budget",
    story: "The power goes in the very write of the budget: nothing that was counted is forgotten",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(budget_cut(stage)) },
};

/// Returns when the server's program has come in part.
const INSTALLING: &str =
    "until [ -e /var/lib/saigak-install/ollama.tar.zst.part ]; do sleep 1; done";
/// All of the data disk is root's, as after a restore.
const TAKEN: &str = "find /var/lib/ollama -exec chown root:root {} +";
/// Returns when the first of it has been given back.
const WORKS: &str =
    "until find /var/lib/ollama -mindepth 1 -user ollama | grep --quiet .; do sleep 0.1; done";

const START: &str = "ollama/Start";
/// What the agent writes a budget over, then it changes places with the one that counts.
const SPARE: &str = "/var/lib/saigak-agent/ledger.new";
/// Bytes a second that the root disk takes: a budget has 64 KiB, so that its write takes half a
/// minute, whose middle cannot be missed.
const SLOW: u32 = 2 << 10;

async fn first_boot(stage: &Stage) -> Result<()> {
    let guest = blank(stage, stage.name()).await?;
    // The download has a middle.
    guest.gateway.limit_registry(Some(64 << 10)).await?;
    guest.power_on().await?;
    let done = guest.sh_within(INSTALLING, READY).await?;
    ensure!(done.code == 0, "the server is not being installed: {}", done.stderr);
    stage.say("the power goes in the middle of the server's download");
    guest.kill().await?;
    guest.gateway.limit_registry(None).await?;
    let healed = after(stage, &guest).await?;
    only_the_model_was_brought(&guest, &guest.since_boot())?;
    stage.add(Row { fault: "power cut in the first boot, from power-on".into(), ..healed });
    Ok(())
}

async fn pull(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    pull_cuts::until_pulled(&guest, 50).await?;
    guest.kill().await?;
    guest.gateway.spoil_registry("{}")?;
    let healed = after(stage, &guest).await?;
    only_the_model_was_brought(&guest, &guest.since_boot())?;
    stage.add(Row { fault: "power cut during a pull, from power-on".into(), ..healed });
    Ok(())
}

async fn repair(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    let before = guest.data().await?;
    let mark = guest.mark();
    guest.sh(TAKEN).await?;
    // The agent writes it down as soon as it has been patient for long enough.
    guest.expect(&mark, "DataDiskWritable", "False", "WrongOwner", READY).await?;
    guest.kill().await?;
    let healed = after(stage, &guest).await.context("cut as the repair was written down")?;
    stage.add(Row { fault: "power cut before a repair, from power-on".into(), ..healed });

    guest.sh(TAKEN).await?;
    let done = guest.sh_within(WORKS, READY * guest.pace()).await?;
    ensure!(done.code == 0, "the repair does not work: {}", done.stderr);
    guest.kill().await?;
    let healed = after(stage, &guest).await.context("cut while the repair worked")?;
    stage.add(Row { fault: "power cut in a repair, from power-on".into(), ..healed });
    // A right embedding comes before the disk has been looked at.
    let booted = guest.since_boot();
    guest.expect(&booted, "DataDiskWritable", "True", "Writable", READY).await?;
    not_forgotten(&guest, "storage/FixOwner").await?;
    ensure!(guest.data().await? == before, "the data disk has changed");
    Ok(())
}

async fn budget_cut(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    stage.add(heal(&guest, &STOPPED).await?);
    let before = budget::ledger(&guest).await?;
    ensure!(counted(&before, START)? == 1, "not one start is counted: {before}");
    // As which file it is written next, and when that was written last.
    let stamp = format!("stat --format='%i %y' {SPARE}");
    let was = guest.sh(&stamp).await?;
    guest.vm()?.slow_root(SLOW).await?;
    let mark = guest.mark();
    guest.sh(STOPPED.breaks).await?;
    let begun = format!("until [ \"$({stamp})\" != '{}' ]; do sleep 0.1; done", was.trim());
    let done = guest.sh_within(&begun, READY * guest.pace()).await?;
    ensure!(done.code == 0, "the budget is not written: {}", done.stderr);
    let now = guest.sh(&stamp).await?;
    let file = |stamp: &str| stamp.split(' ').next().map(str::to_owned);
    ensure!(file(&now) == file(&was), "the write is over: it was {was}, and is {now}");
    guest.expect_repairs(&mark, &[]).context("before it was written down")?;
    stage.say("the power goes while the second start is written down");
    guest.kill().await?;
    let healed = after(stage, &guest).await.context("cut in the write of the budget")?;
    stage.add(Row { fault: "power cut in the budget's write, from power-on".into(), ..healed });
    guest.expect_repairs(&guest.since_boot(), &[])?;
    // The first alone, or both: the second was on its way.
    not_forgotten(&guest, START).await?;
    stage.add(heal(&guest, &STOPPED).await?);
    Ok(())
}

/// Fails unless the budget has counted such a repair, or is closed since it cannot know.
async fn not_forgotten(guest: &Guest, remedy: &str) -> Result<()> {
    let ledger = budget::ledger(guest).await?;
    let known = counted(&ledger, remedy)? > 0 || ledger["closedUntil"].is_object();
    ensure!(known, "a repair is forgotten: {ledger}");
    Ok(())
}

/// How many repairs by that remedy a budget has counted.
fn counted(ledger: &Value, remedy: &str) -> Result<usize> {
    let entries = ledger["entries"].as_array().context("a budget without entries")?;
    Ok(entries.iter().filter(|entry| entry["remedy"] == remedy).count())
}

/// Powers it on again, and sees it become ready.
async fn after(stage: &Stage, guest: &Guest) -> Result<Row> {
    stage.say("the power is back");
    guest.power_on().await?;
    let mark = guest.since_boot();
    let ready = guest.until_ready(mark.at, READY).await.context("after the power cut")?;
    let remedies = guest.remedies(&mark);
    Ok(Row { healed: Some(ready - mark.at), remedies, ..Row::default() })
}
