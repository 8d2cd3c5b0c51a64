//! A data disk that answers nothing. It is served by a process of the guest, which is stopped
//! and continued; should the lab end meanwhile, that process ends, and the kernel lets all go
//! that wait for it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::matter::Matter;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;
use crate::net::client::AGENT_PORT;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "disk-hangs",
    story: "The data disk hangs, at reads and at writes: the agent answers on, and no server that waits is restarted",
    needs: Needs::AnyServer,
    shows: &["DataDiskWritable/Silent"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// The disk is mounted elsewhere, and served to its place by `disk-server.service`. Nothing is
/// kept of what it says, so that each look reaches it.
const SERVED: &str = "systemctl stop saigak-agent.service ollama.service var-lib-ollama.mount && \
    mkdir /srv/disk && cd /etc/systemd/system && \
    sed s,/var/lib/ollama,/srv/disk, var-lib-ollama.mount > srv-disk.mount && \
    systemctl daemon-reload && systemctl start srv-disk.mount && \
    { test -e /dev/fuse || mknod /dev/fuse c 10 229; } && \
    systemd-run --quiet --unit=disk-server --service-type=forking \
    bindfs -o attr_timeout=0,entry_timeout=0,negative_timeout=0 /srv/disk /var/lib/ollama && \
    systemctl start ollama.service saigak-agent.service";

/// The process serves a file, and in that lies a filesystem: what is in memory is read on, what
/// is written reaches the process. How much is in memory is the kernel's to say.
const SERVED_BELOW: &str = "systemctl stop saigak-agent.service ollama.service && \
    umount /var/lib/ollama && mkdir /srv/served && systemctl reset-failed && \
    for n in $(seq 0 255); do test -e /dev/loop$n || mknod /dev/loop$n b 7 $n; done && \
    { test -e /dev/loop-control || mknod /dev/loop-control c 10 237; } && \
    truncate --size=4G /srv/disk/image && mke2fs -q -t ext4 -m 0 -E nodiscard /srv/disk/image && \
    systemd-run --quiet --unit=disk-server --service-type=forking bindfs /srv/disk /srv/served && \
    mount -o loop,noatime /srv/served/image /var/lib/ollama && \
    cp --archive /srv/disk/blobs /srv/disk/manifests /var/lib/ollama && \
    chown ollama:ollama /var/lib/ollama && sync --file-system /var/lib/ollama && \
    systemctl start ollama.service saigak-agent.service";

/// A server that is stuck as well cannot be told from one that waits for its disk.
const HANGS: Matter = Matter {
    what: "data disk hangs, and Ollama is silent",
    breaks: "systemctl kill --signal=STOP disk-server.service ollama.service",
    condition: "OllamaServing",
    reasons: &["Unresponsive"],
    says: "ollama/Restart is held back: the data disk does not answer",
    ready: false,
    remedies: &[&[]],
    cure: "systemctl kill --signal=CONT disk-server.service ollama.service",
    after: &[&[]],
    seen_within: Duration::from_secs(90),
    healed_within: Duration::from_mins(1),
};

/// So many earlier agents have asked the disk in vain that the next one is not let in, where the
/// helpers wait for longer than the scenario plays.
const USED_UP: Matter = Matter {
    what: "data disk hangs, and no more probes are let in",
    breaks: "mkdir -p /run/systemd/system/saigak-probe-storage@.service.d && \
        printf '[Service]\\nTimeoutStartSec=10min\\n' \
        > /run/systemd/system/saigak-probe-storage@.service.d/lab.conf && \
        systemctl daemon-reload && systemctl stop saigak-agent.service && \
        systemctl kill --signal=STOP disk-server.service && \
        systemd-run --quiet --collect --unit=lab-asks python3 -c 'import signal, socket\n\
held = [socket.socket(socket.AF_UNIX) for _ in range(4)]\n\
for one in held: one.connect(\"/run/saigak-fix/probe-storage.sock\")\n\
signal.pause()' && timeout 20 sh -c \
        'until test $(systemctl show -P NConnections saigak-probe-storage.socket) = 4; \
        do sleep 0.1; done' && \
        systemctl kill --signal=STOP ollama.service && systemctl start saigak-agent.service",
    cure: "systemctl kill --signal=CONT disk-server.service ollama.service && \
        systemctl stop lab-asks.service && \
        rm -r /run/systemd/system/saigak-probe-storage@.service.d && systemctl daemon-reload",
    ..HANGS
};

/// A good write counts for 30 s, a look comes every 15, and a write may take 10.
const SILENT_WITHIN: Duration = Duration::from_secs(75);

/// Whoever asks the agent has an answer within this time, whatever hangs.
const PROMPT: Duration = Duration::from_secs(1);

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    stage.say("has the data disk served by a process");
    let mark = guest.mark();
    guest.sh(SERVED).await?;
    guest.until_ready(mark.at, FIRST_READY).await.context("with the disk served")?;

    let server = guest.invocation("ollama.service").await?;
    hangs(stage, &guest, "data disk hangs").await?;
    stage.play_matter(&guest, &HANGS).await?;
    let mark = guest.mark();
    stage.play_matter(&guest, &USED_UP).await?;
    let out = |report: &Report| {
        let disk = report.condition("DataDiskWritable");
        disk.is_some_and(|disk| disk.reason == "Silent" && disk.message.contains("let in"))
    };
    let told = guest.timeline.since(mark.at).into_iter().any(|seen| out(&seen.report));
    ensure!(told, "the agent has not said that no more probes are let in");
    ensure!(guest.invocation("ollama.service").await? == server, "Ollama was started anew");

    stage.say("has a file served by the process, and the data disk lie in that");
    let mark = guest.mark();
    guest.sh(SERVED_BELOW).await?;
    guest.until_ready(mark.at, FIRST_READY).await.context("with a file served")?;
    hangs(stage, &guest, "data disk hangs below its filesystem").await?;
    guest
        .sh("systemctl stop saigak-agent.service ollama.service && umount /var/lib/ollama")
        .await?;
    Ok(())
}

