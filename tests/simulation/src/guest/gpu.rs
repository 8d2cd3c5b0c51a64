//! The probe that asks the GPU's driver, as the agent follows it, and the look at the GPU itself.

use saigak_agent::core::Outcome;
use saigak_agent::gpu::probe::{self, Failure, Host, Line, Versions};
use saigak_agent::gpu::{self, Device, Driver, Size};
use saigak_agent::guest::{Seen, concern};

use super::acts::{Act, AtEnd};
use super::{Guest, seen};
use crate::world::{Gpu, Runner, World};

/// The probe: one process after the other.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Probe {
    /// The agent has looked at its GPU, and wants one.
    wanted: bool,
    /// When it speaks next, or is given up, or is had.
    next: u64,
    /// When the one that speaks began.
    speaks: Option<u64>,
    /// It is waited for, and its driver hangs.
    silent: bool,
    /// Probes in a row that brought nothing.
    failures: u32,
    /// It has told that the GPU is lost.
    told_lost: bool,
}

/// From one line of all GPUs to the next.
const POLL: u64 = 15_000;
/// So long a probe may say nothing.
const SILENCE: u64 = 30_000;
/// So long one lives: it keeps the library that it has loaded.
const LIVES: u64 = 600_000;
/// The pause before the next one where the last was given up, and where the driver was down: it
/// doubles.
const PAUSES: [(u64, u64); 2] = [(5000, 600_000), (1000, 30_000)];
/// How long the kernel takes to load the module.
const LOADS: u64 = 2000;
/// What a model takes.
const SIZE: u64 = 640 << 20;

/// Never: no probe speaks.
const NEVER: u64 = u64::MAX;

impl Probe {
    pub(super) fn sleep(&mut self, time: u64) {
        self.next += time;
    }

    /// The pause after one more that brought nothing.
    fn pause(&mut self, (first, longest): (u64, u64)) -> u64 {
        let pause = (first << self.failures.min(16)).min(longest);
        self.failures += 1;
        pause
    }
}

/// Why NVML is not at work, by its own numbers.
fn failure(gpu: &Gpu) -> Option<Failure> {
    let failed = |code| Some(Failure { code, words: "NVML does not work".into() });
    if !gpu.loaded || !gpu.nodes {
        return failed(9);
    }
    if gpu.replaced { failed(18) } else { None }
}

fn host(world: &World) -> Host {
    let gpu = &world.gpu;
    Host {
        kernel: "6.12".into(),
        loaded: gpu.loaded,
        built: gpu.built,
        devices_made: gpu.made.map(|at| seen::uptime(world, at)),
        ..Host::default()
    }
}

impl Guest {
    /// Since when the driver's own words are heard. In the future: they are not.
    #[must_use]
    pub fn probed_since(&self) -> u64 {
        self.memory.probe.speaks.unwrap_or(NEVER)
    }

    /// The probe says what it has to say.
    pub(super) fn follow_probe(&mut self) {
        let (now, gpu) = (self.world.now, &self.world.gpu);
        let uptime = seen::uptime(&self.world, now);
        let probe = &mut self.memory.probe;
        // NVML tells of that by itself.
        let falls = probe.speaks.is_some() && gpu.lost && !probe.told_lost;
        if !probe.wanted || (now < probe.next && !falls) {
            return;
        }
        let told = &mut self.memory.facts.gpu_probe;
        self.woken |= 1 << concern::GPU;
        if gpu.hangs {
            if std::mem::replace(&mut probe.silent, true) {
                *probe = Probe { speaks: None, silent: false, ..*probe };
                told.driver = Driver::Silent;
                told.abandoned += 1;
                probe.next = now + probe.pause(PAUSES[0]);
            } else {
                let since = if probe.speaks.is_some() { POLL } else { 0 };
                probe.next = now + SILENCE - since;
            }
            return;
        }
        probe.silent = false;
        if probe.speaks.is_some_and(|began| now - began >= LIVES) {
            probe.speaks = None;
        }
        if probe.speaks.is_none() {
            told.take(Line::Host(host(&self.world)), uptime);
            if let Some(failure) = failure(gpu) {
                told.take(Line::Failed(failure), uptime);
                probe.next = now + probe.pause(PAUSES[1]);
                return;
            }
            if self.forgetful {
                told.driver = Driver::Silent;
            }
            let versions = Versions { driver: "550".into(), library: Some("12.550".into()) };
            told.take(Line::Nvml(versions), uptime);
            *probe = Probe { speaks: Some(now), failures: 0, ..*probe };
        }
        probe.told_lost = gpu.lost;
        told.take(Line::Gpus(vec![probe::Gpu { lost: gpu.lost, ..probe::Gpu::default() }]), uptime);
        probe.next = now + POLL;
    }

    /// A look at PCI, and at where the server says that the model lies.
    pub(super) fn see_gpu(&mut self, at: std::time::Duration) {
        if self.config().gpu.expected == 0 {
            return;
        }
        let now = self.world.now;
        let probe = &mut self.memory.probe;
        if !std::mem::replace(&mut probe.wanted, true) {
            probe.next = now;
        }
        let facts = &mut self.memory.facts;
        let before = facts.gpu.take().map(|seen| seen.value.placed).unwrap_or_default();
        let answers = facts.ollama.as_ref().filter(|seen| seen.value.answers());
        let unit = answers.and_then(|seen| seen.value.unit.as_ref().ok());
        let placed = match unit {
            Some(unit) => before.follow(unit.invocation, placed(&self.world), at),
            None => before,
        };
        let devices = Ok(devices(&self.world.gpu));
        facts.gpu = Some(Seen { at, value: gpu::Facts { devices, placed } });
    }

    pub(super) fn do_gpu(&mut self, remedy: gpu::Remedy, act: &mut Act) -> Outcome {
        act.ends = Some(self.world.now + LOADS);
        act.at_end = Some(match remedy {
            gpu::Remedy::LoadModule => AtEnd::LoadModule,
            gpu::Remedy::StartPersistence => AtEnd::MakeNodes,
        });
        Outcome::Succeeded("done".into())
    }

    /// Something was done about the driver: it is asked again at once, and tells after that.
    pub(super) fn ask_driver_again(&mut self) {
        self.memory.probe.next = self.world.now + 1;
    }
}

fn devices(gpu: &Gpu) -> Vec<Device> {
    let driver = gpu.loaded.then(|| "nvidia".to_owned());
    let device = Device { address: "0000:06:00.0".into(), driver };
    gpu.attached.then_some(device).into_iter().collect()
}

fn placed(world: &World) -> Result<Option<Size>, String> {
    if !world.server_answers() {
        return Err("no answer".into());
    }
    let on_gpu = if world.server.on_gpu { SIZE } else { 0 };
    Ok((world.server.runner != Runner::Unloaded).then_some(Size { total: SIZE, on_gpu }))
}
