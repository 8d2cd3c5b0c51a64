//! The clock jumps while a model comes. Containers share the machine's; a virtual machine has one of
//! its own.

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::first_boot::only_the_model_was_brought;
use super::{READY, ready};
use crate::guest::Guest;
use crate::guest::report::{Pull, Report};
use crate::scenario::model::BOTH_DELETED;
use crate::scenario::stage::Stage;
use crate::scenario::table::Row;
use crate::scenario::{Needs, Playing, Scenario, budget};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "clock-pull",
    story: "The clock jumps an hour ahead and back during a pull: it goes on, at a rate that is so",
    needs: Needs::StandIn,
    shows: &["ModelPresent/Pulling"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Bytes a second: nine minutes for the model, and more than the scenario needs of it.
const RATE: u64 = 16 << 10;
/// What comes before the next jump: a minute.
const PART: u64 = 1 << 20;
/// Seconds that a pull at [`RATE`] never has left, and one by a clock that jumps an hour does.
const ABSURD: u64 = 2700;

async fn play(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    guest.gateway.limit_registry(Some(RATE)).await?;
    let mark = guest.mark();
    guest.sh(BOTH_DELETED.breaks).await?;
    let mut pull = comes(&guest, mark.at, PART).await?;
    let begun = guest.mark();
    let (before, told) = (budget::ledger(&guest).await?, created(&guest).await?);
    for jump in ["1 hour", "-1 hour"] {
        stage.say(&format!("the clock jumps by {jump}, with {} bytes here", pull.completed_bytes));
        jumps(&guest, jump).await?;
        let now = Instant::now();
        let on = comes(&guest, now, pull.completed_bytes + PART).await.context(jump)?;
        ensure!(on.attempt == pull.attempt, "another pull was begun: {on:?} after {pull:?}");
        is_told(&guest).await.context(jump)?;
        pull = on;
    }
    let rest = Instant::now();
    guest.gateway.limit_registry(None).await?;
    let healed = guest.until_ready(rest, READY).await?;

    let seen = guest.timeline.since(mark.at);
    let absurd = seen.iter().filter_map(|seen| seen.report.pull.as_ref()).find(|told| {
        told.completed_bytes > told.total_bytes
            || told.rate_bytes_per_second.is_some_and(|rate| rate > told.total_bytes)
            || told.seconds_left.is_some_and(|left| left > ABSURD)
    });
    ensure!(absurd.is_none(), "this cannot be: {absurd:?}");
    only_the_model_was_brought(&guest, &mark)?;
    let after = budget::ledger(&guest).await?;
    ensure!(after["closedUntil"].is_null(), "the budget is closed: {after}");
    let (before, after) = (counted(&before)?, counted(&after)?);
    let ran = guest.timeline.repairs_since(&begun);
    let ran = ran.iter().filter(|repair| !repair.was_refused()).count();
    ensure!(after == before + ran, "{before} runs counted, then {ran} more: {after}");
    ensure!(created(&guest).await? > told, "the history does not tell of the alias");
    stage.add(Row {
        fault: "the clock jumps an hour ahead and back during a pull".into(),
        healed: Some(healed - mark.at),
        remedies: guest.remedies(&mark),
        ..Row::default()
    });
    Ok(())
}

/// Waits for so many bytes of a pull, with a rate, and a time that they will take.
async fn comes(guest: &Guest, moment: Instant, bytes: u64) -> Result<Pull> {
    let far = |report: &Report| {
        report.pull.as_ref().is_some_and(|pull| {
            pull.completed_bytes >= bytes
                && pull.rate_bytes_per_second.is_some()
                && pull.seconds_left.is_some()
        })
    };
    let what = format!("{bytes} bytes of a pull, and how fast they came");
    guest.wait(moment, READY, &what, far).await?.report.pull.context("no pull")
}

/// Nothing sets it right in the guest: systemd-timesyncd is not in it.
async fn jumps(guest: &Guest, jump: &str) -> Result<()> {
    let script = format!("date +%s; date --set='{jump}' > /dev/null; date +%s");
    let told = guest.sh(&script).await?;
    let seconds = told.lines().map(str::parse).collect::<Result<Vec<i64>, _>>();
    let [before, after] = seconds.context("no time")?[..] else { anyhow::bail!("no time: {told}") };
    let by = after - before;
    ensure!(by.unsigned_abs().abs_diff(3600) < 60, "the clock has jumped by {by} s");
    Ok(())
}

/// A person and a probe see it too.
async fn is_told(guest: &Guest) -> Result<()> {
    for (asked, says) in [
        ("saigak-agent status", "  pull   qwen3-embedding:0.6b"),
        ("curl --silent 'http://127.0.0.1:7244/readyz?verbose'", "pull of qwen3-embedding:0.6b: "),
    ] {
        // Not ready: that is no success to the one of them.
        let told = guest.try_sh(asked).await?.stdout;
        ensure!(told.contains(says), "{asked} does not say {says:?}: {told}");
    }
    Ok(())
}

/// How often the history tells that an alias was made.
async fn created(guest: &Guest) -> Result<usize> {
    let history = guest.sh("saigak-agent history").await?;
    Ok(history.matches("model/CreateAlias for ").count())
}

/// How many runs count against the budgets.
fn counted(ledger: &serde_json::Value) -> Result<usize> {
    Ok(ledger["entries"].as_array().context("a budget without entries")?.len())
}
