//! What Prometheus gets from a guest that is well, and from one with each fault that an alert
//! rule waits for. Kept in `target/lab/scrapes`, for the tests of those rules.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use saigak_lab_gpu::state::XID;
use saigak_lab_gpu::{Event, State};

use super::fallback::{BLIND, SEES};
use super::{ASKED, RESTART, SEEN};
use crate::guest::Guest;
use crate::guest::gpu::Gpus;
use crate::guest::report::Report;
use crate::net::client::AGENT_PORT;
use crate::scenario::disk_matters::FULL;
use crate::scenario::model::{ALIAS_DELETED, BOTH_DELETED};
use crate::scenario::stage::{FIRST_READY, Stage};
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(in crate::scenario) const SCENARIO: Scenario = Scenario {
    name: "scrapes",
    story: "Nobody is called, though a GPU is lost, a disk is full, a pull stands still: what \
            alert rules look for is in the metrics",
    needs: Needs::StandIn,
    shows: &["GpuHealthy/Lost", "GpuOffloaded/OnCpu", "DataDiskWritable/LowSpace"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Settings that no agent takes.
const BAD: &str = "mkdir -p /etc/saigak-agent/conf.d && \
    echo 'nonsense = 1' > /etc/saigak-agent/conf.d/90-bad.toml";
const MENDED: &str = "rm /etc/saigak-agent/conf.d/90-bad.toml && systemctl reload saigak-agent";
/// From a GPU that is back to a model on it.
const BACK: Duration = Duration::from_mins(3);
/// After so long, and a look more, a remedy counts as one that has helped: until then, the next
/// fault would be the same one, and the remedy one that did not help.
const HELD: Duration = Duration::from_secs(12);
/// Bytes after which the registry gives no more.
const STALL: &str = r#"{"stall_after": 1000000}"#;

async fn play(stage: &Stage) -> Result<()> {
    let driven = State::healthy();
    let guest = stage.boot_with(Gpus::of(driven.clone())).await?;
    let mark = guest.since_boot();
    guest.until_ready(mark.at, FIRST_READY).await?;
    keep(stage, &guest, "healthy", &["saigak_ready 1"]).await?;

    guest.sh("saigak-agent pause 3h").await?;
    keep(stage, &guest, "paused", &["saigak_paused 1"]).await?;
    guest.sh("saigak-agent resume").await?;

    guest.sh(BAD).await?;
    let refused = guest.try_sh("systemctl reload saigak-agent").await?;
    ensure!(refused.code != 0, "bad settings were taken");
    keep(stage, &guest, "settings-refused", &["saigak_configuration_refused 1"]).await?;
    guest.sh(MENDED).await?;

    let mark = guest.mark();
    guest.sh(FULL.breaks).await?;
    guest.expect(&mark, FULL.condition, "False", FULL.reasons[0], FULL.seen_within).await?;
    let said =
        r#"saigak_condition{condition="DataDiskWritable",status="False",reason="LowSpace"} 1"#;
    keep(stage, &guest, "disk-full", &["saigak_ready 1", said]).await?;
    let mark = guest.mark();
    guest.sh(FULL.cure).await?;
    guest.expect(&mark, FULL.condition, "True", "Writable", FULL.healed_within).await?;

    gpu(stage, &guest, &driven).await?;
    stalled(stage, &guest).await.context("a pull that stands still")?;
    spent(stage, &guest).await.context("a budget that is spent")
}

async fn gpu(stage: &Stage, guest: &Guest, driven: &State) -> Result<()> {
    let mark = guest.mark();
    guest.change_gpus(|state| {
        state.gpus[0].lost = true;
        state.events.push(Event { gpu: 0, kind: XID, data: 79 });
    })?;
    guest.expect(&mark, "GpuHealthy", "False", "Lost", SEEN).await?;
    let said = r#"saigak_condition{condition="GpuHealthy",status="False",reason="Lost"} 1"#;
    keep(stage, guest, "gpu-lost", &["saigak_ready 0", said, "DCGM_FI_DEV_XID_ERRORS"]).await?;
    let mark = guest.mark();
    guest.change_gpus(|state| *state = State { events: state.events.clone(), ..driven.clone() })?;
    guest.expect(&mark, "GpuHealthy", "True", "Healthy", ASKED).await?;
    guest.until_ready(mark.at, BACK).await?;

    let mark = guest.mark();
    guest.sh(&format!("{BLIND} && {RESTART}")).await?;
    guest.expect_cause(&mark, "GpuOffloaded", "OnCpu", FIRST_READY).await?;
    let said = r#"saigak_condition{condition="GpuOffloaded",status="False",reason="OnCpu"} 1"#;
    keep(stage, guest, "on-cpu", &["saigak_ready 0", said]).await?;
    let mark = guest.mark();
    guest.sh(&format!("{SEES} && {RESTART}")).await?;
    guest.until_ready(mark.at, FIRST_READY).await.map(drop)
}

async fn stalled(stage: &Stage, guest: &Guest) -> Result<()> {
    guest.gateway.spoil_registry(STALL)?;
    let mark = guest.mark();
    guest.sh(BOTH_DELETED.breaks).await?;
    let some = |report: &Report| report.pull.as_ref().is_some_and(|pull| pull.completed_bytes > 0);
    guest.wait(mark.at, FIRST_READY, "a pull that has begun", some).await?;
    let said = ["saigak_pull_completed_bytes", "saigak_pull_total_bytes"];
    keep(stage, guest, "pull-stalled", &said).await?;
    guest.gateway.spoil_registry("{}")?;
    let mark = guest.mark();
    guest.until_ready(mark.at, Duration::from_mins(6)).await.map(drop)
}

/// The alias goes, and comes back, until it may not come back any more.
async fn spent(stage: &Stage, guest: &Guest) -> Result<()> {
    let left = r#"saigak_budget_left{remedy="model/CreateAlias"} "#;
    for round in 1.. {
        let mark = guest.mark();
        guest.sh(ALIAS_DELETED.breaks).await?;
        guest.expect(&mark, "AliasPresent", "False", "Missing", SEEN).await?;
        let scrape = guest.get(AGENT_PORT, "/metrics").await?.body;
        if scrape.contains(&format!("{left}0\n")) {
            break;
        }
        guest.until_ready(mark.at, FIRST_READY).await?;
        guest.quiet(HELD).await?;
        keep(stage, guest, &format!("repaired-{round:02}"), &["saigak_repairs_total{"]).await?;
    }
    keep(stage, guest, "budget-spent", &[left, "saigak_repairs_total{"]).await
}

/// Keeps what the guest says now, if it says all of that.
async fn keep(stage: &Stage, guest: &Guest, name: &str, says: &[&str]) -> Result<()> {
    let scrape = guest.get(AGENT_PORT, "/metrics").await?.body;
    for words in says {
        ensure!(scrape.contains(words), "{name}: no {words} in\n{scrape}");
    }
    stage.keep_scrape(name, &scrape)
}
