//! `saigak-agent check`, without the daemon.

use anyhow::{Result, ensure};

use super::support::exits;
use crate::guest::Guest;
use crate::scenario::stage::{FIRST_READY, Stage};
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(in crate::scenario) const SCENARIO: Scenario = Scenario {
    name: "check",
    story: "One pass without the daemon says the truth, changes nothing, and repairs only if asked",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const LEDGER: &str = "/var/lib/saigak-agent/ledger.json";

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    stage.say("beside the daemon: it looks, and does not act");
    exits(&guest.try_sh("saigak-agent check").await?, 0, "Ready")?;
    exits(&guest.try_sh("saigak-agent check --repair").await?, 2, "another agent acts")?;
    exits(&guest.try_sh("saigak-agent run").await?, 1, "another agent acts")?;
    exits(&guest.try_sh("saigak-agent check --sometimes").await?, 64, "--sometimes")?;
    exits(&guest.try_sh("saigak-agent").await?, 64, "Usage")?;
    exits(&guest.sh_as("nobody", "saigak-agent check").await?, 2, "use sudo")?;
    guest.sh("systemctl stop saigak-agent.service").await?;

    stage.say("without the daemon: a fault is named, and left");
    guest.sh("systemctl stop ollama.service").await?;
    let ledger = format!("cat {LEDGER} 2>&1 || true");
    let before = guest.sh(&ledger).await?;
    exits(&guest.try_sh("saigak-agent check").await?, 1, "OllamaRunning/Stopped")?;
    let json = guest.try_sh("saigak-agent check --json").await?;
    exits(&json, 1, "\"reason\":\"Stopped\"")?;
    ensure!(json.stdout.contains("ollama/Start would be next"), "{}", json.stdout);
    ensure!(guest.sh(&ledger).await? == before, "a look wrote the ledger");
    let server = guest.try_sh("systemctl is-active ollama.service").await?;
    ensure!(server.stdout.trim() == "inactive", "a look started the server");

    stage.say("what cannot be seen is neither ready nor broken");
    let blind = guest.try_sh(&unanswered("saigak-agent check --timeout 5s")).await?;
    exits(&blind, 2, "Not ready")?;

    stage.say("with --repair: it is mended, by the same remedy, and counted");
    exits(&guest.try_sh("saigak-agent check --repair").await?, 0, "Ready")?;
    guest.client_embed().await?;
    mended(&guest).await?;

    let mark = guest.mark();
    guest.sh("systemctl start saigak-agent.service").await?;
    guest.until_ready(mark.at, FIRST_READY).await?;
    let status = guest.sh("saigak-agent status").await?;
    ensure!(status.contains("ollama/Start for OllamaRunning/Stopped: Succeeded"), "{status}");
    Ok(())
}

/// Runs a command while nothing on the system bus is answered: what systemd is asked for is then
/// not known.
fn unanswered(command: &str) -> String {
    format!(
        "systemctl kill --signal=STOP dbus.service; {command}; code=$?; \
         systemctl kill --signal=CONT dbus.service; exit $code"
    )
}

/// What the pass leaves: its repair in the ledger, which belongs to the agent's user still.
async fn mended(guest: &Guest) -> Result<()> {
    let owner = guest.sh(&format!("stat --format=%U {LEDGER}")).await?;
    ensure!(owner.trim() == "saigak-agent", "the ledger belongs to {owner}");
    let ledger = guest.sh(&format!("cat {LEDGER}")).await?;
    ensure!(ledger.contains("ollama/Start"), "the repair is not in the ledger: {ledger}");
    let history = guest.sh("saigak-agent history --since 1h").await?;
    for line in ["OllamaRunning False Stopped", "ollama/Start for OllamaRunning/Stopped: Succ"] {
        ensure!(history.contains(line), "no {line:?} in\n{history}");
    }
    Ok(())
}
