//! What the driver tells of two GPUs: XIDs, errors of their memory, heat, and the loss of one.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use saigak_lab_gpu::state::XID;
use saigak_lab_gpu::{Event, Gpu, State};

use super::{ASKED, PROBES_CPU, until};
use crate::guest::Guest;
use crate::guest::gpu::Gpus;
use crate::guest::report::Report;
use crate::scenario::stage::{FIRST_READY, Stage};
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(in crate::scenario) const SCENARIO: Scenario = Scenario {
    name: "gpu-health",
    story: "XIDs, bad memory, heat, and one of two GPUs lost: each under NVIDIA's name, warnings \
            apart from faults, nothing reset, nothing killed",
    needs: Needs::StandIn,
    shows: &[
        "GpuHealthy/Healthy",
        "GpuHealthy/ApplicationFault",
        "GpuHealthy/OtherXid",
        "GpuHealthy/ThermalSlowdown",
        "GpuHealthy/PowerSlowdown",
        "GpuHealthy/RowRemapPending",
        "GpuHealthy/RowRemapFailed",
        "GpuHealthy/EccContained",
        "GpuHealthy/UncorrectedEcc",
        "GpuHealthy/ResetRequired",
        "GpuHealthy/RebootRequired",
        "GpuHealthy/DrainRequired",
        "GpuHealthy/GspFailed",
        "GpuHealthy/Lost",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// The card that is unwell: not the one that the model is on.
const SECOND: usize = 1;

struct Case {
    what: &'static str,
    change: fn(&mut Gpu),
    xid: Option<u64>,
    reason: &'static str,
    /// What a person is told to do; nothing for a warning, which leaves the guest ready.
    advice: Option<&'static str>,
}

const fn warning(what: &'static str, xid: u64, reason: &'static str) -> Case {
    Case { what, change: |_| {}, xid: Some(xid), reason, advice: None }
}

const RESET: Option<&str> = Some("nvidia-smi --gpu-reset");
const RESTART: Option<&str> = Some("restart the VM");

const CASES: &[Case] = &[
    warning("XID 13: a program's own fault", 13, "ApplicationFault"),
    warning("XID 63: a row waits to be remapped", 63, "RowRemapPending"),
    warning("XID 8: any other", 8, "OtherXid"),
    Case {
        what: "heat",
        change: |gpu| (gpu.clocks_event_reasons, gpu.temperature) = (0x40, 96),
        xid: None,
        reason: "ThermalSlowdown",
        advice: None,
    },
    Case {
        what: "want of power",
        change: |gpu| gpu.clocks_event_reasons = 0x80,
        xid: None,
        reason: "PowerSlowdown",
        advice: None,
    },
    Case {
        what: "uncorrected errors, contained as the driver says",
        change: |gpu| {
            gpu.recovery_action = Some(0);
            ecc(gpu).uncorrected = 2;
        },
        xid: None,
        reason: "EccContained",
        advice: None,
    },
    Case {
        what: "uncorrected errors",
        change: |gpu| ecc(gpu).uncorrected = 2,
        xid: None,
        reason: "UncorrectedEcc",
        advice: RESET,
    },
    Case {
        what: "XID 48: an uncorrected error",
        change: |_| {},
        xid: Some(48),
        reason: "ResetRequired",
        advice: RESET,
    },
    Case {
        what: "NVML asks for a reset",
        change: |gpu| gpu.reset_required = true,
        xid: None,
        reason: "ResetRequired",
        advice: RESET,
    },
    Case {
        what: "no row left to remap to",
        change: |gpu| ecc(gpu).remap_failed = true,
        xid: None,
        reason: "RowRemapFailed",
        advice: Some("replaced"),
    },
    Case {
        what: "XID 119: the GPU's own processor is silent",
        change: |_| {},
        xid: Some(119),
        reason: "GspFailed",
        advice: RESTART,
    },
    Case {
        what: "the driver asks for a reboot",
        change: |gpu| gpu.recovery_action = Some(2),
        xid: Some(154),
        reason: "RebootRequired",
        advice: RESTART,
    },
    Case {
        what: "the driver asks to drain peer traffic",
        change: |gpu| gpu.recovery_action = Some(3),
        xid: Some(154),
        reason: "DrainRequired",
        advice: Some("drain"),
    },
    Case {
        what: "XID 79: one of two fell off the bus",
        change: |gpu| gpu.lost = true,
        xid: Some(79),
        reason: "Lost",
        advice: RESTART,
    },
];

fn ecc(gpu: &mut Gpu) -> &mut saigak_lab_gpu::Ecc {
    gpu.ecc.get_or_insert_default()
}

async fn play(stage: &Stage) -> Result<()> {
    let mut healthy = State::healthy();
    // A driver that names no recovery action: NVIDIA's table of XIDs decides.
    healthy.gpus.push(Gpu { recovery_action: None, ..Gpu::server(1) });
    let guest = stage.boot_ready_with(Gpus::of(healthy.clone())).await?;
    for case in CASES {
        stage.say(&format!("breaks: {}", case.what));
        until(&guest, "GpuHealthy", "True", "Healthy").await?;
        played(stage, &guest, case).await.with_context(|| case.what.to_owned())?;
        // An XID is remembered by the agent alone.
        let mark = guest.mark();
        guest.change_gpus(|now| *now = healthy.clone())?;
        guest.sh("systemctl restart saigak-agent.service").await?;
        guest.until_ready(mark.at, FIRST_READY).await.context("with all in order again")?;
    }
    Ok(())
}

async fn played(stage: &Stage, guest: &Guest, case: &Case) -> Result<()> {
    let server = guest.invocation("ollama.service").await?;
    let mark = guest.mark();
    guest.change_gpus(|state| {
        (case.change)(&mut state.gpus[SECOND]);
        let event = |data| Event { gpu: SECOND, kind: XID, data };
        state.events.extend(case.xid.map(event));
    })?;
    let named = |report: &Report| {
        report.ready == case.advice.is_none()
            && case.advice.is_none_or(|advice| report.next.contains(advice))
            && report
                .condition("GpuHealthy")
                .is_some_and(|it| it.reason == case.reason && it.message.contains("NVIDIA L4"))
    };
    let what = format!("GpuHealthy/{} of the second GPU", case.reason);
    let seen = guest.wait(mark.at, ASKED, &what, named).await?.at;
    let before = guest.sh(PROBES_CPU).await?;
    guest.quiet(Duration::from_secs(5)).await?;
    let spent = cpu(&guest.sh(PROBES_CPU).await?)?.saturating_sub(cpu(&before)?);
    ensure!(spent < Duration::from_millis(500), "the probe used {spent:?} of CPU in 5 s");
    guest.expect_repairs(&mark, &[])?;
    ensure!(guest.invocation("ollama.service").await? == server, "Ollama was restarted");
    if case.advice.is_none() {
        guest.client_embed().await.context("Ready was a lie: a client gets no embedding")?;
    }
    stage.add_seen(case.what, seen - mark.at, guest, &mark);
    Ok(())
}

fn cpu(nanoseconds: &str) -> Result<Duration> {
    let sum = nanoseconds.lines().map(str::parse::<u64>).sum::<Result<u64, _>>();
    sum.map(Duration::from_nanos).with_context(|| format!("not numbers: {nanoseconds}"))
}
