//! What it costs to watch a GPU with which nothing happens.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use saigak_lab_gpu::State;
use tokio::time::sleep;

use super::until;
use crate::guest::Guest;
use crate::guest::gpu::Gpus;
use crate::scenario::stage::Stage;
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(in crate::scenario) const SCENARIO: Scenario = Scenario {
    name: "gpu-idle",
    story: "Five minutes with a healthy GPU: the probe waits inside of NVML, and costs next to \
            nothing",
    needs: Needs::StandIn,
    shows: &["GpuHealthy/Healthy"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const WATCHED: Duration = Duration::from_mins(5);
/// What it may use of the CPU in that time.
const CPU: Duration = Duration::from_secs(3);
/// What is read by and by of one GPU, and the waits for events: no more calls a second.
const CALLS: u64 = 2;

/// Resident memory in kilobytes, how often it went to sleep by itself, and what it has asked of
/// NVML: the stand-in counts it in a file that the process has open.
const LOOK: &str = "id=$(systemctl show -P MainPID 'saigak-probe-gpu@*.service' | grep -v ^0) && \
    awk '/^VmRSS:/ { print $2 }' /proc/$id/status && \
    awk '/^voluntary/ { print $2 }' /proc/$id/status && \
    systemctl show -P CPUUsageNSec 'saigak-probe-gpu@*.service' | grep . && \
    for fd in /proc/$id/fd/*; do case $(readlink $fd) in *nvml-calls*) cat $fd;; esac; done";

struct Look {
    kilobytes: u64,
    sleeps: u64,
    cpu: Duration,
    calls: BTreeMap<String, u64>,
}

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_ready_with(Gpus::of(State::healthy())).await?;
    until(&guest, "GpuHealthy", "True", "Healthy").await?;
    stage.say("watches for five minutes");
    let before = look(&guest).await?;
    // Nothing is waited for here: the point is that nothing comes.
    sleep(WATCHED).await;
    let after = look(&guest).await?;
    let cpu = after.cpu.saturating_sub(before.cpu);
    let new = |(name, count): (&String, &u64)| {
        (name.clone(), count - before.calls.get(name).copied().unwrap_or(0))
    };
    let calls: BTreeMap<String, u64> = after.calls.iter().map(new).collect();
    let sum: u64 = calls.values().sum();
    stage.say(&format!(
        "the probe: {} kB, {} ms of CPU, asleep {} times, {sum} calls of NVML: {calls:?}",
        after.kilobytes,
        cpu.as_millis(),
        after.sleeps - before.sleeps,
    ));
    ensure!(cpu < CPU, "an idle probe used {cpu:?} of CPU");
    ensure!(sum <= CALLS * WATCHED.as_secs(), "an idle probe asked NVML {sum} times");
    guest.quiet(Duration::ZERO).await
}

async fn look(guest: &Guest) -> Result<Look> {
    let text = guest.sh(LOOK).await?;
    let mut lines = text.lines();
    let mut number = || {
        let line = lines.next().with_context(|| format!("too short: {text}"))?;
        line.parse::<u64>().with_context(|| format!("not a number: {line}"))
    };
    let (kilobytes, sleeps, cpu) = (number()?, number()?, number()?);
    let calls = lines.next().context("the stand-in counts no calls")?;
    let calls = serde_json::from_str(calls).with_context(|| format!("no counts: {calls}"))?;
    Ok(Look { kilobytes, sleeps, cpu: Duration::from_nanos(cpu), calls })
}
