//! NVIDIA's own library and program, without a device: what they really say.

use anyhow::{Context, Result, ensure};
use saigak_lab_gpu::{Gpu, State};

use super::ASKED;
use crate::guest::gpu::{Gpus, Library, PROGRAM, Pci};
use crate::guest::report::Report;
use crate::scenario::stage::Stage;
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(in crate::scenario) const SCENARIO: Scenario = Scenario {
    name: "gpu-own",
    story: "NVIDIA's own library and nvidia-smi, as Debian packs them, in a guest without a device",
    needs: Needs::StandIn,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

async fn play(stage: &Stage) -> Result<()> {
    let Some(own) = stage.lab.run.plan.equipment.nvidia.clone() else {
        stage.say("left out: NVIDIA's own library could not be had from Debian's non-free");
        return Ok(());
    };
    let library = Library::Real(own.library, own.program);
    let pci = vec![Pci::nvidia(&Gpu::geforce(0), None)];
    let undriven = State { driver: None, ..State::healthy() };
    let guest = stage.boot_with(Gpus { pci, library, ..Gpus::of(undriven) }).await?;
    let mark = guest.since_boot();
    let named = |report: &Report| {
        !report.ready
            && report.condition("GpuDriverLoaded").is_some_and(|it| it.reason == "ModuleNotBuilt")
    };
    let seen = guest.wait(mark.at, ASKED, "GpuDriverLoaded/ModuleNotBuilt", named).await?.at;
    let probe = guest.try_sh("timeout 20 saigak-agent gpu-probe").await?;
    stage.say(&format!("the probe: {}", probe.stdout.trim().replace('\n', " ")));
    ensure!(probe.stdout.contains("\"code\":9"), "NVML's own code: {}", probe.stdout);
    let program = guest.try_sh(PROGRAM).await?;
    ensure!(program.code == 9, "nvidia-smi ended with {}: {}", program.code, program.stdout);
    let check = guest.sh("saigak-agent check || true").await.context("saigak-agent check")?;
    let line = check.lines().find(|line| line.contains("GpuDriverLoaded")).unwrap_or_default();
    stage.say(&format!("saigak-agent check: {}", line.trim()));
    stage.add_seen("NVIDIA's own library, no device", seen - mark.at, &guest, &mark);
    Ok(())
}
