//! What a person does with the agent: takes over, asks it to look, gives it new settings.

mod checks;
mod reload;
mod settings;
mod support;
mod ticket;

use std::time::Duration;

use anyhow::{Result, ensure};

use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::report::Report;
use support::exits;

pub(super) use checks::SCENARIO as CHECK;
pub(super) use reload::SCENARIO as RELOAD;
pub(super) use settings::SCENARIO as SETTINGS;
pub(super) use ticket::SCENARIO as REPORT;

/// See the story.
pub(super) const PAUSE: Scenario = Scenario {
    name: "pause",
    story: "A person takes over: repairs pause, checks go on, whoever restarts the agent meanwhile",
    needs: Needs::AnyServer,
    shows: &["OllamaRunning/Stopped"],
    play: |stage| -> Playing<'_> { Box::pin(pause(stage)) },
};

/// Longer than the patience before the first repair of a stopped server, twice.
const WATCHED: Duration = Duration::from_secs(6);
/// What a look takes to see something, with air for a busy machine.
const SEEN: Duration = Duration::from_secs(30);

async fn pause(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let refused = guest.sh_as("nobody", "saigak-agent pause 1h").await?;
    exits(&refused, 1, "only root")?;
    exits(&guest.try_sh("saigak-agent pause 25h").await?, 64, "a day")?;
    let mark = guest.mark();
    let answer = guest.sh("saigak-agent pause 30m").await?;
    ensure!(answer.starts_with("repairs are paused until 20"), "{answer}");

    stage.say("breaks: Ollama stopped while repairs are paused");
    guest.sh("systemctl stop ollama.service").await?;
    let told = |report: &Report| {
        report.next.contains("ollama/Start is held back: paused until 20")
            && report.paused_until.is_some()
    };
    let seen = guest.wait(mark.at, SEEN, "what the pause holds back", told).await?;
    guest.quiet(WATCHED).await?;

    stage.say("the agent is restarted meanwhile");
    let restarted = guest.mark();
    guest.sh("systemctl restart saigak-agent.service").await?;
    let other =
        |report: &Report| report.agent.started_at != seen.report.agent.started_at && told(report);
    guest.wait(restarted.at, SEEN, "a new agent that knows of the pause", other).await?;
    guest.quiet(WATCHED).await?;
    let status = guest.sh("saigak-agent status").await?;
    ensure!(status.contains("paused until"), "{status}");
    ensure!(guest.metric("saigak_paused").await? == "1");

    let resumed = guest.mark();
    guest.sh("saigak-agent resume").await?;
    let healed = guest.until_ready(resumed.at, FIRST_READY).await?;
    guest.expect_repairs(&resumed, &["ollama/Start"])?;
    ensure!(guest.metric("saigak_paused").await? == "0");
    stage.add(Row {
        fault: "Ollama stopped during a pause".into(),
        seen: Some(seen.at - mark.at),
        healed: Some(healed - resumed.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}
