//! The model runs on the CPU: because the server started first, because its GPU was lost, or
//! because it cannot use a GPU at all. One restart where that helps, and never a second.

use std::time::Duration;

use anyhow::{Context, Result};
use saigak_lab_gpu::state::XID;
use saigak_lab_gpu::{Event, State};

use super::{ASKED, RESTART, SEEN};
use crate::guest::Guest;
use crate::guest::gpu::Gpus;
use crate::guest::report::Report;
use crate::scenario::stage::{FIRST_READY, Stage};
use crate::scenario::table::Row;
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(in crate::scenario) const SCENARIO: Scenario = Scenario {
    name: "gpu-fallback",
    story: "Ollama started before the driver, lost its GPU, or cannot use one: restarted once \
            where that helps, never in a loop",
    needs: Needs::StandIn,
    shows: &["GpuOffloaded/StartedBeforeDriver", "GpuOffloaded/OnCpu", "GpuHealthy/Lost"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// A server that finds no GPU whatever NVML finds: another library of it is broken.
pub(super) const BLIND: &str = "mkdir -p /run/systemd/system/ollama.service.d && \
    printf '[Service]\\nEnvironment=SAIGAK_LAB_GPU=/nowhere\\n' \
    > /run/systemd/system/ollama.service.d/blind.conf && systemctl daemon-reload";
pub(super) const SEES: &str =
    "rm /run/systemd/system/ollama.service.d/blind.conf && systemctl daemon-reload";

/// What NVIDIA's own programs do once the driver can be used. The lab's server needs no node.
const MAKE_DEVICE: &str = "rm -f /dev/nvidia0; touch /dev/nvidia0";
/// A client has the server load the model, wherever it can.
const LOAD_ON_CPU: &str = "until curl --silent --fail --output /dev/null --data \
    '{\"model\":\"qwen3-embedding-saigak:0.6b\",\"input\":\"x\"}' \
    http://127.0.0.1:11434/api/embed; do sleep 0.1; done";

/// Several times the patience before a restart.
const WATCHED: Duration = Duration::from_secs(45);

async fn play(stage: &Stage) -> Result<()> {
    let driven = State::healthy();
    let undriven = State { driver: None, ..driven.clone() };
    let guest = stage.boot_with(Gpus::of(undriven)).await?;
    let mark = guest.since_boot();
    guest.expect(&mark, "GpuDriverLoaded", "False", "ModuleNotBuilt", FIRST_READY).await?;

    stage.say("the driver comes after the server");
    restarted_once(stage, &guest, "Ollama started before the driver", &driven).await?;

    stage.say("breaks: the model's GPU falls off the bus");
    let server = guest.invocation("ollama.service").await?;
    let mark = guest.mark();
    guest.change_gpus(|state| {
        state.gpus[0].lost = true;
        state.events.push(Event { gpu: 0, kind: XID, data: 79 });
    })?;
    let seen = guest.expect(&mark, "GpuHealthy", "False", "Lost", SEEN).await?;
    guest.quiet(WATCHED).await?;
    guest.expect_repairs(&mark, &[])?;
    anyhow::ensure!(guest.invocation("ollama.service").await? == server, "Ollama was restarted");
    stage.add_seen("the model's GPU is lost", seen - mark.at, &guest, &mark);
    stage.say("the GPU is back");
    restarted_once(stage, &guest, "Ollama had lost its GPU", &driven).await?;

    came_last(stage, &driven).await.context("an agent that came after the driver")?;
    blind(stage, &guest, &driven).await.context("a server that cannot use the GPU")
}

/// Nobody saw the driver come: its device nodes, younger than the server, tell of it. In a guest
/// of its own, whose budget is whole.
async fn came_last(stage: &Stage, driven: &State) -> Result<()> {
    stage.say("the driver comes after the server, and the agent last of all");
    let undriven = State { driver: None, ..driven.clone() };
    let guest = stage.boot_another_with(Gpus::of(undriven), "gpu-came-last").await?;
    let mark = guest.since_boot();
    guest.expect(&mark, "GpuOffloaded", "False", "OnCpu", FIRST_READY).await?;
    guest.sh("systemctl stop saigak-agent.service").await?;
    guest.sh(&format!("{} ; {RESTART}", super::END_PROBES)).await?;
    guest.sh(LOAD_ON_CPU).await?;
    guest.change_gpus(|state| *state = driven.clone())?;
    guest.sh(MAKE_DEVICE).await?;
    let mark = guest.mark();
    guest.sh("systemctl start saigak-agent.service").await?;
    let limit = Duration::from_mins(2);
    let on_gpu = guest.expect(&mark, "GpuOffloaded", "True", "OnGpu", limit).await?;
    guest.until_ready(on_gpu, limit).await?;
    guest.expect_repairs(&mark, &["ollama/Restart"])?;
    stage.add(Row {
        fault: "Ollama started before the driver, the agent after both".into(),
        healed: Some(on_gpu - mark.at),
        remedies: guest.remedies(&mark),
        ..Row::default()
    });
    Ok(())
}

async fn restarted_once(stage: &Stage, guest: &Guest, what: &str, driven: &State) -> Result<()> {
    let mark = guest.mark();
    guest.change_gpus(|state| *state = State { events: state.events.clone(), ..driven.clone() })?;
    let limit = Duration::from_mins(2);
    let loaded = guest.expect(&mark, "GpuHealthy", "True", "Healthy", ASKED).await?;
    let on_gpu = guest.expect(&mark, "GpuOffloaded", "True", "OnGpu", limit).await?;
    guest.until_ready(on_gpu, limit).await?;
    guest.expect_repairs(&mark, &["ollama/Restart"])?;
    guest.quiet(Duration::from_secs(20)).await.context("once is enough")?;
    stage.add(Row {
        fault: what.into(),
        seen: Some(loaded - mark.at),
        healed: Some(on_gpu - mark.at),
        remedies: guest.remedies(&mark),
        ..Row::default()
    });
    Ok(())
}

/// A restart does not help such a server, and only a person does.
async fn blind(stage: &Stage, guest: &Guest, driven: &State) -> Result<()> {
    stage.say("breaks: the server cannot use the GPU, whoever restarts it");
    let mark = guest.mark();
    guest.sh(&format!("{BLIND} && {RESTART}")).await?;
    let named = |report: &Report| {
        !report.ready
            && report.cause.as_ref().is_some_and(|cause| cause.reason == "OnCpu")
            && report.next.contains("journalctl -u ollama")
    };
    let seen = guest.wait(mark.at, FIRST_READY, "OnCpu and advice", named).await?.at;
    guest.quiet(WATCHED).await?;
    guest.expect_repairs(&mark, &[])?;
    stage.add_seen("the server cannot use a GPU", seen - mark.at, guest, &mark);

    stage.say("the driver is loaded anew, and the server still cannot use it");
    let mark = guest.mark();
    guest.change_gpus(|state| state.driver = None)?;
    guest.sh(super::END_PROBES).await?;
    guest.expect(&mark, "GpuDriverLoaded", "False", "ModuleNotBuilt", ASKED).await?;
    guest.change_gpus(|state| *state = driven.clone())?;
    let tried = |report: &Report| {
        report.cause.as_ref().is_some_and(|cause| cause.reason == "OnCpu")
            && report.repair.is_none()
            && !report.ready
    };
    let limit = Duration::from_mins(2);
    guest.expect(&mark, "GpuOffloaded", "False", "StartedBeforeDriver", limit).await?;
    let again = guest.mark();
    guest.wait(again.at, limit, "OnCpu after one restart", tried).await?;
    guest.quiet(WATCHED).await.context("a restart loop")?;
    guest.expect_repairs(&mark, &["ollama/Restart"])?;

    let cured = guest.mark();
    guest.sh(&format!("{SEES} && {RESTART}")).await?;
    guest.until_ready(cured.at, FIRST_READY).await.map(drop)
}
