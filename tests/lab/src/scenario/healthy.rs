//! A guest in which nothing is wrong.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::stage::Stage;
use super::{Needs, Playing, Scenario};
use crate::net::client::AGENT_PORT;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "healthy",
    story: "The agent leaves a healthy guest alone: two minutes, no repair, Ready throughout",
    needs: Needs::AnyServer,
    shows: &[
        "BootstrapComplete/NotUsed",
        "NetworkUp/LinkUp",
        "AddressAssigned/Assigned",
        "NetworkAsConfigured/AsConfigured",
        "DataDiskMounted/Mounted",
        "DataDiskWritable/Writable",
        "OllamaRunning/Running",
        "OllamaServing/Serving",
        "EndpointReachable/Reachable",
        "NamesResolve/Resolved",
        "ModelPresent/Present",
        "AliasPresent/Matches",
        "EmbeddingCorrect/Proven",
        "GpuAttached/NotExpected",
        "GpuDriverLoaded/NotExpected",
        "GpuHealthy/NotExpected",
        "GpuOffloaded/NotExpected",
        "MemoryAvailable/Enough",
        "RootDiskSpace/Enough",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// The time that is watched: several rounds of every timer in the agent's defaults.
const WATCHED: Duration = Duration::from_mins(2);

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let booted = guest.settled().await?;
    ensure!(booted == "running", "systemd says {booted}");
    let server = guest.invocation("ollama.service").await?;
    let data = guest.data().await?;
    let mark = guest.mark();
    stage.say("watches for two minutes");
    guest.watch(WATCHED).await;
    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    if let Some(lapse) = lapse {
        let at = (lapse.at - mark.at).as_secs_f64();
        anyhow::bail!("not ready after {at:.1} s: {}", lapse.report);
    }
    let report = guest.timeline.last().unwrap_or_else(|| unreachable!("a ready guest reported"));
    ensure!(report.repairs.is_empty(), "repairs in a healthy guest: {:?}", report.repairs);
    ensure!(report.repair.is_none(), "a repair in flight: {:?}", report.repair);
    ensure!(guest.invocation("ollama.service").await? == server, "Ollama was started anew");
    ensure!(guest.data().await? == data, "the data disk has changed");
    for (path, status) in [("/livez", 200), ("/readyz", 200), ("/metrics", 200)] {
        let answer = guest.get(AGENT_PORT, path).await?;
        ensure!(answer.status == status, "{path}: {}: {}", answer.status, answer.body);
    }
    stage.say(&figures(&guest).await?);
    Ok(())
}

/// What the agent costs.
async fn figures(guest: &crate::guest::Guest) -> Result<String> {
    let script = "id=$(systemctl show --property MainPID --value saigak-agent.service); \
                  awk '/^(Rss|Pss):/ { print $1, $2, $3 }' /proc/$id/smaps_rollup; \
                  stat --format='binary: %s bytes' /usr/bin/saigak-agent; \
                  systemctl show --property CPUUsageNSec saigak-agent.service";
    let lines = guest.sh(script).await?;
    Ok(format!("the idle agent: {}", lines.lines().collect::<Vec<_>>().join(", ")))
}
