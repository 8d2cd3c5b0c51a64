//! The proof: a real embedding through the alias, each time asked for the way clients ask.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use super::ask;
use super::reference::{Likeness, References};
use super::vector::{Embeddings, Flaw};
use crate::config;
use crate::core::{BootClock, Clock};
use crate::ollama::{Api, ApiError};

/// The text that is embedded. Not empty (an empty one stalled some releases) and always the
/// same, so that two proofs can be compared.
pub(super) const TEXT: &str = "The quick brown fox jumps over the lazy dog.";

/// When a proof is given up: the server gives up a load after five minutes by itself.
pub(super) const DEADLINE: Duration = Duration::from_secs(330);

/// How often in a row a proof that came back wrong, or as an error, is repeated at once: a
/// runner that dies spoils one request, and the next one loads it anew.
const AT_ONCE: u32 = 2;

/// How many times as long as a proof takes the pause before the next one is at least, as far as the
/// time allows for which one counts. So those of the first model take two thirds of a thousandth of
/// the server's time, and all of the further ones together the third that is left.
const RARITY: u32 = 1500;

/// How many times as long the pause is while clients are served: what they get done proves the
/// server alive, and a proof would only take its turn from one of them.
const SPARED: u32 = 3;

/// The longest pause between further ones. Each may load the model, and a load that is killed
/// for want of memory takes other processes with it.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The server that a proof is of. One that was restarted, or that answers elsewhere, must
/// prove itself anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    /// Its address.
    pub address: Ipv4Addr,
    /// systemd's id of this start of its unit.
    pub invocation: u128,
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Attempt {
    /// Right.
    Good,
    /// An embedding came, and it is wrong.
    Wrong(Flaw),
    /// The server said that it is busy (503).
    Busy,
    /// No answer, or none to whose vector it is that came.
    TimedOut,
    /// An error came.
    Failed(String),
}

impl Attempt {
    /// All words for how one ended, as the metrics have them.
    pub const WORDS: [&str; 5] = ["good", "wrong", "busy", "timed_out", "failed"];

    /// The word for this one.
    #[must_use]
    pub fn word(&self) -> &'static str {
        let [good, wrong, busy, timed_out, failed] = Self::WORDS;
        match self {
            Self::Good => good,
            Self::Wrong(_) => wrong,
            Self::Busy => busy,
            Self::TimedOut => timed_out,
            Self::Failed(_) => failed,
        }
    }
}

/// What is known from proofs. Shared between the look that adds to it and the judge.
#[derive(Debug, Default)]
pub struct Proofs {
    log: Mutex<Log>,
}

/// The state of the proofs at one instant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Log {
    /// The last good one: its server, when it began, how long it took.
    pub good: Option<(Server, Duration, Duration)>,
    /// The weights that it was of, where they were known.
    pub good_of: Option<String>,
    /// What one costs its server: the least that a good one has taken since it was started, or since
    /// one was wrong. Others have waited, for a load or behind clients.
    pub cost: Option<Duration>,
    /// The last one that ended: its server, when it began, how it ended.
    pub last: Option<(Server, Duration, Attempt)>,
    /// The weights that the alias had then, where they were known.
    pub weights: Option<String>,
    /// The server that was last asked to pin its model, and when.
    pub pinned: Option<(Server, Duration)>,
    /// The one that runs: its server, and when it began.
    pub running: Option<(Server, Duration)>,
    /// The server that has refused each proof as too busy since then, and not one has ended in
    /// another way.
    pub refused_since: Option<(Server, Duration)>,
    /// How many in a row ended wrong or with an error, all of the last one's server.
    pub failures: u32,
    /// Uptime at which the last one ended.
    pub ended: Duration,
    /// Uptime at which the last one ended that the server may have worked on: one that it refused
    /// as too busy gave it nothing to do.
    pub worked_until: Duration,
}

