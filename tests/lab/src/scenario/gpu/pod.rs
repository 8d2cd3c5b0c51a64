//! The agent beside a server with a GPU, as in a pod: it asks the driver by a child of its own, and
//! nothing that it hears from there takes a pod out of service that has its model on the GPU.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use saigak_lab_gpu::State;

use super::hangs::{CONTINUE, DOOR, DOOR_FILE, STOP};
use super::{ASKED, until};
use crate::guest::Guest;
use crate::guest::gpu::{Gpus, LIBRARY};
use crate::net::client::AGENT_PORT;
use crate::scenario::sidecar::HIDDEN;
use crate::scenario::stage::{FIRST_READY, Stage};
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(in crate::scenario) const SCENARIO: Scenario = Scenario {
    name: "sidecar-gpu",
    story: "In a pod, a GPU is ill, its driver hangs, or its library is gone: told to people, and \
            a model on the GPU stays served",
    needs: Needs::StandIn,
    shows: &[
        "GpuDriverLoaded/Loaded",
        "GpuDriverLoaded/ProbeHangs",
        "GpuDriverLoaded/LibraryPathWrong",
        "GpuHealthy/RebootRequired",
        "GpuOffloaded/OnGpu",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// The agent's children, with the kernel's letter for what each does.
const STATES: &str = "for pid in $(pgrep --parent $(systemctl show -P MainPID \
    saigak-agent.service)); do cat /proc/$pid/stat; done | sed 's/.*) //' | cut -d' ' -f1";
/// Ends them, and fails where there is none.
const END_CHILDREN: &str = "pkill --parent $(systemctl show -P MainPID saigak-agent.service)";

/// How many may wait in the kernel.
const CHILDREN: usize = 2;

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_ready_with(Gpus::of(State::healthy())).await?;
    guest.sh(DOOR).await?;
    let last = guest.timeline.last().context("no report")?;
    let mark = guest.mark();
    guest.sh(HIDDEN).await?;
    let again = guest.until_another_agent(mark.at, &last, FIRST_READY).await?;
    guest.until_ready(again.at, FIRST_READY).await?;
    well(&guest).await.context("all in order")?;
    until(&guest, "GpuOffloaded", "True", "OnGpu").await?;

    let serving = guest.mark();
    ill(stage, &guest).await.context("a GPU that wants a reboot")?;
    gone(stage, &guest).await.context("no library in the container")?;
    hangs(stage, &guest).await.context("a driver that hangs")?;
    let lapse = guest.timeline.since(serving.at).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "a model on the GPU was out of service: {lapse:?}");
    guest.client_embed().await.context("Ready was a lie: a client gets no embedding")?;
    guest.expect_repairs(&serving, &[])
}

async fn well(guest: &Guest) -> Result<()> {
    until(guest, "GpuDriverLoaded", "True", "Loaded").await?;
    until(guest, "GpuHealthy", "True", "Healthy").await
}

/// It may be another pod's.
async fn ill(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: a GPU of the node wants a reboot");
    let mark = guest.mark();
    guest.change_gpus(|state| state.gpus[0].recovery_action = Some(2))?;
    let seen = guest.expect(&mark, "GpuHealthy", "False", "RebootRequired", ASKED).await?;
    let next = guest.timeline.last().context("no report")?.next;
    ensure!(next.contains("restart the node"), "a person is told: {next}");
    stage.add_seen("pod: a GPU wants a reboot", seen - mark.at, guest, &mark);
    guest.change_gpus(|state| *state = State::healthy())?;
    well(guest).await
}

/// The runtime has not brought it. NVIDIA's program, which would find its own, is left alone.
async fn gone(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: the container has no library of NVIDIA's");
    let mark = guest.mark();
    guest.sh(&format!("mv {LIBRARY} /srv/library && {END_CHILDREN}")).await?;
    let seen = guest.expect(&mark, "GpuDriverLoaded", "False", "LibraryPathWrong", ASKED).await?;
    stage.add_seen("pod: no library", seen - mark.at, guest, &mark);
    guest.sh(&format!("mv /srv/library {LIBRARY}")).await?;
    well(guest).await
}

/// Children are given up, and no more than two; the agent answers on.
async fn hangs(stage: &Stage, guest: &Guest) -> Result<()> {
    guest.change_gpus(|state| state.stuck = Some(DOOR_FILE.into()))?;
    stage.say("breaks: the driver answers nothing any more");
    let mark = guest.mark();
    guest.sh(STOP).await?;
    let limit = Duration::from_secs(90);
    let seen = guest.expect(&mark, "GpuDriverLoaded", "Unknown", "ProbeHangs", limit).await?;
    stage.add_seen("pod: the driver hangs", seen - mark.at, guest, &mark);
    // A second one is given up as well meanwhile, and a third not started.
    guest.quiet(Duration::from_secs(60)).await?;
    let states = guest.sh(STATES).await?;
    ensure!(states.contains('D'), "no child is in the kernel's hands: {states:?}");
    ensure!(states.lines().count() <= CHILDREN, "too many are: {states:?}");
    let answer = guest.get(AGENT_PORT, "/readyz").await?;
    ensure!(answer.status == 200, "/readyz says {}: {}", answer.status, answer.body);

    stage.say("the driver answers again");
    let mended = guest.mark();
    guest.sh(CONTINUE).await?;
    // The next child may be minutes away by then.
    let limit = Duration::from_mins(4);
    guest.expect(&mended, "GpuHealthy", "True", "Healthy", limit).await.map(drop)
}