/// Stops the disk, and lets it go on.
async fn hangs(stage: &Stage, guest: &Guest, what: &str) -> Result<()> {
    stage.say(&format!("breaks: {what}"));
    let mark = guest.mark();
    guest.sh("systemctl kill --signal=STOP disk-server.service").await?;
    let limit = SILENT_WITHIN;
    let seen = guest.expect(&mark, "DataDiskWritable", "Unknown", "Silent", limit).await?;
    // Two looks at the least, each of which could ask the disk again.
    guest.quiet(Duration::from_secs(12)).await?;
    answers(guest).await?;
    ensure!(waiting(guest).await? <= 1, "more than one probe waits for the disk");
    let mended = guest.mark();
    guest.sh("systemctl kill --signal=CONT disk-server.service").await?;
    guest.expect(&mended, "DataDiskWritable", "True", "Writable", SILENT_WITHIN).await?;
    let healed = guest.until_ready(mended.at, FIRST_READY).await?;
    guest.expect_repairs(&mark, &[])?;
    stage.add(Row {
        fault: what.into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mended.at),
        by_hand: None,
        remedies: String::new(),
    });
    Ok(())
}

async fn answers(guest: &Guest) -> Result<()> {
    for path in ["/livez", "/readyz", "/metrics"] {
        let asked = Instant::now();
        let answer = guest.get(AGENT_PORT, path).await.with_context(|| path.to_owned())?;
        let took = asked.elapsed();
        ensure!(took < PROMPT, "{path} took {took:?}");
        ensure!(path != "/livez" || answer.status == 200, "{path}: {}", answer.status);
    }
    Ok(())
}

/// How many probes there are.
async fn waiting(guest: &Guest) -> Result<usize> {
    let units = "systemctl list-units --plain --no-legend 'saigak-probe-*@*.service'";
    Ok(guest.sh(units).await?.lines().count())
}
