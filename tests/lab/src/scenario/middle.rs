//! The agent starts when the fault is already there: after a reboot, an upgrade, a crash of its
//! own. It has seen nothing of how it came about.

use anyhow::{Context, Result, ensure};

use super::fault::{ALL, ALL_OF_MODELS, FORGET_STARTS, Fault, expect_one_of};
use super::ownership::{TAKEN, lay_traps};
use super::stage::Stage;
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "middle",
    story: "The agent starts in the middle of each fault, and heals it as if it had seen it come",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// See the story.
pub(super) const MODELS: Scenario = Scenario {
    name: "middle-models",
    story: "The agent starts when the models or their disk are broken already, and heals them",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(models(stage)) },
};

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    each(stage, &guest, ALL).await
}

async fn models(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    each(stage, &guest, ALL_OF_MODELS).await?;
    lay_traps(&guest).await?;
    each(stage, &guest, &[&TAKEN]).await
}

async fn each(stage: &Stage, guest: &Guest, faults: &[&Fault]) -> Result<()> {
    for fault in faults {
        stage.say(&format!("the agent starts in the middle of: {}", fault.what));
        let row = heal(guest, fault).await;
        stage.add(row.with_context(|| format!("the agent started after: {}", fault.what))?);
    }
    Ok(())
}

/// Does a fault while there is no agent, starts one, and watches it heal.
async fn heal(guest: &Guest, fault: &Fault) -> Result<Row> {
    let before = guest.data().await?;
    guest.sh("systemctl stop saigak-agent.service").await?;
    guest.sh(FORGET_STARTS).await?;
    let mark = guest.mark();
    // In one go: what heals by itself must still be broken when the agent comes.
    guest.sh(&format!("{} && systemctl start saigak-agent.service", fault.breaks)).await?;
    let good = |report: &Report| fault.is_over(report);
    let what = format!("Ready, with {} True", fault.condition);
    let limit = fault.seen_within + fault.healed_within;
    let healed = guest.wait(mark.at, limit, &what, good).await?.at;
    guest.client_embed().await.context("Ready was a lie: a client gets no embedding")?;
    expect_one_of(guest, &mark, fault.remedies)?;
    if fault.keeps_data {
        ensure!(guest.data().await? == before, "the data disk is not what it was");
    }
    let reports = guest.timeline.since(mark.at);
    let named = reports.iter().find(|seen| fault.is_named(&seen.report));
    Ok(Row {
        fault: format!("{}, then the agent started", fault.what),
        seen: named.map(|seen| seen.at - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    })
}
