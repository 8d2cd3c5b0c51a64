//! The journal is away, or takes nothing any more. The agent says what it does there, and must
//! not wait for anybody to listen.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::fault::heal;
use super::server::STOPPED;
use super::stage::Stage;
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;
use crate::guest::timeline::Mark;
use crate::net::client::AGENT_PORT;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "journal",
    story: "journald is killed, frozen, stopped: repairs go on, and the agent is not restarted",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const SERVICE: &str = "systemd-journald.service";
const SOCKETS: [&str; 2] = ["systemd-journald.socket", "systemd-journald-dev-log.socket"];

/// The agent's watchdog, and a little more.
const WATCHDOG: Duration = Duration::from_secs(35);

/// Fills the queue of the journal's socket, until not even a first message is taken.
const STORM: &str = "import socket\n\
    while True:\n\
    \x20   s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
    \x20   s.setblocking(False)\n\
    \x20   s.connect('/run/systemd/journal/socket')\n\
    \x20   try:\n\
    \x20       s.send(b'MESSAGE=storm\\n')\n\
    \x20   except BlockingIOError:\n\
    \x20       break\n";

/// How often the agent that runs now has told the journal of a repair that ended.
const TOLD: &str = "journalctl --sync && journalctl --quiet --output=cat \
    _SYSTEMD_INVOCATION_ID=$(systemctl show --property InvocationID --value saigak-agent.service) \
    | grep --count 'repair ended' || true";

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.write_file("/usr/local/lib/storm.py", STORM)?;
    let start = guest.mark();

    stage.say("breaks: journald is killed");
    guest.systemctl(&["kill", "--signal=KILL", SERVICE]).await?;
    still_repairs(stage, &guest, "server stopped, journald just killed").await?;
    told_after(&guest, 0).await?;

    stage.say("breaks: journald is frozen, and its queue is full");
    let frozen = Instant::now();
    guest.systemctl(&["kill", "--signal=STOP", SERVICE]).await?;
    guest.sh("python3 /usr/local/lib/storm.py").await?;
    still_repairs(stage, &guest, "server stopped, journald frozen, its queue full").await?;
    for path in ["/livez", "/readyz"] {
        let answer = guest.get(AGENT_PORT, path).await?;
        ensure!(answer.status == 200, "{path}: {}: {}", answer.status, answer.body);
    }
    guest.quiet(WATCHDOG.saturating_sub(frozen.elapsed())).await?;
    same_agent(&guest, &start).context("while journald was frozen")?;
    guest.systemctl(&["kill", "--signal=CONT", SERVICE]).await?;

    stage.say("breaks: journald and its sockets are stopped");
    guest.systemctl(&["stop", SOCKETS[0], SOCKETS[1], SERVICE]).await?;
    still_repairs(stage, &guest, "server stopped, journald stopped").await?;
    guest.systemctl(&["start", SOCKETS[0], SOCKETS[1], SERVICE]).await?;

    let before: u32 = guest.sh(TOLD).await?.trim().parse().context("a count")?;
    stage.add(heal(&guest, &STOPPED).await?);
    told_after(&guest, before).await.context("once journald is back")?;
    same_agent(&guest, &start)
}

/// The server is stopped and started by the agent, as if there were a journal.
async fn still_repairs(stage: &Stage, guest: &Guest, what: &str) -> Result<()> {
    let row = heal(guest, &STOPPED).await.with_context(|| what.to_owned())?;
    stage.add(Row { fault: what.into(), ..row });
    Ok(())
}

/// Fails unless the journal knows of more repairs than before.
async fn told_after(guest: &Guest, before: u32) -> Result<()> {
    let told: u32 = guest.sh(TOLD).await?.trim().parse().context("a count")?;
    ensure!(told > before, "the journal knows of {told} repairs, as many as before");
    Ok(())
}

/// Fails if another agent has reported since then: the watchdog would have started one.
fn same_agent(guest: &Guest, since: &Mark) -> Result<()> {
    let reports = guest.timeline.since(since.at);
    let started = |report: &Report| report.agent.started_at.clone();
    let first = reports.first().context("the agent has said nothing")?;
    let other = reports.iter().find(|seen| started(&seen.report) != started(&first.report));
    ensure!(other.is_none(), "the agent was started anew");
    Ok(())
}
