//! From what was seen of all concerns to what is said. Pure: the same for the guest that the agent
//! runs in and for a simulated one.

use std::time::Duration;

use super::facts::{Facts, Seen, fresh};
use super::{CONDITIONS, Remedy, concern, sidecar};
use crate::config::{Config, Place};
use crate::core::{Judgement, ModelReport, Status, tame};
use crate::model::{Log, PullState, Server};
use crate::{bootstrap, further, gpu, model, names, network, ollama, storage, system};

/// All that is known of a guest.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// What should be.
    pub config: &'a Config,
    /// What was seen.
    pub facts: &'a Facts,
    /// What the last pull has come to.
    pub pull: &'a PullState,
    /// What was proven.
    pub proofs: &'a Log,
}

/// Whether there is still something that `remedy` would mend.
pub(super) fn wanted(judged: &[Judgement<Remedy>], remedy: Remedy) -> bool {
    judged.iter().any(|judgement| {
        let reason = judgement.reason;
        reason.status == Status::False && reason.ladder.iter().any(|rung| rung.remedy == remedy)
    })
}

/// The concerns that something is said of, in the order of [`CONDITIONS`]. What is seen of the
/// firewall is said of the server.
pub const JUDGED: [usize; 9] = [
    concern::BOOTSTRAP,
    concern::NETWORK,
    concern::STORAGE,
    concern::OLLAMA,
    concern::NAMES,
    concern::MODEL,
    concern::GPU,
    concern::PROOF,
    concern::SYSTEM,
];

/// What `check` makes of what was seen, if that is not too long ago; it rests on that look, where
/// it does not say otherwise.
fn told<T>(
    seen: Option<&Seen<T>>,
    uptime: Duration,
    check: impl FnOnce(&Seen<T>) -> Vec<Judgement<Remedy>>,
) -> Vec<Judgement<Remedy>> {
    let Some(seen) = fresh(seen, uptime) else { return Vec::new() };
    let mut judged = check(seen);
    for judgement in &mut judged {
        judgement.seen_at = judgement.seen_at.or(Some(seen.at));
    }
    judged
}

