//! The agent in a container beside the server's, in one pod. What is the kubelet's there is left
//! to it: processes, the network, disks. What is said is what clients get, and what is done is
//! done through the server's own API; of all else nothing is said, since nothing is known of it.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::ptr;
use std::sync::{LazyLock, PoisonError};
use std::time::Duration;

use tokio::time;

use super::facts::Seen;
use super::real::Shared;
use super::{CONDITIONS, Known, Remedy, concern, declared};
use crate::config::Place;
use crate::core::{BootClock, Clock, Condition, Judgement, Reason, Report, Role, Rung, Status};
use crate::ollama::{self, Answer, Api};
use crate::serve::is_current;
use crate::{further, gpu, model};

/// Those of a guest's conditions that can be known here, and what each waits for.
static HERE: &[&Condition] = &[
    &Condition { needs: &[], explained_by: &[], ..ollama::OLLAMA_SERVING },
    &Condition { needs: &["OllamaServing"], ..ollama::ENDPOINT_REACHABLE },
    &Condition { needs: &["OllamaServing"], explained_by: &[], ..model::MODEL_PRESENT },
    &model::ALIAS_PRESENT,
    // Of the node's GPUs, one that is ill may be another pod's: said, and nothing hangs on it.
    &Condition { role: Role::Advisory, needs: &[], ..gpu::GPU_DRIVER_LOADED },
    &Condition { role: Role::Advisory, ..gpu::GPU_HEALTHY },
    &Condition { explained_by: &["GpuDriverLoaded", "GpuHealthy"], ..gpu::GPU_OFFLOADED },
    &model::EMBEDDING_CORRECT,
    &further::FURTHER_MODELS_SERVED,
    &further::OPTIONAL_MODELS_SERVED,
];

/// The concerns that are looked at here.
const LOOKED_AT: [usize; 4] = [concern::OLLAMA, concern::MODEL, concern::GPU, concern::PROOF];

/// A person's commands on a guest, and what stands for them here; the longest first.
const ADVICE: [(&str, &str); 14] = [
    (
        "reboot; or without: systemctl stop ollama nvidia-persistenced saigak-agent && rmmod \
         nvidia_uvm nvidia_drm nvidia_modeset nvidia; modprobe nvidia && systemctl start \
         saigak-agent",
        "delete the pod: the runtime gives the next one the library of the node's driver",
    ),
    (
        "see journalctl -t saigak-agent, and as root: saigak-agent gpu-probe",
        "see the log of the agent's container",
    ),
    ("DeviceAllow= of the unit", "what the runtime lets the agent's container open"),
    ("stop what uses it (systemctl stop ollama)", "stop the pods that use it"),
    ("restart the VM (virtctl restart)", "restart the node"),
    ("restart the VM", "restart the node"),
    ("move the VM", "move the pod"),
    (
        "rm /var/lib/saigak-agent/references.json && systemctl restart saigak-agent",
        "delete the pod, and the agent's state with it",
    ),
    (
        "its files are what their names say, and the server cannot read them: see journalctl -u \
         ollama",
        "remove the file that the log of Ollama's container names from the model's volume, to be \
         pulled anew",
    ),
    ("journalctl -u ollama and -u saigak-agent", "the logs of both containers"),
    ("systemctl status ollama", "kubectl describe pod"),
    ("systemctl restart ollama", "a restart of its container"),
    ("journalctl -u ollama", "the log of Ollama's container"),
    ("in the unit's environment", "in the container's environment"),
];

/// The conditions that are reported at `place`.
#[must_use]
pub fn conditions(place: Place) -> &'static [&'static Condition] {
    match place {
        Place::Guest => CONDITIONS,
        Place::Sidecar => HERE,
    }
}

/// Whether `concern` is looked at, at `place`.
pub(super) fn looks_at(place: Place, concern: usize) -> bool {
    place == Place::Guest || LOOKED_AT.contains(&concern)
}

/// Whether `remedy` can be had, at `place`.
pub(super) fn has(place: Place, remedy: Remedy) -> bool {
    match remedy {
        _ if place == Place::Guest => true,
        Remedy::Model(remedy) => remedy != model::Remedy::DropDamaged,
        Remedy::Further(_) => true,
        _ => false,
    }
}

