//! Settings that cannot be used when the agent starts.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::SEEN;
use super::support::exits;
use crate::guest::Guest;
use crate::net::client::AGENT_PORT;
use crate::scenario::stage::{FIRST_READY, Stage};
use crate::scenario::table::Row;
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(in crate::scenario) const SCENARIO: Scenario = Scenario {
    name: "settings",
    story: "An agent that starts with settings that it cannot use stays, says so once, heeds a pause, and takes the mended ones",
    needs: Needs::AnyServer,
    shows: &["EmbeddingCorrect/Proven"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const FILE: &str = "/etc/saigak-agent/conf.d/50-lab.toml";
/// Longer than a few looks at the files, and a few restarts of a unit that ends at once.
const WATCHED: Duration = Duration::from_secs(10);

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.sh("mkdir -p /etc/saigak-agent/conf.d").await?;

    stage.say("breaks: the agent starts with a key that it does not know");
    guest.write_file(FILE, "[proof]\ninterval_secs = 5\n")?;
    let mark = guest.mark();
    guest.sh("systemctl restart saigak-agent.service").await?;
    let seen = guest.expect_cause(&mark, "Agent", "SettingsUnusable", SEEN).await?;
    let id = identity(&guest).await?;
    let place = format!("{FILE}:2");
    let status = guest.sh("saigak-agent status").await?;
    ensure!(status.contains(&format!("{place}: unknown key")), "no reason: {status}");
    ensure!(status.contains(&format!("mend {place}")), "no advice: {status}");
    let probe = guest.get(AGENT_PORT, "/readyz").await?;
    ensure!(probe.status == 503 && probe.body.contains(&place), "{}: {}", probe.status, probe.body);
    ensure!(guest.get(AGENT_PORT, "/livez").await?.status == 200, "the agent is not alive");
    ensure!(guest.metric("saigak_configuration_refused").await? == "1");
    exits(&guest.try_sh("saigak-agent ready").await?, 1, "SettingsUnusable")?;
    exits(&guest.try_sh("saigak-agent reload").await?, 78, &place)?;
    exits(&guest.try_sh("saigak-agent config check").await?, 78, &place)?;
    exits(&guest.try_sh("saigak-agent pause 10m").await?, 0, "repairs are paused")?;

    stage.say("nothing is done meanwhile, and nothing said twice");
    guest.sh("systemctl stop ollama.service").await?;
    guest.quiet(WATCHED).await?;
    let said = "journalctl --sync && journalctl --output=cat --unit=saigak-agent.service \
        --grep='the settings cannot be used' | wc --lines";
    let said = guest.sh(said).await?;
    ensure!(said.trim() == "1", "said {said} times");

    stage.say("a person mends the file, and moves the probes");
    let cured = guest.mark();
    guest.write_file(FILE, "[proof]\ninterval_seconds = 5\n[serve]\nlisten = \"[::]:7244\"\n")?;
    guest.expect(&cured, "OllamaRunning", "False", "Stopped", FIRST_READY).await?;
    guest.quiet(WATCHED).await?;

    stage.say("the person is done, and repairs go on");
    let resumed = guest.mark();
    exits(&guest.try_sh("saigak-agent resume").await?, 0, "repairs go on")?;
    let healed = guest.until_ready(resumed.at, FIRST_READY).await?;
    guest.expect_repairs(&cured, &["ollama/Start"])?;
    ensure!(identity(&guest).await? == id, "the agent was restarted");
    let probe = guest.get(AGENT_PORT, "/readyz").await?;
    ensure!(probe.status == 200, "{}: {}", probe.status, probe.body);
    stage.add(Row {
        fault: "settings that cannot be used".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - resumed.at),
        by_hand: None,
        remedies: guest.remedies(&cured),
    });
    Ok(())
}

/// Which process the agent is, and how often systemd has started it anew.
async fn identity(guest: &Guest) -> Result<String> {
    guest.sh("systemctl show --property=MainPID,NRestarts saigak-agent.service").await
}