impl Known<'_> {
    /// All that can be said at `uptime`. A condition of which nothing is known is left out.
    #[must_use]
    pub fn judge(&self, uptime: Duration) -> Vec<Judgement<Remedy>> {
        if self.config.place == Place::Sidecar {
            return sidecar::judge(self, uptime);
        }
        let mut all = Vec::with_capacity(CONDITIONS.len());
        for concern in JUDGED {
            all.extend(self.judge_concern(concern, uptime));
        }
        all
    }

    /// What can be said of one of [`JUDGED`] at `uptime`.
    #[must_use]
    pub fn judge_concern(&self, concern: usize, uptime: Duration) -> Vec<Judgement<Remedy>> {
        match concern {
            concern::BOOTSTRAP => told(self.facts.bootstrap.as_ref(), uptime, |seen| {
                vec![bootstrap::check(&seen.value)]
            }),
            concern::NETWORK => told(self.facts.network.as_ref(), uptime, |seen| {
                seen.value.as_ref().map(network::check).unwrap_or_default()
            }),
            concern::STORAGE => told(self.facts.storage.as_ref(), uptime, |seen| {
                let config = &self.config.storage;
                let store = self.facts.store(&config.path);
                let check = |facts| storage::check(facts, config, &store);
                seen.value.as_ref().map(check).unwrap_or_default()
            }),
            concern::OLLAMA => told(self.facts.ollama.as_ref(), uptime, |seen| {
                let Config { ollama, storage, .. } = self.config;
                if self.config.place == Place::Sidecar {
                    return ollama::beside::check(
                        &seen.value,
                        &self.facts.patience,
                        ollama,
                        uptime,
                    );
                }
                let mut judged = ollama::check(&seen.value, ollama, storage, uptime);
                if let Some(firewall) = self.facts.firewall(uptime) {
                    ollama::filter(&mut judged, firewall);
                }
                judged
            }),
            concern::NAMES => {
                told(self.facts.names.as_ref(), uptime, |seen| vec![names::check(&seen.value)])
            }
            concern::MODEL => {
                let mut judged = told(self.facts.model.as_ref(), uptime, |seen| {
                    let model = seen.value.as_ref().map_err(String::as_str);
                    model::check(model, seen.at, self.pull, &self.config.model)
                });
                judged.push(model::check_files(&self.facts.files));
                judged
            }
            concern::PROOF => {
                let (progress, all) = (self.progress(uptime), &self.facts.further);
                let further = further::check(all, &self.given(&progress, uptime));
                self.judge_proof(uptime).into_iter().chain(further).collect()
            }
            concern::GPU => self.judge_gpus(uptime),
            concern::SYSTEM => {
                told(self.facts.system.as_ref(), uptime, |seen| system::check(&seen.value))
            }
            _ => Vec::new(),
        }
    }

    fn judge_proof(&self, uptime: Duration) -> Option<Judgement<Remedy>> {
        let server = self.facts.server()?;
        let progress = self.progress(uptime);
        let seen_at = self.facts.model.as_ref().map_or(Duration::ZERO, |seen| seen.at);
        let proofs = self.proofs.of_weights(self.facts.alias_weights(), seen_at);
        Some(model::check_proof(&proofs, server, &progress, &self.config.proof, uptime))
    }

    /// The server's progress on anything, as far as it is known.
    fn progress(&self, uptime: Duration) -> ollama::Progress {
        let ollama = fresh(self.facts.ollama.as_ref(), uptime);
        let progress = ollama.map(|seen| seen.value.progress).unwrap_or_default();
        if self.config.place == Place::Sidecar {
            // A node's GPU may work for another pod. And one that does nothing, with no other sign
            // to be had of the server, proves nothing: it may be reading from its disk.
            return progress;
        }
        let (gpu, gpu_told) = self.facts.gpu_probe.computed();
        ollama::Progress { gpu, gpu_told, ..progress }
    }

    /// What the further models are judged by.
    fn given<'b>(&'b self, progress: &'b ollama::Progress, uptime: Duration) -> further::Given<'b> {
        let server = self.facts.server();
        further::Given { server, progress, proof: &self.config.proof, uptime }
    }

    /// What is to be said of each of the further models, at `uptime`.
    pub(super) fn models(&self, uptime: Duration) -> Vec<ModelReport> {
        let (progress, all) = (self.progress(uptime), &self.facts.further);
        let verdicts = self.given(&progress, uptime).verdicts(all);
        let report = |(one, verdict): (&further::Further, further::Verdict)| ModelReport {
            alias: one.config.alias.clone(),
            required: one.config.required,
            status: verdict.reason.status,
            reason: verdict.reason.name.into(),
            message: tame(verdict.message),
        };
        all.iter().zip(verdicts).map(report).collect()
    }

    /// The further model that `remedy` is for, at `uptime`.
    pub(super) fn subject(
        &self,
        remedy: further::Remedy,
        uptime: Duration,
    ) -> Option<&further::Further> {
        self.given(&self.progress(uptime), uptime).subject(&self.facts.further, remedy)
    }

    /// Whether a pull runs, of whatever model.
    pub(super) fn pulls(&self) -> bool {
        let further = self.facts.further.iter().map(|one| &one.pull);
        further.chain([self.pull]).any(|pull| matches!(pull, PullState::Running(_)))
    }

    fn judge_gpus(&self, uptime: Duration) -> Vec<Judgement<Remedy>> {
        let facts = self.facts;
        let started = || facts.ollama.as_ref()?.value.unit.as_ref().ok().map(|unit| unit.started);
        let start =
            |server: Server| Some(gpu::Start { invocation: server.invocation, at: started()? });
        let server = facts.server().and_then(start);
        let gpus = fresh(facts.gpu.as_ref(), uptime);
        let mut judged = gpu::check(
            gpus.map(|seen| &seen.value),
            &facts.gpu_probe,
            &self.config.gpu,
            server,
            uptime,
        );
        for judgement in &mut judged {
            judgement.seen_at = judgement.seen_at.or(gpus.map(|seen| seen.at));
        }
        judged
    }

    /// Whether there is still something that `remedy` would mend, at `uptime`.
    #[must_use]
    pub fn wants(&self, remedy: Remedy, uptime: Duration) -> bool {
        wanted(&self.judge(uptime), remedy)
    }
}
