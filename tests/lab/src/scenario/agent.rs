//! The agent itself dies or hangs, in the middle of a repair.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::model::BOTH_DELETED;
use super::stage::Stage;
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "agent",
    story: "The agent is killed, then frozen, in the middle of a pull: the repair is finished",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Bytes a second that the registry gives, so that a pull has a middle.
const SLOW: u64 = 1 << 20;
/// The unit's watchdog, and some air.
const WATCHDOG: Duration = Duration::from_mins(2);

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.gateway.limit_registry(Some(SLOW)).await?;
    interrupt(stage, &guest, "killed", "KILL", Duration::from_secs(30)).await?;
    interrupt(stage, &guest, "frozen", "STOP", WATCHDOG).await
}

async fn interrupt(
    stage: &Stage,
    guest: &Guest,
    how: &str,
    signal: &str,
    within: Duration,
) -> Result<()> {
    stage.say(&format!("breaks: model and alias deleted; the agent {how} during the pull"));
    let server = guest.invocation("ollama.service").await?;
    let mark = guest.mark();
    guest.sh(BOTH_DELETED.breaks).await?;
    let pulling = |report: &Report| {
        report.repair.as_ref().is_some_and(|repair| repair.remedy == "model/Pull")
    };
    let limit = Duration::from_mins(1);
    let first = guest.wait(mark.at, limit, "model/Pull in flight", pulling).await?;
    let struck = Instant::now();
    guest.sh(&format!("systemctl kill --signal={signal} saigak-agent.service")).await?;
    let again = guest
        .until_another_agent(struck, &first.report, within)
        .await
        .with_context(|| format!("the {how} agent was not started again"))?;
    let healed = guest.until_ready(again.at, Duration::from_mins(5)).await?;
    ensure!(guest.invocation("ollama.service").await? == server, "Ollama was restarted for it");
    stage.add(Row {
        fault: format!("the agent {how} during a pull"),
        seen: Some(again.at - struck),
        healed: Some(healed - struck),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}
