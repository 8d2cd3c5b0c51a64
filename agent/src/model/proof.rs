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

/// How often in a row a proof that came back wrong, or as an error, is repeated at once: a
/// runner that dies spoils one request, and the next one loads it anew.
const AT_ONCE: u32 = 2;

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
    /// No answer.
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
    /// The last one that ended: its server, when it began, how it ended.
    pub last: Option<(Server, Duration, Attempt)>,
    /// The one that runs: its server, and when it began.
    pub running: Option<(Server, Duration)>,
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
                Attempt::Wrong(_) | Attempt::Failed(_) => {
                    uptime.saturating_sub(self.ended) >= pause(self.failures, interval)
                }
            },
            _ => true,
        }
    }

    /// Uptime since which none has begun, and none has ended that put the server to work.
    #[must_use]
    pub fn quiet_since(&self) -> Duration {
        let begun = self.running.map_or(Duration::ZERO, |(_, began)| began);
        begun.max(self.worked_until)
    }

    /// Takes in how one ended that began at `began`.
    pub fn note(&mut self, server: Server, began: Duration, ended: Duration, attempt: Attempt) {
        let same = self.last.as_ref().is_some_and(|(of, ..)| *of == server);
        self.failures = match attempt {
            Attempt::Wrong(_) | Attempt::Failed(_) if same => self.failures.saturating_add(1),
            Attempt::Wrong(_) | Attempt::Failed(_) => 1,
            Attempt::Good | Attempt::Busy | Attempt::TimedOut => 0,
        };
        if attempt == Attempt::Good {
            self.good = Some((server, began, ended.saturating_sub(began)));
        }
        if attempt != Attempt::Busy {
            self.worked_until = ended;
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

/// Carries out one proof of `server` and notes its outcome.
pub async fn prove(proofs: &Proofs, api: &Api, server: Server, config: &config::Model) {
    let began = BootClock.now().uptime;
    proofs.change(|log| log.running = Some((server, began)));
    let request = json!({ "model": config.alias, "input": TEXT });
    let answer = api.post::<Embeddings>("/v1/embeddings", &request, DEADLINE).await;
    let attempt = judge(answer, config.dimension);
    let ended = BootClock.now().uptime;
    if attempt != Attempt::Good {
        tracing::debug!(?attempt, "proof");
    }
    proofs.change(|log| log.note(server, began, ended, attempt));
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
        let restarted = Server { invocation: 8, ..SERVER };
        assert!(log(Attempt::Good).due(restarted, at(101), interval));
    }

    #[test]
    fn a_proof_that_fails_is_repeated_twice_at_once_and_then_ever_more_rarely() {
        let mut log = Log::default();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            log.note(SERVER, at(70), at(100), Attempt::Failed("killed".into()));
            let due = |seconds: &u64| log.due(SERVER, at(100 + seconds), at(10));
            pauses.push((0..1000).find(due).unwrap());
        }
        assert_eq!(pauses, [0, 0, 10, 20, 40, 80, 160, 300, 300]);
        let restarted = Server { invocation: 8, ..SERVER };
        assert!(log.due(restarted, at(100), at(10)));
        log.note(restarted, at(100), at(100), Attempt::Wrong(Flaw::NotFinite(0)));
        assert!(log.due(restarted, at(100), at(10)));
        log.note(restarted, at(100), at(101), Attempt::Good);
        assert_eq!((log.failures, log.good), (0, Some((restarted, at(100), at(1)))));
    }

    #[test]
    fn a_proof_that_waits_or_is_refused_gives_the_server_nothing_to_do() {
        let mut log = Log::default();
        assert_eq!(log.quiet_since(), at(0));
        log.running = Some((SERVER, at(100)));
        assert_eq!(log.quiet_since(), at(100));
        log.note(SERVER, at(100), at(103), Attempt::Good);
        assert_eq!(log.quiet_since(), at(103));
        log.note(SERVER, at(110), at(110), Attempt::Busy);
        assert_eq!(log.quiet_since(), at(103));
        log.note(SERVER, at(120), at(123), Attempt::Failed("killed".into()));
        assert_eq!(log.quiet_since(), at(123));
        log.note(SERVER, at(130), at(130), Attempt::Busy);
        assert_eq!(log.quiet_since(), at(123));
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
