//! The proof: a real embedding through the alias, asked for the way clients ask.

use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use super::vector::{Embeddings, Flaw};
use crate::config;
use crate::core::{BootClock, Clock};
use crate::ollama::{Api, ApiError};

/// The text that is embedded. Not empty (an empty one stalled some releases) and always the
/// same, so that two proofs can be compared.
const TEXT: &str = "The quick brown fox jumps over the lazy dog.";

/// When a proof is given up: the server gives up a load after five minutes by itself.
const DEADLINE: Duration = Duration::from_secs(330);

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
    /// No answer.
    TimedOut,
    /// An error came.
    Failed(String),
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
    /// The last one that ended: its server, when it began, how it ended.
    pub last: Option<(Server, Duration, Attempt)>,
    /// The one that runs: its server, and when it began.
    pub running: Option<(Server, Duration)>,
}

impl Proofs {
    /// A copy of what is known.
    #[must_use]
    pub fn log(&self) -> Log {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Log)) {
        change(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Log {
    /// Whether a proof of `server` is due at `uptime`.
    #[must_use]
    pub fn due(&self, server: Server, uptime: Duration, interval: Duration) -> bool {
        match &self.last {
            Some((of, at, attempt)) if *of == server => match attempt {
                // Each further question would only lengthen the queue.
                Attempt::Good | Attempt::Busy | Attempt::TimedOut => {
                    uptime.saturating_sub(*at) >= interval
                }
                Attempt::Wrong(_) | Attempt::Failed(_) => true,
            },
            _ => true,
        }
    }
}

/// Carries out one proof of `server` and notes its outcome.
pub async fn prove(proofs: &Proofs, api: &Api, server: Server, config: &config::Model) {
    let began = BootClock.now().uptime;
    proofs.change(|log| log.running = Some((server, began)));
    let request = json!({ "model": config.alias, "input": TEXT });
    let answer = api.post::<Embeddings>("/v1/embeddings", &request, DEADLINE).await;
    let attempt = judge(answer, config.dimension);
    let took = BootClock.now().uptime.saturating_sub(began);
    if attempt != Attempt::Good {
        tracing::debug!(?attempt, "proof");
    }
    proofs.change(|log| {
        log.running = None;
        if attempt == Attempt::Good {
            log.good = Some((server, began, took));
        }
        log.last = Some((server, began, attempt));
    });
}

fn judge(answer: Result<Embeddings, ApiError>, dimension: usize) -> Attempt {
    match answer {
        Ok(embeddings) => {
            embeddings.check(dimension).map_or_else(Attempt::Wrong, |()| Attempt::Good)
        }
        Err(ApiError::Status { status: 503, .. }) => Attempt::Busy,
        Err(ApiError::TimedOut { .. }) => Attempt::TimedOut,
        Err(error) => Attempt::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Server = Server { address: Ipv4Addr::new(10, 0, 2, 2), invocation: 7 };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_restarted_server_is_proven_at_once_and_a_busy_one_is_not_pressed() {
        let interval = at(10);
        let log = |attempt| Log { last: Some((SERVER, at(100), attempt)), ..Log::default() };
        assert!(Log::default().due(SERVER, at(0), interval));
        assert!(!log(Attempt::Good).due(SERVER, at(105), interval));
        assert!(!log(Attempt::Busy).due(SERVER, at(105), interval));
        assert!(log(Attempt::Good).due(SERVER, at(110), interval));
        assert!(log(Attempt::Failed(String::new())).due(SERVER, at(101), interval));
        let restarted = Server { invocation: 8, ..SERVER };
        assert!(log(Attempt::Good).due(restarted, at(101), interval));
    }

    #[test]
    fn answers_are_told_apart() {
        let status =
            |status| Err(ApiError::Status { url: "u".into(), status, message: "m".into() });
        assert_eq!(judge(status(503), 2), Attempt::Busy);
        assert_eq!(judge(status(500), 2), Attempt::Failed("u: 500: m".into()));
        let late = ApiError::TimedOut { url: "u".into(), after: at(1) };
        assert_eq!(judge(Err(late), 2), Attempt::TimedOut);
    }
}
