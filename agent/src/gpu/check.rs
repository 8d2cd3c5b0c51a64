//! From the facts of the GPUs to their conditions. Pure.

use std::time::Duration;

use super::attached::{self, GPU_ATTACHED, NOT_EXPECTED};
use super::driven::{self, GPU_DRIVER_LOADED};
use super::facts::Facts;
use super::healthy::{self, GPU_HEALTHY};
use super::offloaded::{self, GPU_OFFLOADED};
use super::seen::Seen;
use crate::config;
use crate::core::{Condition, Judgement, Status};
use crate::guest::{Declared, Remedy};

/// The conditions, and all that can be said of each.
pub static REASONS: &[Declared] = &[
    (&GPU_ATTACHED, attached::REASONS),
    (&GPU_DRIVER_LOADED, driven::REASONS),
    (&GPU_HEALTHY, healthy::REASONS),
    (&GPU_OFFLOADED, offloaded::REASONS),
];

static CONDITIONS: [&Condition; 4] =
    [&GPU_ATTACHED, &GPU_DRIVER_LOADED, &GPU_HEALTHY, &GPU_OFFLOADED];

/// That no GPU is expected holds for as long after it was said last, whatever is not known of the
/// server meanwhile: longer than a ready guest may go without any look at it.
const HOLDS: Duration = Duration::from_hours(1);

/// The server that answers now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// systemd's id of its start.
    pub invocation: u128,
    /// Uptime of its start.
    pub at: Duration,
}

/// Judges the GPUs at `uptime`. `facts` is what was seen of them, if anything, `seen` what the
/// probe has said, `server` the start of the server that answers.
#[must_use]
pub fn check(
    facts: Option<&Facts>,
    seen: &Seen,
    config: &config::Gpu,
    server: Option<Start>,
    uptime: Duration,
) -> Vec<Judgement<Remedy>> {
    if config.expected == 0 {
        let message = "the configuration expects no GPU";
        let holds = |it| Judgement::new(it, &NOT_EXPECTED, message).until(uptime + HOLDS);
        return CONDITIONS.map(holds).into();
    }
    let Some(facts) = facts else { return Vec::new() };
    let attached = attached::judge(facts, config);
    let driven = driven::judge(facts, seen, config);
    let healthy = healthy::judge(seen, config, uptime);
    let holds = |judged: &Judgement<Remedy>| judged.reason.status == Status::True;
    let usable = holds(&attached) && holds(&driven) && healthy.as_ref().is_some_and(holds);
    let late = usable && server.is_some_and(|server| seen.became_usable_after(server.at));
    let invocation = server.map(|server| server.invocation);
    let mut offloaded = offloaded::judge(&facts.placed, invocation, late, uptime);
    if holds(&offloaded) && usable && seen.names_no_process() {
        // Told, not judged: the server may have lost its runner since, and loads it anew.
        offloaded.message.push_str("; NVML names no process that computes");
    }
    [Some(attached), Some(driven), healthy, Some(offloaded)].into_iter().flatten().collect()
}

/// Why a server that runs must not be disturbed for its GPU's sake.
#[must_use]
pub fn forbids_restart(seen: &Seen, config: &config::Gpu, uptime: Duration) -> Option<String> {
    (config.expected > 0).then(|| healthy::forbids_restart(seen, config, uptime)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::pci::Device;
    use super::super::placed::{Placed, Size};
    use super::super::probe::{Gpu, Versions};
    use super::super::seen::Driver;
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What is said of a model on the CPU whose server was started at 50 s.
    fn on_cpu(seen: &Seen) -> &'static str {
        let size = Size { total: 7, on_gpu: 0 };
        let device = Device { address: "0000:06:00.0".into(), driver: Some("nvidia".into()) };
        let facts = Facts {
            devices: Ok(vec![device]),
            placed: Placed::default().follow(1, Ok(Some(size)), at(100)),
        };
        let server = Some(Start { invocation: 1, at: at(50) });
        let judged = check(Some(&facts), seen, &config::Gpu::default(), server, at(101));
        judged.last().unwrap().reason.name
    }

    #[test]
    fn the_server_is_restarted_only_for_a_healthy_gpu_that_came_after_it() {
        let driver = Driver::Up(Versions { driver: "550".into(), library: None });
        let gpus = Some(vec![Gpu::default()]);
        let late = Seen { driver, gpus, usable_since: Some(at(80)), ..Seen::default() };
        assert_eq!(on_cpu(&late), "StartedBeforeDriver");
        let early = Seen { usable_since: Some(at(20)), ..late.clone() };
        assert_eq!(on_cpu(&early), "OnCpu");
        assert_eq!(on_cpu(&Seen { usable_since: None, ..late.clone() }), "OnCpu");
        let lost = Some(vec![Gpu { lost: true, ..Gpu::default() }]);
        assert_eq!(on_cpu(&Seen { gpus: lost, ..late.clone() }), "OnCpu");
        assert_eq!(on_cpu(&Seen { driver: Driver::Silent, ..late }), "OnCpu");
    }

    #[test]
    fn where_none_is_expected_all_holds_and_nothing_is_forbidden() {
        let none = config::Gpu { expected: 0, ..config::Gpu::default() };
        let judged = check(None, &Seen::default(), &none, None, at(0));
        assert_eq!(judged.len(), CONDITIONS.len());
        assert!(judged.iter().all(|judged| judged.reason.status == Status::True));
        // While nothing is known of the server, it is not for a GPU's sake that nobody is served.
        assert!(judged.iter().all(|judged| judged.expires == Some(HOLDS)));
        assert!(check(None, &Seen::default(), &config::Gpu::default(), None, at(0)).is_empty());
    }
}
