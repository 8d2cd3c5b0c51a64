//! The agent as it runs beside the server in a pod: without systemd, the bus, helpers, or the
//! server's processes to look at. The kubelet's part, to start and restart the server, is played
//! by the scenario.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::model::BOTH_DELETED;
use super::proof::{DROP_IN, SWITCHES};
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::net::client::AGENT_PORT;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "sidecar",
    story: "The agent has no systemd, as in a pod: a frozen server is told from a busy one",
    needs: Needs::StandIn,
    shows: &[
        "OllamaServing/NotListening",
        "OllamaServing/Busy",
        "OllamaServing/Unresponsive",
        "EmbeddingCorrect/Proven",
        "GpuOffloaded/NotExpected",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// What it hides: the bus, systemd, the journal, the helpers; and all that says that somebody waits
/// for a word. Other users' processes are hidden already.
pub(super) const HIDDEN: &str = "mkdir -p /run/systemd/system/saigak-agent.service.d && \
    printf '%s\\n' '[Service]' Type=exec NotifyAccess=none WatchdogSec=0 \
    ExecStart= 'ExecStart=/usr/bin/saigak-agent run --sidecar' \
    'InaccessiblePaths=/run/dbus /run/systemd/private /run/systemd/notify' \
    'InaccessiblePaths=/run/systemd/journal -/run/saigak-fix' \
    'UnsetEnvironment=JOURNAL_STREAM NOTIFY_SOCKET' \
    StandardOutput=append:/var/log/sidecar StandardError=append:/var/log/sidecar \
    > /run/systemd/system/saigak-agent.service.d/90-sidecar.conf && \
    systemctl daemon-reload && systemctl restart saigak-agent.service";

/// All that it says something of.
const CONDITIONS: [&str; 10] = [
    "OllamaServing",
    "EndpointReachable",
    "ModelPresent",
    "AliasPresent",
    "GpuDriverLoaded",
    "GpuHealthy",
    "GpuOffloaded",
    "EmbeddingCorrect",
    "FurtherModelsServed",
    "OptionalModelsServed",
];

const STUCK: &str = "/ollama-livez";

/// Five questions wait for 20 s each. On a loaded machine the first may have waited for some while
/// when the server freezes; or it may begin up to 10 s after that.
const NOT_BEFORE: Duration = Duration::from_secs(95);
const AT_LAST: Duration = Duration::from_secs(110);
/// What a loaded machine may add to it.
const AIR: Duration = Duration::from_mins(1);

/// Between two questions of the kubelet.
const PERIOD: Duration = Duration::from_secs(1);

const NOTICED: Duration = Duration::from_secs(90);

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.sh(DROP_IN).await?;
    let last = guest.timeline.last().context("no report")?;
    let mark = guest.mark();
    guest.sh(HIDDEN).await?;
    let again = guest.until_another_agent(mark.at, &last, FIRST_READY).await?;
    live(&guest, "just started").await?;
    guest.until_ready(again.at, FIRST_READY).await?;
    speaks(&guest).await.context("what it says")?;
    models(stage, &guest).await.context("model and alias deleted")?;
    stopped(stage, &guest).await.context("server stopped")?;
    busy(stage, &guest).await.context("a full queue")?;
    frozen(stage, &guest).await.context("server frozen")
}

/// Fails unless the server is left alone.
async fn live(guest: &Guest, what: &str) -> Result<()> {
    let answer = guest.get(AGENT_PORT, STUCK).await?;
    ensure!(answer.status == 200, "{what}: {STUCK} says {}: {}", answer.status, answer.body);
    Ok(())
}

/// It says nothing of what is not its own here, and logs where somebody reads.
async fn speaks(guest: &Guest) -> Result<()> {
    let report = guest.timeline.last().context("no report")?;
    let said: Vec<_> = report.conditions.iter().map(|found| found.kind.as_str()).collect();
    ensure!(said == CONDITIONS, "it tells of {said:?}");
    let ready = guest.get(AGENT_PORT, "/readyz").await?;
    ensure!(ready.status == 200, "/readyz says {}: {}", ready.status, ready.body);
    let metrics = guest.get(AGENT_PORT, "/metrics").await?;
    ensure!(metrics.body.contains("saigak_ready 1"), "/metrics: {}", metrics.body);
    Ok(())
}

