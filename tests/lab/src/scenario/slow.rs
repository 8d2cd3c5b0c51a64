//! A server that takes its time, and one that does nothing at all.

use std::time::Duration;

use anyhow::{Context, Result};

use super::fault::Fault;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "slow",
    story: "Ollama is slow, at work without an answer, or hangs before it listens: told apart",
    needs: Needs::AnyServer,
    shows: &[
        "OllamaRunning/Starting",
        "OllamaRunning/Stopping",
        "OllamaServing/Starting",
        "OllamaServing/Busy",
        "OllamaServing/NotListening",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Three seconds to stop, three to start, and three more until it listens.
const SLOW: &str = "mkdir -p /run/systemd/system/ollama.service.d && \
    printf '[Service]\\nExecStopPost=/bin/sleep 3\\nExecStartPre=/bin/sleep 3\\nExecStart=\\n\
ExecStart=/bin/sh -c \"sleep 3; exec /usr/local/bin/ollama serve\"\\n' \
    > /run/systemd/system/ollama.service.d/slow.conf && \
    systemctl daemon-reload && systemctl restart --no-block ollama.service";

const QUICK: &str = "rm /run/systemd/system/ollama.service.d/slow.conf && systemctl daemon-reload";

/// The server itself is frozen, and something in its control group uses the CPU: from outside
/// that is a server at work. systemd puts a process into a group of its own until it is executed,
/// and would take it out again.
const AT_WORK: &str = "group=/sys/fs/cgroup$(systemctl show -P ControlGroup ollama.service) && \
    systemd-run --quiet --unit=work.service --service-type=exec sh -c 'while :; do :; done' && \
    systemctl show -P MainPID work.service > $group/cgroup.procs && \
    systemctl kill --kill-whom=main --signal=STOP ollama.service";

/// What it is frozen for is over, and it stays frozen.
const IDLE: &str = "systemctl kill --signal=KILL work.service";

/// The first start after the fault hangs, the next does not.
pub(crate) const HANGS: Fault = Fault {
    what: "Ollama hangs before it listens",
    why: "a wrapper around it waits for something that never comes",
    breaks: "install --directory --owner=ollama /run/hang && touch /run/hang/once && \
        mkdir -p /run/systemd/system/ollama.service.d && \
        printf '[Service]\\nExecStart=\\nExecStart=/bin/sh -c \"if rm /run/hang/once; then \
exec sleep infinity; fi; exec /usr/local/bin/ollama serve\"\\n' \
        > /run/systemd/system/ollama.service.d/hang.conf && \
        systemctl daemon-reload && systemctl restart ollama.service",
    condition: "OllamaServing",
    reasons: &["NotListening"],
    remedies: &[&["ollama/Restart"]],
    by_hand: "systemctl restart ollama.service",
    keeps_data: true,
    seen_within: Duration::from_secs(40),
    healed_within: Duration::from_mins(1),
};

/// Long enough for an agent that takes silence for death: it may be restarted after 16 s.
const WATCHED: Duration = Duration::from_secs(20);

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    stage.say("breaks: Ollama takes nine seconds from stop to start");
    slow(stage, &guest).await.context("slow to start")?;
    stage.say("breaks: Ollama answers nothing while it works");
    busy(stage, &guest).await.context("at work")?;
    stage.play(&guest, &HANGS).await
}

async fn slow(stage: &Stage, guest: &Guest) -> Result<()> {
    let mark = guest.mark();
    guest.sh(SLOW).await?;
    let limit = Duration::from_secs(10);
    let seen = guest.expect(&mark, "OllamaRunning", "False", "Stopping", limit).await?;
    guest.expect(&mark, "OllamaRunning", "False", "Starting", limit).await?;
    guest.expect(&mark, "OllamaServing", "False", "Starting", limit).await?;
    let healed = guest.until_ready(seen, FIRST_READY).await?;
    guest.expect_repairs(&mark, &[])?;
    guest.sh(QUICK).await?;
    stage.add(Row {
        fault: "Ollama slow to stop and start".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        ..Row::default()
    });
    Ok(())
}

async fn busy(stage: &Stage, guest: &Guest) -> Result<()> {
    let server = guest.invocation("ollama.service").await?;
    let mark = guest.mark();
    guest.sh(AT_WORK).await?;
    let limit = Duration::from_secs(30);
    let seen = guest.expect(&mark, "OllamaServing", "Unknown", "Busy", limit).await?;
    guest.quiet(WATCHED).await.context("while it works")?;
    let same = guest.invocation("ollama.service").await? == server;
    anyhow::ensure!(same, "a server at work was restarted");
    let idle = guest.mark();
    guest.sh(IDLE).await?;
    guest.expect(&idle, "OllamaServing", "False", "Unresponsive", limit).await?;
    let good = |report: &crate::guest::report::Report| {
        report.ready && report.repair.is_none() && !report.repairs.is_empty()
    };
    let healed = guest.wait(idle.at, Duration::from_mins(1), "Ready, repaired", good).await?.at;
    guest.expect_repairs(&mark, &["ollama/Restart"])?;
    stage.add(Row {
        fault: "Ollama at work without an answer, then stuck".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - idle.at),
        remedies: guest.remedies(&mark),
        ..Row::default()
    });
    Ok(())
}