/// Every reason as it is here, by its place in memory: less the rungs that need a guest.
static REASONS: LazyLock<HashMap<usize, &'static Reason<Remedy>>> = LazyLock::new(|| {
    let all = declared().flat_map(|(_, reasons)| reasons.iter().copied());
    all.map(|reason| (ptr::from_ref(reason).addr(), here(reason))).collect()
});

/// One reason as it is here. Made once for each, and kept.
fn here(reason: &'static Reason<Remedy>) -> &'static Reason<Remedy> {
    let rungs = reason.ladder.iter().copied();
    let ladder: Vec<Rung<Remedy>> = rungs.filter(|rung| has(Place::Sidecar, rung.remedy)).collect();
    let replace = |advice: String, (there, here): &(&str, &str)| advice.replace(there, here);
    let advice = ADVICE.iter().fold(reason.advice.to_owned(), replace);
    Box::leak(Box::new(Reason { ladder: ladder.leak(), advice: advice.leak(), ..*reason }))
}

/// All that can be said here at `uptime`.
pub(super) fn judge(known: &Known<'_>, uptime: Duration) -> Vec<Judgement<Remedy>> {
    let judged = LOOKED_AT.into_iter().flat_map(|concern| known.judge_concern(concern, uptime));
    let said = judged.filter(|judged| HERE.iter().any(|it| it.name == judged.condition));
    said.map(|judged| {
        let reason = REASONS.get(&ptr::from_ref(judged.reason).addr());
        Judgement { reason: reason.copied().unwrap_or(judged.reason), ..judged }
    })
    .collect()
}

/// Why whoever restarts the server should do so now: it is proven stuck. A report that is not of
/// now proves nothing, nor is anything restarted under the hands of a person, or under a pull.
#[must_use]
pub fn proven_stuck(report: &Report, uptime: Duration) -> Option<String> {
    const PROOFS: [(&str, &str); 2] =
        [("OllamaServing", "Unresponsive"), ("EmbeddingCorrect", "Stuck")];
    if !is_current(report, uptime) || report.paused_until.is_some() || report.pull.is_some() {
        return None;
    }
    let mut conditions = report.conditions.iter();
    let stuck = conditions.find(|it| {
        it.status == Status::False && PROOFS.contains(&(it.r#type.as_str(), it.reason.as_str()))
    })?;
    Some(format!("{}/{}: {}", stuck.r#type, stuck.reason, stuck.message))
}

impl Shared {
    /// Looks at the server in the other container.
    pub(super) async fn look_beside(&self, at: Duration) {
        let current = self.current();
        let before = current.facts().ollama.as_ref().map(|seen| seen.value.clone());
        let config = &current.config.ollama;
        let value = ollama::beside::look(config, &self.client, before.as_ref(), at).await;
        let served = current.facts().server();
        current.facts().ollama = Some(Seen { at, value });
        if current.facts().server() != served {
            self.moved.notify_waiters();
            self.waker.wake(concern::MODEL);
            self.waker.wake(concern::PROOF);
        }
    }

    /// Asks the server one question after the other, and gives each far more time than it needs.
    /// Without end.
    pub(super) async fn ask_patiently(&self) {
        let mut asked = None;
        loop {
            let port = self.current().config.ollama.port;
            let api = Api::at(&self.client, Ipv4Addr::LOCALHOST.into(), port);
            let answer = Answer::of(api.alive(ollama::PATIENCE).await);
            let connections = ollama::beside::connections(port).await;
            let at = BootClock.now().uptime;
            {
                let mut patience = self.patience.lock().unwrap_or_else(PoisonError::into_inner);
                // Another port is another server.
                let before =
                    if asked == Some(port) { *patience } else { ollama::Patience::default() };
                *patience = before.follow(answer.as_ref(), connections, at);
            }
            asked = Some(port);
            self.waker.wake(concern::OLLAMA);
            if answer != Some(Answer::Silent) {
                time::sleep(ollama::APART).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::core::{AgentReport, ConditionReport, Engine, Ledger};
    use crate::guest::Facts;
    use crate::model::{Log, PullState};
    use crate::serve::first_report;

    #[test]
    fn its_conditions_stand_in_order_and_are_a_guest_s() {
        let now = BootClock.now();
        let agent = AgentReport::default();
        Engine::<Remedy>::new(conditions(Place::Sidecar), agent, Ledger::fresh(), now).unwrap();
        for here in HERE {
            let there = CONDITIONS.iter().find(|there| there.name == here.name).unwrap();
            assert_eq!(here.concern, there.concern);
            let own = here.role == Role::Advisory && here.concern == "gpu";
            assert!(own || here.role == there.role, "{}", here.name);
        }
    }

    #[test]
    fn no_reason_has_a_rung_that_needs_a_guest_or_names_systemd() {
        for (condition, reasons) in declared() {
            if HERE.iter().all(|here| here.name != condition.name) {
                continue;
            }
            for reason in *reasons {
                let here = REASONS[&ptr::from_ref(*reason).addr()];
                assert_eq!((here.name, here.status), (reason.name, reason.status));
                let foreign = here.ladder.iter().find(|rung| !has(Place::Sidecar, rung.remedy));
                assert!(foreign.is_none(), "{}/{}", condition.name, here.name);
                for word in ["systemctl", "journalctl", "VM", "virtctl"] {
                    let names = here.advice.split([' ', '\'']).any(|said| said == word);
                    assert!(!names, "{}/{}: {}", condition.name, here.name, here.advice);
                }
            }
        }
    }

    #[test]
    fn nothing_is_said_of_what_is_the_kubelet_s() {
        let mut config = Config { place: Place::Sidecar, ..Config::default() };
        config.gpu.expected = 0;
        let (pull, proofs, facts) = (PullState::Idle, Log::default(), Facts::default());
        let known = Known { config: &config, facts: &facts, pull: &pull, proofs: &proofs };
        let said: Vec<_> =
            known.judge(Duration::ZERO).iter().map(|judged| judged.condition).collect();
        let further = ["FurtherModelsServed", "OptionalModelsServed"];
        let gpu = ["GpuDriverLoaded", "GpuHealthy", "GpuOffloaded"];
        assert_eq!(said[..3], gpu, "no GPU is expected, and nothing else is known");
        assert_eq!(said[3..], further, "and there are no other models");
    }

    /// A report of now, of one condition.
    fn report(condition: &str, status: Status, reason: &str) -> Report {
        let condition = ConditionReport {
            r#type: condition.into(),
            concern: "ollama".into(),
            role: Role::Required,
            status,
            reason: reason.into(),
            message: "no answer".into(),
            last_transition_time: String::new(),
            since: Duration::ZERO,
        };
        Report {
            conditions: vec![condition],
            uptime: Duration::from_secs(100),
            ..first_report(AgentReport::default(), String::new())
        }
    }

    #[test]
    fn only_what_is_proven_stuck_now_is_to_be_restarted() {
        let now = Duration::from_secs(101);
        let stuck = || report("OllamaServing", Status::False, "Unresponsive");
        let said = proven_stuck(&stuck(), now).unwrap();
        assert_eq!(said, "OllamaServing/Unresponsive: no answer");
        let runner = report("EmbeddingCorrect", Status::False, "Stuck");
        assert!(proven_stuck(&runner, now).is_some());
        for (reason, status) in
            [("Busy", Status::Unknown), ("NotListening", Status::False), ("Serving", Status::True)]
        {
            assert_eq!(proven_stuck(&report("OllamaServing", status, reason), now), None);
        }
        let elsewhere = report("ModelPresent", Status::False, "Unresponsive");
        assert_eq!(proven_stuck(&elsewhere, now), None);
        assert_eq!(proven_stuck(&stuck(), Duration::from_secs(120)), None, "a stale report");
        let paused = Report { paused_until: Some("noon".into()), ..stuck() };
        assert_eq!(proven_stuck(&paused, now), None, "a person is at work");
        let first = first_report(AgentReport::default(), String::new());
        assert_eq!(proven_stuck(&first, now), None, "the agent has just started");
    }
}
