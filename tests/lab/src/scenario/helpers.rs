//! The ways to the agent's helpers are gone. Without them it can look, and hardly mend.

use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::server::STOPPED;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "helpers",
    story: "The helpers' sockets are stopped, or removed: what is left helps, and says what failed",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Ends once the socket units that matter here are there again.
const UPHELD: &str = "for name in ollama-start ollama-reset storage-owner; do \
    until systemctl --quiet is-active saigak-fix-$name.socket; do sleep 0.1; done; done";

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    stage.say("breaks: somebody stops the sockets' units; the agent's unit upholds them");
    guest.sh("systemctl stop 'saigak-fix-*.socket'").await?;
    guest.sh(UPHELD).await?;

    stage.say("breaks: one socket's file is removed, behind systemd's back, then the server stops");
    let mark = guest.mark();
    guest.sh("rm /run/saigak-fix/ollama-start.sock").await?;
    guest.sh(STOPPED.breaks).await?;
    let limit = Duration::from_secs(15);
    let seen = guest.expect(&mark, "OllamaRunning", "False", "Stopped", limit).await?;
    let healed = guest.until_ready(seen, FIRST_READY).await?;
    let repairs = guest.timeline.repairs_since(&mark);
    let Some((last, failed)) = repairs.split_last() else { bail!("nothing was tried") };
    ensure!(last.remedy == "ollama/ResetFailed", "the next rung is {last}");
    ensure!(last.result.as_deref() == Some("Succeeded"), "{last}");
    ensure!(failed.len() == 2, "{} tries of a helper that is gone", failed.len());
    for repair in failed {
        let said = repair.message.as_deref().unwrap_or_default();
        let names = said.contains("/run/saigak-fix/ollama-start.sock");
        ensure!(repair.result.as_deref() == Some("Failed") && names, "{repair}: {said}");
    }
    stage.add(Row {
        fault: "server stopped, one socket's file removed".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}
