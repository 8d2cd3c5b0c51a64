//! Two agents in one guest would undo each other's work.

use anyhow::{Context, Result, ensure};

use super::fault::heal;
use super::server::STOPPED;
use super::stage::Stage;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "two-agents",
    story: "A second agent is started by hand: it ends and says why, the first does not notice",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// A second agent, as somebody starts it who wants to see what it says. `timeout` ends one that
/// does not end by itself, with 124.
const SECOND: &str = "timeout 10 saigak-agent run";

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let first = guest.invocation("saigak-agent.service").await?;
    let mark = guest.mark();
    for user in ["saigak-agent", "root"] {
        stage.say(&format!("a second agent is started by {user}"));
        refused(&guest, user).await.with_context(|| format!("a second agent of {user}"))?;
    }
    stage.say("the first goes on");
    stage.add(heal(&guest, &STOPPED).await?);
    ensure!(guest.invocation("saigak-agent.service").await? == first, "the first was disturbed");
    let other = guest
        .timeline
        .since(mark.at)
        .windows(2)
        .any(|pair| pair[0].report.agent.started_at != pair[1].report.agent.started_at);
    ensure!(!other, "another agent has reported");
    Ok(())
}

async fn refused(guest: &Guest, user: &str) -> Result<()> {
    let second = guest.sh_as(user, SECOND).await?;
    ensure!(second.code == 1, "it ends with {}: {}", second.code, second.stderr.trim());
    let said = second.stderr.contains("another agent");
    ensure!(said, "it does not say why: {}{}", second.stdout, second.stderr);
    Ok(())
}
