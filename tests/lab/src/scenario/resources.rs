//! A guest, or its server, that runs out of something.

use std::time::Duration;

use anyhow::{Context, Result};

use super::fault::Fault;
use super::matter::Matter;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "resources",
    story: "Ollama was ended for want of memory, has no files left, the guest's memory is short",
    needs: Needs::AnyServer,
    shows: &["MemoryAvailable/LowMemory", "OllamaServing/TooManyConnections"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// A container's memory is the machine's, and is not used up here. So the group is ended as
/// systemd-oomd ends one: with its mark on it, by which systemd knows why.
const OOM: &str = "group=/sys/fs/cgroup$(systemctl show -P ControlGroup ollama.service) && \
    python3 -c 'import os, sys; os.setxattr(sys.argv[1], \"user.oomd_ooms\", b\"1\")' $group && \
    echo 1 > $group/cgroup.kill";

/// Connections that somebody opens, and neither uses nor closes.
pub(crate) const LEAK: Fault = Fault {
    what: "a client that leaves connections open",
    why: "a client opens a connection for each request and never closes one",
    breaks: "mkdir -p /run/systemd/system/ollama.service.d && \
        printf '[Service]\\nLimitNOFILE=64\\n' \
        > /run/systemd/system/ollama.service.d/files.conf && systemctl daemon-reload && \
        systemctl restart ollama.service && \
        curl --silent --retry 20 --retry-connrefused --retry-delay 1 --output /dev/null \
        http://127.0.0.1:11434/ && systemctl reset-failed ollama.service && \
        { systemctl stop leak.service 2> /dev/null; \
        systemd-run --quiet --collect --unit=leak.service python3 -c 'import socket, time; \
        held = [socket.create_connection((\"127.0.0.1\", 11434)) for _ in range(100)]; \
        time.sleep(600)'; }",
    condition: "OllamaServing",
    reasons: &["TooManyConnections"],
    remedies: &[&["ollama/Restart"]],
    by_hand: "systemctl restart ollama.service",
    keeps_data: true,
    seen_within: Duration::from_mins(1),
    healed_within: Duration::from_mins(1),
};

/// What the agent reads of the memory, as it reads where memory is short. Its own view of /proc
/// alone is changed.
const SHORT: Matter = Matter {
    what: "the guest's memory is nearly used up",
    breaks: "sed 's/^MemAvailable:.*/MemAvailable: 2048 kB/' /proc/meminfo > /run/meminfo && \
        nsenter --target $(systemctl show -P MainPID saigak-agent.service) --mount \
        mount --bind /run/meminfo /proc/meminfo",
    condition: "MemoryAvailable",
    reasons: &["LowMemory"],
    says: "2 of ",
    ready: true,
    remedies: &[&[]],
    cure: "nsenter --target $(systemctl show -P MainPID saigak-agent.service) --mount \
        umount /proc/meminfo",
    after: &[&[]],
    seen_within: Duration::from_secs(70),
    healed_within: Duration::from_secs(70),
};

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    stage.play_matter(&guest, &SHORT).await?;
    stage.say("breaks: Ollama ended for want of memory");
    oom(stage, &guest).await.context("ended for want of memory")?;
    stage.play(&guest, &LEAK).await
}

/// systemd starts it again; the agent says why that was needed.
async fn oom(stage: &Stage, guest: &Guest) -> Result<()> {
    let mark = guest.mark();
    guest.sh(OOM).await?;
    let told = |report: &Report| {
        report.condition("OllamaRunning").is_some_and(|condition| {
            condition.reason == "Restarting" && condition.message.contains("oom-kill")
        })
    };
    let what = "OllamaRunning to tell of the oom-kill";
    let seen = guest.wait(mark.at, Duration::from_secs(10), what, told).await?.at;
    let healed = guest.until_ready(seen, FIRST_READY).await?;
    guest.expect_repairs(&mark, &[])?;
    stage.add(Row {
        fault: "Ollama ended for want of memory".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        ..Row::default()
    });
    Ok(())
}
