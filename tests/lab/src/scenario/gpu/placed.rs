//! Where the model lies.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use saigak_lab_gpu::State;

use super::{RESTART, SEEN, until};
use crate::guest::Guest;
use crate::guest::gpu::Gpus;
use crate::guest::report::Report;
use crate::scenario::stage::{FIRST_READY, Stage};
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(in crate::scenario) const SCENARIO: Scenario = Scenario {
    name: "gpu-placed",
    story: "The model lies on the GPU, partly, or was unloaded for want of requests: told apart",
    needs: Needs::StandIn,
    shows: &[
        "GpuOffloaded/OnGpu",
        "GpuOffloaded/PartlyOnCpu",
        "GpuOffloaded/MostlyOnCpu",
        "GpuOffloaded/Unloaded",
        "GpuOffloaded/NotLoaded",
        "GpuOffloaded/Unreadable",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Several proofs, each of which loads the model again.
const WATCHED: Duration = Duration::from_secs(45);

/// A model is unloaded a second after its last use.
const SHORT_LIVED: &str = "mkdir -p /run/systemd/system/ollama.service.d && \
    printf '[Service]\\nEnvironment=OLLAMA_KEEP_ALIVE=1s\\n' \
    > /run/systemd/system/ollama.service.d/keep.conf && systemctl daemon-reload";

/// Faults of the stand-in, and where the server is told of them.
const FAULTS: &str = "/run/faults.json";
const FAULTY: &str = "mkdir -p /run/systemd/system/ollama.service.d && \
    printf '[Service]\\nEnvironment=SAIGAK_STANDIN_FAULTS=/run/faults.json\\n' \
    > /run/systemd/system/ollama.service.d/faults.conf && systemctl daemon-reload";

/// Bytes that another program leaves of the card's memory: room for most of the lab's model of
/// 16 MiB, and for little of it.
const ROOM: u64 = 12 << 20;
const LITTLE: u64 = 256 << 10;

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_ready_with(Gpus::of(State::healthy())).await?;
    until(&guest, "GpuOffloaded", "True", "OnGpu").await?;
    unloaded(stage, &guest).await.context("unloaded for want of requests")?;
    partly(stage, &guest).await.context("another program has the card's memory")?;
    unlisted(stage, &guest).await.context("the server does not say what is loaded")
}

/// That it is not loaded is no fault, and never taken for one.
async fn unloaded(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("has the server unload the model a second after each request, and not pinned");
    guest.sh("mkdir -p /etc/saigak-agent/conf.d").await?;
    guest.write_file("/etc/saigak-agent/conf.d/50-lab.toml", "[model]\npinned = false\n")?;
    guest.sh("systemctl reload saigak-agent.service").await?;
    let mark = guest.mark();
    guest.sh(&format!("{SHORT_LIVED} && {RESTART}")).await?;
    // The reload has its say as well: it is the restart that is waited for.
    let lapses = |report: &Report| !report.ready;
    let lapse = guest.wait(mark.at, FIRST_READY, "the restart", lapses).await?.at;
    guest.until_ready(lapse, FIRST_READY).await?;
    let seen = guest.expect(&mark, "GpuOffloaded", "True", "Unloaded", SEEN).await?;
    let watched = guest.mark();
    guest.quiet(WATCHED).await?;
    let fault = guest.timeline.since(watched.at).into_iter().find(|seen| {
        !seen.report.ready
            || seen.report.condition("GpuOffloaded").is_some_and(|it| it.status == "False")
    });
    ensure!(fault.is_none(), "an unloaded model was taken for a fault: {fault:?}");
    stage.add_seen("model unloaded after a second", seen - mark.at, guest, &mark);
    Ok(())
}

/// What it said before counts for a minute.
async fn unlisted(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: the server's list of loaded models says nothing");
    let mark = guest.mark();
    guest.write_file(FAULTS, r#"{ "unlisted": true }"#)?;
    guest.sh(&format!("{FAULTY} && {RESTART}")).await?;
    guest.expect(&mark, "GpuOffloaded", "Unknown", "Unreadable", FIRST_READY).await?;
    guest.expect_repairs(&mark, &[])?;
    let mended = guest.mark();
    guest.write_file(FAULTS, "{}")?;
    guest.until_ready(mended.at, SEEN).await.map(drop)
}

async fn partly(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("another program takes the card's memory, but for most of the model");
    guest.change_gpus(|state| state.gpus[0].foreign = state.gpus[0].memory - ROOM)?;
    until(guest, "GpuOffloaded", "True", "PartlyOnCpu").await?;
    stage.say("it takes that as well, but for a little");
    let mark = guest.mark();
    guest.change_gpus(|state| state.gpus[0].foreign = state.gpus[0].memory - LITTLE)?;
    let named = |report: &Report| {
        !report.ready
            && report.cause.as_ref().is_some_and(|cause| cause.reason == "MostlyOnCpu")
            && report.next.contains("nvidia-smi")
    };
    let seen = guest.wait(mark.at, SEEN, "MostlyOnCpu, not ready, and advice", named).await?.at;
    guest.quiet(Duration::from_secs(12)).await?;
    guest.expect_repairs(&mark, &[])?;
    let cured = guest.mark();
    guest.change_gpus(|state| state.gpus[0].foreign = 0)?;
    guest.until_ready(cured.at, SEEN).await.context("with the memory free again")?;
    guest.expect_repairs(&mark, &[])?;
    stage.add_seen("model mostly on the CPU", seen - mark.at, guest, &mark);
    Ok(())
}