impl Proofs {
    /// A copy of what is known.
    #[must_use]
    pub fn log(&self) -> Log {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was wrong may be mended: the next proof is not waited for.
    pub fn doubt(&self) {
        self.change(|log| log.failures = 0);
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Log)) {
        change(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Log {
    /// Whether a proof of `server`, whose alias has these weights, is due at `uptime`, where they are
    /// as far apart as `pace` says. `worked`: the uptime of the last look that saw it work for
    /// clients.
    #[must_use]
    pub fn due(
        &self,
        server: Server,
        weights: Option<&str>,
        uptime: Duration,
        pace: &config::Proof,
        worked: Option<Duration>,
    ) -> bool {
        let Some((_, at, attempt)) = self.last.as_ref().filter(|(of, ..)| *of == server) else {
            return true;
        };
        if weights.is_some() && weights != self.weights.as_deref() {
            return true;
        }
        let interval = pace.interval;
        match attempt {
            // Each further question would only lengthen the queue.
            Attempt::Good | Attempt::Busy | Attempt::TimedOut => {
                let recent =
                    |seen: Duration| seen > self.ended && uptime.saturating_sub(seen) < interval;
                // Not so long that it would not count any more.
                let spared = interval.saturating_mul(SPARED).min(pace.fresh);
                let pause = if worked.is_some_and(recent) { spared } else { interval };
                uptime.saturating_sub(*at) >= pause
            }
            Attempt::Wrong(_) | Attempt::Failed(_) => {
                uptime.saturating_sub(self.ended) >= pause(self.failures, interval)
            }
        }
    }

    /// How far apart they are, by what they have cost the server so far: never nearer than `config`
    /// says, and never so far that the last would not count any more when the next comes.
    #[must_use]
    pub fn pace(&self, config: &config::Proof) -> config::Proof {
        let longest = config.fresh.saturating_sub(config::FRESH_MARGIN).max(config.interval);
        let rare = self.cost.unwrap_or_default().saturating_mul(RARITY);
        config::Proof { interval: rare.clamp(config.interval, longest), ..config.clone() }
    }

    /// Uptime since which none has begun, and none has ended that put the server to work.
    #[must_use]
    pub fn quiet_since(&self) -> Duration {
        let begun = self.running.map_or(Duration::ZERO, |(_, began)| began);
        begun.max(self.worked_until)
    }

    /// The same, less a good one that was of other weights than the alias had at a look at
    /// `seen_at`. A look before that proof tells nothing against it.
    #[must_use]
    pub fn of_weights(&self, weights: Option<&str>, seen_at: Duration) -> Self {
        let mut log = self.clone();
        let other = weights.zip(self.good_of.as_deref()).is_some_and(|(now, of)| now != of);
        if other && self.good.is_some_and(|(_, began, _)| began <= seen_at) {
            (log.good, log.good_of) = (None, None);
        }
        log
    }

    /// The weights that a good proof of this start of the server was of, where they are known.
    fn proven_weights(&self, server: Server) -> Option<String> {
        self.good.filter(|(of, ..)| *of == server)?;
        self.good_of.clone()
    }

    /// Takes in how one ended that began at `began`.
    pub fn note(&mut self, server: Server, began: Duration, ended: Duration, attempt: Attempt) {
        let same = self.last.as_ref().is_some_and(|(of, ..)| *of == server);
        self.failures = match attempt {
            Attempt::Wrong(_) | Attempt::Failed(_) if same => self.failures.saturating_add(1),
            Attempt::Wrong(_) | Attempt::Failed(_) => 1,
            Attempt::Good | Attempt::Busy | Attempt::TimedOut => 0,
        };
        match attempt {
            Attempt::Good => {
                let took = ended.saturating_sub(began);
                let least = self.cost.filter(|_| self.good.is_some_and(|(of, ..)| of == server));
                self.cost = Some(least.map_or(took, |least| least.min(took)));
                self.good = Some((server, began, took));
            }
            // A later one that tells nothing must not make an earlier right one count again.
            Attempt::Wrong(_) => self.good = None,
            Attempt::Busy | Attempt::TimedOut | Attempt::Failed(_) => {}
        }
        if attempt == Attempt::Busy {
            let before = self.refused_since.filter(|(of, _)| *of == server);
            self.refused_since = before.or(Some((server, ended)));
        } else {
            self.worked_until = ended;
            self.refused_since = None;
        }
        self.running = None;
        self.last = Some((server, began, attempt));
        self.ended = ended;
    }
}

/// The pause after so many failures in a row.
fn pause(failures: u32, interval: Duration) -> Duration {
    match failures.checked_sub(AT_ONCE + 1) {
        None => Duration::ZERO,
        Some(doublings) => {
            let factor = 2_u32.saturating_pow(doublings);
            interval.saturating_mul(factor).min(LONGEST_PAUSE.max(interval))
        }
    }
}

/// Carries out one proof of `server`, whose alias has these weights, and notes its outcome. Where
/// they are not known now, those that it has proven are taken: the vector tells whether they are.
pub async fn prove(
    proofs: &Proofs,
    references: &Arc<References>,
    api: &Api,
    server: Server,
    weights: Option<String>,
    config: &config::Model,
) {
    let began = BootClock.now().uptime;
    let weights = weights.or_else(|| proofs.log().proven_weights(server));
    proofs.change(|log| log.running = Some((server, began)));
    let outcome = embed(references, api, weights.clone(), config).await;
    references.save();
    let (attempt, of) = match outcome {
        Ok(of) => (Attempt::Good, of),
        Err(attempt) => (attempt, None),
    };
    let ended = BootClock.now().uptime;
    if attempt != Attempt::Good {
        tracing::debug!(?attempt, "proof");
    }
    proofs.change(|log| {
        if attempt == Attempt::Good {
            log.good_of = of;
        }
        log.note(server, began, ended, attempt);
        log.weights = weights;
    });
}

/// One embedding, right in itself and like the reference of the weights that made it. Those may
/// have changed since `weights` were seen: where it is not plainly right, they are asked for once
/// more, and what was made of others is embedded anew. An alias whose weights the server does not
/// tell has nothing to be held against. Where it does not answer, nothing is known of the vector.
/// Returns the weights that it was of, where they are known.
async fn embed(
    references: &References,
    api: &Api,
    mut weights: Option<String>,
    config: &config::Model,
) -> Result<Option<String>, Attempt> {
    let request = json!({ "model": config.alias, "input": TEXT });
    for _ in 0..2 {
        let answer = api.post::<Embeddings>("/v1/embeddings", &request, DEADLINE).await;
        let vector = judge(answer, config.dimension)?;
        // A server whose alias is given ever other weights must not use up the room for these.
        for weights in config.weights.iter().chain(&weights) {
            references.touch(weights);
        }
        let doubted = weights.as_deref().map(|weights| references.compare(weights, &vector));
        if doubted == Some(Likeness::Alike) {
            return Ok(weights);
        }
        let now = ask::weights(api, &config.alias).await.map_err(|error| untold(&error))?;
        match now {
            None => return Ok(None),
            Some(now) if weights.as_deref() == Some(now.as_str()) => {
                references.take(&now, vector).map_err(Attempt::Wrong)?;
                return Ok(weights);
            }
            Some(_) => weights = now,
        }
    }
    Err(Attempt::Failed(format!("{} is given other weights again and again", config.alias)))
}

/// The weights cannot be learnt: that says nothing of the embedding.
fn untold(error: &ApiError) -> Attempt {
    tracing::debug!(%error, "whose vector it is is not known");
    match error {
        ApiError::Status { status: 503, .. } => Attempt::Busy,
        _ => Attempt::TimedOut,
    }
}

fn judge(answer: Result<Embeddings, ApiError>, dimension: usize) -> Result<Vec<f32>, Attempt> {
    Err(match answer {
        Ok(embeddings) => return embeddings.take(dimension).map_err(Attempt::Wrong),
        Err(ApiError::Status { status: 503, .. }) => Attempt::Busy,
        Err(ApiError::TimedOut { .. }) => Attempt::TimedOut,
        Err(ApiError::Status { message, .. }) if is_of_nan(&message) => {
            Attempt::Wrong(Flaw::Unwritable(message))
        }
        Err(error) => Attempt::Failed(error.to_string()),
    })
}

/// Whether the server's words mean that what it has computed is no number.
fn is_of_nan(words: &str) -> bool {
    // Go's own, of `encoding/json`.
    ["unsupported value: NaN", "unsupported value: +Inf", "unsupported value: -Inf"]
        .iter()
        .any(|value| words.contains(value))
}

#[cfg(test)]
mod tests;
