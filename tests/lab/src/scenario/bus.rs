//! The system bus is away for a while. The agent knows half of what it knows from there.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::fault::heal;
use super::server::STOPPED;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;
use crate::guest::timeline::Mark;
use crate::net::client::AGENT_PORT;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "bus",
    story: "The D-Bus daemon is killed, stopped, frozen: what is not known is no fault, nor Ready",
    needs: Needs::AnyServer,
    shows: &["OllamaRunning/Unreadable", "NetworkUp/NetworkdOffBus"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const DAEMON: &str = "dbus.service";
const SOCKET: &str = "dbus.socket";
const LIMIT: Duration = Duration::from_secs(20);
/// An event is seen at once, also on a busy machine; the agent's timer comes round every 10 s.
const BY_EVENT: Duration = Duration::from_secs(3);

/// Ends once the agent has asked the bus for the signals of the server's unit.
const SUBSCRIBED: &str = "until busctl call org.freedesktop.DBus /org/freedesktop/DBus \
    org.freedesktop.DBus.Debug.Stats GetAllMatchRules | grep --quiet ollama_2eservice; \
    do sleep 0.1; done";

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let healthy = guest.mark();

    stage.say("breaks: the daemon is killed; who asks next has systemd start another");
    guest.sh(SUBSCRIBED).await?;
    guest.systemctl(&["kill", "--signal=KILL", DAEMON]).await?;
    events_are_seen_again(&guest).await.context("after the daemon was killed")?;

    stage.say("breaks: the daemon and its socket are stopped");
    let mark = guest.mark();
    guest.systemctl(&["stop", SOCKET, DAEMON]).await?;
    let seen = guest.expect(&mark, "OllamaRunning", "Unknown", "Unreadable", LIMIT).await?;
    guest.client_embed().await.context("the server needs no bus")?;
    guest.quiet(Duration::from_secs(5)).await?;
    let back = guest.mark();
    guest.systemctl(&["start", SOCKET]).await?;
    let known = guest.expect(&back, "OllamaRunning", "True", "Running", LIMIT).await?;
    never_unready(&guest, &mark)?;
    stage.add(Row {
        fault: "D-Bus daemon stopped, then started".into(),
        seen: Some(seen - mark.at),
        healed: Some(known - back.at),
        ..Row::default()
    });
    events_are_seen_again(&guest).await.context("after the daemon was stopped")?;

    frozen(stage, &guest).await?;
    ensure!(guest.timeline.repairs_since(&healthy).len() == 2, "a missing bus was repaired");
    networkd_is_deaf(stage, &guest).await
}

/// Frozen it accepts and answers nothing, for longer than what was known may count.
async fn frozen(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: the daemon is frozen until the guest is not known to be ready any more");
    let mark = guest.mark();
    guest.systemctl(&["kill", "--signal=STOP", DAEMON]).await?;
    let seen = guest.expect(&mark, "OllamaRunning", "Unknown", "Unreadable", LIMIT).await?;
    let limit = Duration::from_mins(1);
    guest.expect_cause(&mark, "OllamaRunning", "Unreadable", limit).await?;
    for (path, status) in [("/livez", 200), ("/readyz", 503)] {
        let answer = guest.get(AGENT_PORT, path).await?;
        ensure!(answer.status == status, "{path}: {}: {}", answer.status, answer.body);
    }
    guest.client_embed().await.context("the server needs no bus")?;
    guest.expect_repairs(&mark, &[])?;
    let back = guest.mark();
    guest.systemctl(&["kill", "--signal=CONT", DAEMON]).await?;
    let healed = guest.until_ready(back.at, FIRST_READY).await?;
    stage.add(Row {
        fault: "D-Bus daemon frozen, then thawed".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - back.at),
        ..Row::default()
    });
    Ok(())
}

/// The server is stopped, which the agent sees by a signal.
async fn events_are_seen_again(guest: &Guest) -> Result<()> {
    guest.sh(SUBSCRIBED).await?;
    let row = heal(guest, &STOPPED).await?;
    let seen = row.seen.unwrap_or_default();
    ensure!(seen < BY_EVENT, "a stopped server was seen after {} s", seen.as_secs_f64());
    Ok(())
}

fn never_unready(guest: &Guest, mark: &Mark) -> Result<()> {
    match guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready) {
        Some(lapse) => bail!("a missing bus made a ready guest unready: {}", lapse.report),
        None => Ok(()),
    }
}

/// networkd does not come back to a bus that was away. That is no fault while the link works;
/// once it does not, networkd must be had back before it can be asked for anything.
async fn networkd_is_deaf(stage: &Stage, guest: &Guest) -> Result<()> {
    let deaf = guest.try_sh("busctl --no-pager status org.freedesktop.network1").await?;
    ensure!(deaf.code != 0, "networkd is on the bus: this proves nothing");
    stage.say("breaks: the address is flushed, and networkd is not on the bus any more");
    let mark = guest.mark();
    guest.sh("ip address flush dev enp1s0").await?;
    let seen = guest.expect(&mark, "NetworkUp", "False", "NetworkdOffBus", LIMIT).await?;
    let healed = guest.until_ready(seen, FIRST_READY).await?;
    guest.expect_repairs(&mark, &["network/RestartNetworkd"])?;
    let on_link = |report: &Report| {
        report.condition("NetworkUp").is_some_and(|condition| condition.reason == "LinkUp")
    };
    guest.wait(healed, LIMIT, "NetworkUp for LinkUp", on_link).await?;
    stage.add(Row {
        fault: "address flushed, networkd lost its bus".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}
