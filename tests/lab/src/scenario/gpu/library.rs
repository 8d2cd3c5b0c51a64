//! The driver is loaded, and what asks it is refused: NVML's own codes, told apart. The model is
//! on the GPU all the while, and stays served.

use anyhow::{Context, Result, ensure};
use saigak_lab_gpu::State;

use super::{ASKED, END_PROBES, until};
use crate::guest::Guest;
use crate::guest::gpu::{Gpus, LIBRARY, PROGRAM};
use crate::guest::report::Report;
use crate::scenario::stage::Stage;
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(in crate::scenario) const SCENARIO: Scenario = Scenario {
    name: "gpu-library",
    story: "The driver was upgraded under its module, its library is gone, or refuses: named, and \
            a model on the GPU stays served",
    needs: Needs::StandIn,
    shows: &[
        "GpuDriverLoaded/VersionMismatch",
        "GpuDriverLoaded/LibraryMissing",
        "GpuDriverLoaded/LibraryPathWrong",
        "GpuDriverLoaded/InterruptTrouble",
        "GpuDriverLoaded/BlockedByOs",
        "GpuDriverLoaded/NoPermission",
        "GpuDriverLoaded/ProbeFailed",
        "GpuDriverLoaded/DevicesMissing",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// NVML's codes, and what they are called.
const REFUSALS: &[(u32, &str, &str)] = &[
    (4, "NoPermission", "Unknown"),
    (11, "InterruptTrouble", "False"),
    (17, "BlockedByOs", "False"),
    (999, "ProbeFailed", "Unknown"),
];

/// What brings the device nodes, in a guest without a device.
const PERSISTENCED: &str = "[Service]\nType=oneshot\nRemainAfterExit=yes\n\
    ExecStart=/bin/mv /srv/gpu/started.json /srv/gpu/state.json\n";

async fn play(stage: &Stage) -> Result<()> {
    let healthy = State::healthy();
    let guest = stage.boot_ready_with(Gpus::of(healthy.clone())).await?;
    let mark = guest.mark();
    until(&guest, "GpuDriverLoaded", "True", "Loaded").await?;

    stage.say("breaks: the library is upgraded, the loaded module is not");
    let at = guest.mark();
    // Who has the old one open goes on with that; the next probe does not.
    guest.change_gpus(|state| state.library = "580.65.06".into())?;
    guest.sh(END_PROBES).await?;
    said(stage, &guest, "VersionMismatch", "False", "rmmod nvidia_uvm").await?;
    for (code, reason, status) in REFUSALS {
        guest.change_gpus(|state| state.init = Some(*code))?;
        said(stage, &guest, reason, status, "")
            .await
            .with_context(|| format!("NVML says {code}"))?;
    }
    guest.change_gpus(|state| *state = healthy.clone())?;
    back(&guest).await?;
    guest.expect_repairs(&at, &[])?;

    without_library(stage, &guest).await?;

    stage.say("breaks: the device nodes are missing");
    let started = serde_json::to_string(&healthy).context("cannot write a state")?;
    guest.write_file("/srv/gpu/started.json", started)?;
    guest.write_file("/etc/systemd/system/nvidia-persistenced.service", PERSISTENCED)?;
    let at = guest.mark();
    guest.change_gpus(|state| state.init = Some(9))?;
    guest.sh(&format!("systemctl daemon-reload && {END_PROBES}")).await?;
    said(stage, &guest, "DevicesMissing", "False", "").await?;
    back(&guest).await?;
    guest.expect_repairs(&at, &["gpu/StartPersistence"])?;

    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "a guest whose model is on the GPU was not ready: {lapse:?}");
    guest.client_embed().await.map(drop).context("Ready was a lie: a client gets no embedding")
}

/// nvidia-smi is asked where there is no library; without both, and in a container, it is said.
async fn without_library(stage: &Stage, guest: &Guest) -> Result<()> {
    let at = guest.mark();
    guest.sh(&format!("mv {LIBRARY} /srv/library && {END_PROBES}")).await?;
    let by_program = |report: &Report| {
        report.condition("GpuDriverLoaded").is_some_and(|it| it.message.contains("nvidia-smi"))
    };
    stage.say("breaks: the library is gone, nvidia-smi is there");
    let asked = guest.wait(at.at, ASKED, "nvidia-smi asked instead", by_program).await?.at;
    let healthy = guest.expect(&at, "GpuHealthy", "True", "Healthy", ASKED).await?;
    stage.add_seen("library gone, nvidia-smi asked", asked.max(healthy) - at.at, guest, &at);
    guest.sh(&format!("mv {PROGRAM} /srv/program && {END_PROBES}")).await?;
    said(stage, guest, "LibraryMissing", "False", "ldconfig").await?;
    guest.sh("touch /.dockerenv").await?;
    said(stage, guest, "LibraryPathWrong", "False", "device-list strategy").await?;
    guest
        .sh(&format!("rm /.dockerenv; mv /srv/library {LIBRARY}; mv /srv/program {PROGRAM}"))
        .await?;
    back(guest).await?;
    guest.expect_repairs(&at, &[])
}

async fn said(
    stage: &Stage,
    guest: &Guest,
    reason: &str,
    status: &str,
    advice: &str,
) -> Result<()> {
    let mark = guest.mark();
    let named = |report: &Report| {
        report
            .condition("GpuDriverLoaded")
            .is_some_and(|it| it.reason == reason && it.status == status)
            && (report.next.contains(advice) || condition_says(report, advice))
    };
    let what = format!("GpuDriverLoaded to be {status}/{reason}");
    let seen = guest.wait(mark.at, ASKED, &what, named).await?.at;
    stage.add_seen(reason, seen - mark.at, guest, &mark);
    Ok(())
}

/// What is not the cause of an unready guest has its advice in its own line.
fn condition_says(report: &Report, advice: &str) -> bool {
    report.condition("GpuDriverLoaded").is_some_and(|it| it.message.contains(advice))
}

async fn back(guest: &Guest) -> Result<()> {
    let mark = guest.mark();
    guest.expect(&mark, "GpuDriverLoaded", "True", "Loaded", ASKED).await?;
    until(guest, "GpuHealthy", "True", "Healthy").await
}
