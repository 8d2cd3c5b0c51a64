//! A driver that answers nothing: whoever asks it stays in the kernel, and no signal reaches him.
//! It is played by a file system whose process waits for another one, which is stopped.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use saigak_lab_gpu::State;
use tokio::time::{Instant, sleep};

use super::until;
use crate::guest::Guest;
use crate::guest::gpu::Gpus;
use crate::net::client::AGENT_PORT;
use crate::scenario::stage::{FIRST_READY, Stage};
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(in crate::scenario) const SCENARIO: Scenario = Scenario {
    name: "gpu-hangs",
    story: "NVIDIA's driver answers nothing: the probe stays in the kernel, the agent answers on, \
            and a model on the GPU stays served",
    needs: Needs::StandIn,
    shows: &["GpuDriverLoaded/Asking", "GpuDriverLoaded/ProbeHangs", "GpuHealthy/Healthy"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Each look at the file must reach the stopped process: nothing is kept of what it said.
pub(super) const DOOR: &str = "{ test -e /dev/fuse || mknod /dev/fuse c 10 229; } && cd /srv/gpu && \
    mkdir inner outer door && touch inner/file && keep=timeout=0 && \
    served() { systemd-run --quiet --unit=door-$1 --service-type=forking bindfs \
    -o direct_io,attr_$keep,entry_$keep,negative_$keep /srv/gpu/$1 /srv/gpu/$2; } && \
    served inner outer && served outer door";
/// See [`DOOR`].
pub(super) const DOOR_FILE: &str = "/srv/gpu/door/file";
pub(super) const STOP: &str = "systemctl kill --signal=STOP door-inner.service";
pub(super) const CONTINUE: &str = "systemctl kill --signal=CONT door-inner.service";

/// The probes, with the kernel's letter for what each does; a killed one that stays is stuck.
const STATES: &str = "for unit in $(systemctl list-units --plain --no-legend \
    'saigak-probe-gpu@*.service' | cut -d' ' -f1); do \
    cat /proc/$(systemctl show -P MainPID $unit)/stat 2> /dev/null; done | \
    sed 's/.*) //' | cut -d' ' -f1";
const KILL: &str = "systemctl kill --signal=KILL 'saigak-probe-gpu@*.service'";

/// No more than this many may wait in the kernel.
const PROBES: usize = 4;
/// Questions to each guest that a percentile is taken of.
const ASKS: usize = 1000;

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_ready_with(Gpus::of(State::healthy())).await?;
    guest.sh(DOOR).await?;
    guest.change_gpus(|state| state.stuck = Some(DOOR_FILE.into()))?;
    until(&guest, "GpuHealthy", "True", "Healthy").await?;
    // What a hung driver costs is measured beside a guest whose driver answers.
    let control = stage.boot_another_with(Gpus::of(State::healthy()), "gpu-answers").await?;
    let mark = control.since_boot();
    control.until_ready(mark.at, FIRST_READY).await?;

    stage.say("breaks: the driver answers nothing any more");
    let server = guest.invocation("ollama.service").await?;
    let agent = guest.invocation("saigak-agent.service").await?;
    let mark = guest.mark();
    guest.sh(STOP).await?;
    let limit = Duration::from_secs(90);
    let seen = guest.expect(&mark, "GpuDriverLoaded", "Unknown", "ProbeHangs", limit).await?;
    guest.sh(KILL).await?;
    let states = guest.sh(STATES).await?;
    ensure!(states.contains('D'), "no probe is in the kernel's hands: {states:?}");
    // Longer than the watchdog's patience, and than the first pauses between probes.
    guest.quiet(Duration::from_secs(75)).await?;
    let [hung, healthy] = answers([&guest, &control]).await?;
    let waiting = guest.sh(STATES).await?.lines().count();
    ensure!(waiting <= PROBES, "{waiting} probes wait in the kernel");
    ensure!(guest.invocation("ollama.service").await? == server, "Ollama was restarted");
    ensure!(guest.invocation("saigak-agent.service").await? == agent, "the agent was restarted");
    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "what is not known made a serving guest unready: {lapse:?}");
    guest.client_embed().await.context("Ready was a lie: a client gets no embedding")?;
    stage.say(&format!(
        "/readyz with {waiting} probes in the kernel, beside a guest with none: p99 {:.1} and \
         {:.1} ms, median {:.2} and {:.2} ms",
        hung.p99.as_secs_f64() * 1e3,
        healthy.p99.as_secs_f64() * 1e3,
        hung.median.as_secs_f64() * 1e3,
        healthy.median.as_secs_f64() * 1e3
    ));
    ensure!(hung.median <= healthy.median * 2, "a hung driver slows /readyz");
    stage.add_seen("the driver hangs", seen - mark.at, &guest, &mark);

    stage.say("the agent starts anew meanwhile");
    let started = guest.mark();
    guest.sh("systemctl restart saigak-agent.service").await?;
    guest.expect(&started, "GpuDriverLoaded", "False", "Asking", limit).await?;
    guest.expect(&started, "GpuDriverLoaded", "Unknown", "ProbeHangs", limit).await?;

    stage.say("the driver answers again");
    let mended = guest.mark();
    guest.sh(CONTINUE).await?;
    // The next probe may be minutes away by then.
    let limit = Duration::from_mins(4);
    let healed = guest.expect(&mended, "GpuHealthy", "True", "Healthy", limit).await?;
    stage.add_seen("the driver answers again", healed - mended.at, &guest, &mended);
    guest.expect_repairs(&mark, &[])
}

/// How long `/readyz` took to answer.
struct Answers {
    median: Duration,
    p99: Duration,
}

/// `/readyz` of both guests, asked from outside by turns, so that whatever else the machine does
/// meanwhile slows both alike; each answer must be 200.
async fn answers(guests: [&Guest; 2]) -> Result<[Answers; 2]> {
    let mut taken = [Vec::with_capacity(ASKS), Vec::with_capacity(ASKS)];
    for round in 0..ASKS {
        // Who is asked first finds everything cold.
        for which in [round % 2, 1 - round % 2] {
            let asked = Instant::now();
            let answer = guests[which].get(AGENT_PORT, "/readyz").await?;
            taken[which].push(asked.elapsed());
            ensure!(answer.status == 200, "/readyz: {}: {}", answer.status, answer.body);
        }
        // Spread over some seconds, as several probes would be.
        sleep(Duration::from_millis(10)).await;
    }
    Ok(taken.map(|mut taken| {
        taken.sort_unstable();
        Answers { median: taken[ASKS / 2], p99: taken[ASKS * 99 / 100] }
    }))
}