/// What goes through the server's own API is still the agent's.
async fn models(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: model and alias deleted");
    let mark = guest.mark();
    guest.sh(BOTH_DELETED.breaks).await?;
    let seen = guest.expect(&mark, "AliasPresent", "False", "Missing", NOTICED).await?;
    let healed = guest.until_ready(seen, BOTH_DELETED.healed_within).await?;
    guest.expect_repairs(&mark, &["model/Pull", "model/CreateAlias"])?;
    let log = guest.sh("cat /var/log/sidecar").await?;
    ensure!(log.contains("repair begins"), "it does not log: {log}");
    stage.add(Row {
        fault: "sidecar: model and alias deleted".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}

/// The kubelet starts it again, and is not asked to.
async fn stopped(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: server stopped");
    let mark = guest.mark();
    guest.systemctl(&["stop", "ollama.service"]).await?;
    let seen = guest.expect_cause(&mark, "OllamaServing", "NotListening", NOTICED).await?;
    let answer = guest.get(AGENT_PORT, "/readyz").await?;
    ensure!(answer.status == 503, "/readyz says {} without a server", answer.status);
    live(guest, "a server that is gone").await?;
    guest.expect_repairs(&mark, &[])?;
    let started = guest.mark();
    guest.systemctl(&["start", "ollama.service"]).await?;
    let healed = guest.until_ready(started.at, FIRST_READY).await?;
    stage.add(Row {
        fault: "sidecar: server stopped".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - started.at),
        ..Row::default()
    });
    Ok(())
}

/// Where nobody gets an embedding, the guest is not ready; the server is left alone.
async fn busy(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: the queue is full, for everybody");
    let server = guest.invocation("ollama.service").await?;
    let mark = guest.mark();
    guest.write_file(SWITCHES, "{\"busy\": true}")?;
    let seen = guest.expect(&mark, "EmbeddingCorrect", "Unknown", "ProofStale", NOTICED).await?;
    let answer = guest.get(AGENT_PORT, "/readyz").await?;
    ensure!(answer.status == 503, "/readyz says {} of a full queue", answer.status);
    live(guest, "a full queue").await?;
    guest.write_file(SWITCHES, "{}")?;
    let mended = guest.mark();
    let healed = guest.until_ready(mended.at, FIRST_READY).await?;
    guest.expect_repairs(&mark, &[])?;
    ensure!(guest.invocation("ollama.service").await? == server, "a busy server was restarted");
    stage.add(Row {
        fault: "sidecar: a full queue".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mended.at),
        ..Row::default()
    });
    Ok(())
}

/// The kubelet is told once it is certain, and not before.
async fn frozen(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: server frozen");
    let mark = guest.mark();
    guest.sh("systemctl kill --kill-whom=main --signal=STOP ollama.service").await?;
    let told = until_stuck(guest, mark.at).await?;
    ensure!(told - mark.at >= NOT_BEFORE, "said to be stuck after {:?}", told - mark.at);
    let unready = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    let unready = unready.context("a guest without a server stayed ready")?;
    guest.expect_cause(&mark, "OllamaServing", "Unresponsive", NOTICED).await?;
    guest.expect_repairs(&mark, &[])?;

    stage.say("the kubelet restarts it");
    let restarted = guest.mark();
    guest.systemctl(&["restart", "ollama.service"]).await?;
    let healed = guest.until_ready(restarted.at, FIRST_READY).await?;
    live(guest, "a server that was restarted").await?;
    stage.say(&format!(
        "frozen: unready after {:.1} s, said to be stuck after {:.1} s",
        (unready.at - mark.at).as_secs_f64(),
        (told - mark.at).as_secs_f64()
    ));
    stage.add(Row {
        fault: "sidecar: server frozen".into(),
        seen: Some(unready.at - mark.at),
        healed: Some(healed - restarted.at),
        ..Row::default()
    });
    Ok(())
}

/// Asks as the kubelet does, and returns when it was first told that the server is stuck.
async fn until_stuck(guest: &Guest, since: Instant) -> Result<Instant> {
    loop {
        let answer = guest.get(AGENT_PORT, STUCK).await?;
        let now = Instant::now();
        if answer.status == 503 {
            ensure!(answer.body.contains("OllamaServing/Unresponsive"), "{}", answer.body);
            return Ok(now);
        }
        ensure!(now - since < AT_LAST + AIR, "still {}: {}", answer.status, answer.body);
        guest.watch(PERIOD).await;
    }
}
