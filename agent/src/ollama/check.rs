//! From the facts of the server to its conditions. Pure.

use std::time::Duration;

use super::facts::{Answer, Facts};
use super::repair::{FAILED, LOOPBACK_ONLY, NOT_LISTENING, START_LIMIT_HIT, STOPPED, UNRESPONSIVE};
use super::unit::Unit;
use crate::config;
use crate::core::{Condition, Judgement, Reason, Role};
use crate::guest::{Declared, Remedy};

/// The unit is active.
pub static OLLAMA_RUNNING: Condition = Condition {
    name: "OllamaRunning",
    concern: "ollama",
    role: Role::Required,
    needs: &["DataDiskMounted"],
    // An empty directory that belongs to root stops the server at start.
    explained_by: &["DataDiskWritable"],
    grace: Duration::from_secs(30),
};

/// The server answers somewhere on this guest.
pub static OLLAMA_SERVING: Condition = Condition {
    name: "OllamaServing",
    concern: "ollama",
    role: Role::Required,
    needs: &["OllamaRunning"],
    explained_by: &[],
    grace: Duration::from_secs(60),
};

/// The server answers where clients ask.
pub static ENDPOINT_REACHABLE: Condition = Condition {
    name: "EndpointReachable",
    concern: "ollama",
    role: Role::Required,
    needs: &["AddressAssigned", "OllamaServing"],
    explained_by: &[],
    grace: Duration::from_secs(60),
};

/// How long after its start a server may keep silent: GPU discovery takes up to 30 s, and
/// the port is bound before it begins.
const DISCOVERY: Duration = Duration::from_secs(40);

/// How long a server that does not answer must have been seen to do nothing, for it to be
/// stuck and not busy.
const BUSY: Duration = Duration::from_secs(10);

static RUNNING: Reason<Remedy> = Reason::good("Running");
static STARTING: Reason<Remedy> = Reason::passing("Starting", "the server starts");
static STOPPING: Reason<Remedy> = Reason::passing("Stopping", "the server stops");
static RESTARTING: Reason<Remedy> = Reason::passing(
    "Restarting",
    "systemd starts it again by itself; if that goes on, see journalctl -u ollama",
);
static UNIT_MISSING: Reason<Remedy> =
    Reason::fault("UnitMissing", "install Ollama, or name its unit in ollama.unit");
static UNIT_MASKED: Reason<Remedy> =
    Reason::fault("UnitMasked", "a person masked the unit: systemctl unmask ollama.service");
static UNREADABLE: Reason<Remedy> =
    Reason::unknown("Unreadable", "systemd does not answer on the system bus");
static SERVING: Reason<Remedy> = Reason::good("Serving");
static BUSY_SERVER: Reason<Remedy> =
    Reason::unknown("Busy", "the server may be at work, and is not disturbed");
static WRONG_ANSWER: Reason<Remedy> =
    Reason::fault("WrongAnswer", "something other than Ollama has the port: see ss -ltnp");
static REACHABLE: Reason<Remedy> = Reason::good("Reachable");
static REFUSED: Reason<Remedy> =
    Reason::fault("Refused", "see ss -ltnp and the server's OLLAMA_HOST");
static TIMED_OUT: Reason<Remedy> =
    Reason::fault("TimedOut", "a firewall drops the port on this link: see nft list ruleset");

/// The conditions, and all that can be said of each.
pub static REASONS: &[Declared] = &[
    (
        &OLLAMA_RUNNING,
        &[
            &RUNNING,
            &STARTING,
            &STOPPING,
            &RESTARTING,
            &STOPPED,
            &FAILED,
            &START_LIMIT_HIT,
            &UNIT_MISSING,
            &UNIT_MASKED,
            &UNREADABLE,
        ],
    ),
    (
        &OLLAMA_SERVING,
        &[&SERVING, &STARTING, &BUSY_SERVER, &UNRESPONSIVE, &NOT_LISTENING, &WRONG_ANSWER],
    ),
    (&ENDPOINT_REACHABLE, &[&REACHABLE, &LOOPBACK_ONLY, &REFUSED, &TIMED_OUT, &WRONG_ANSWER]),
];

/// Judges the server at `uptime`.
#[must_use]
pub fn check(facts: &Facts, config: &config::Ollama, uptime: Duration) -> Vec<Judgement<Remedy>> {
    let unit = match &facts.unit {
        Ok(unit) => unit,
        Err(error) => return vec![Judgement::new(&OLLAMA_RUNNING, &UNREADABLE, error.as_str())],
    };
    let (reason, message) = running(unit, &config.unit);
    let mut judgements = vec![Judgement::new(&OLLAMA_RUNNING, reason, message)];
    let (reason, message) = serving(facts, unit, config, uptime);
    judgements.push(Judgement::new(&OLLAMA_SERVING, reason, message));
    if let Some((reason, message)) = reachable(facts, config) {
        judgements.push(Judgement::new(&ENDPOINT_REACHABLE, reason, message));
    }
    judgements
}

fn running(unit: &Unit, name: &str) -> (&'static Reason<Remedy>, String) {
    match (unit.load_state.as_str(), unit.active_state.as_str(), unit.sub_state.as_str()) {
        ("not-found", ..) => (&UNIT_MISSING, format!("there is no unit {name}")),
        ("masked", ..) => (&UNIT_MASKED, format!("{name} is masked")),
        (_, "active" | "reloading" | "refreshing", _) => (&RUNNING, format!("{name} is active")),
        (_, "activating", sub) if sub.starts_with("auto-restart") => {
            let message = format!("{name} ended ({}), restart {}", unit.result, unit.restarts + 1);
            (&RESTARTING, message)
        }
        (_, "activating", _) => (&STARTING, format!("{name} starts")),
        (_, "deactivating", _) => (&STOPPING, format!("{name} stops")),
        (_, "failed", _) if unit.result == "start-limit-hit" => {
            (&START_LIMIT_HIT, format!("{name} was started too often in too short a time"))
        }
        (_, "failed", _) => (&FAILED, format!("{name} failed: {}", unit.result)),
        _ if unit.job => (&STARTING, format!("{name} has a job queued")),
        (_, state, _) => (&STOPPED, format!("{name} is {state}")),
    }
}

fn serving(
    facts: &Facts,
    unit: &Unit,
    config: &config::Ollama,
    uptime: Duration,
) -> (&'static Reason<Remedy>, String) {
    let at_address = facts.at_address.as_ref().map(|(_, answer)| answer);
    let answers = [at_address, Some(&facts.at_loopback)];
    let any = |wanted: &Answer| answers.iter().flatten().any(|answer| *answer == wanted);
    let port = config.port;
    let answered = facts.progress.answered.is_some_and(|at| at > unit.started);
    let young = !answered && uptime.saturating_sub(unit.started) < DISCOVERY;
    if any(&Answer::Alive) {
        return (&SERVING, format!("answers at port {port}"));
    }
    let work = work(facts, uptime);
    if any(&Answer::Silent) {
        return match (young, work) {
            (true, _) => (&STARTING, format!("started, and no answer at port {port} yet")),
            (false, Some(work)) => (&BUSY_SERVER, format!("no answer at port {port}, {work}")),
            (false, None) => {
                (&UNRESPONSIVE, format!("no answer at port {port}, and it uses no CPU"))
            }
        };
    }
    let wrong = answers.iter().flatten().find_map(|answer| match answer {
        Answer::Wrong(what) => Some(what.clone()),
        _ => None,
    });
    match (wrong, young, work) {
        (Some(what), ..) => (&WRONG_ANSWER, what),
        (None, true, _) => (&STARTING, format!("started, and nothing listens at port {port} yet")),
        // Somebody may have moved OLLAMA_HOST, and have clients there.
        (None, false, Some(work)) => {
            (&BUSY_SERVER, format!("nothing listens at port {port}, {work}: see OLLAMA_HOST"))
        }
        (None, false, None) => {
            (&NOT_LISTENING, format!("active, and nothing listens at port {port}"))
        }
    }
}

/// Why a server that does not answer may be at work. `None`: it was seen to do nothing. What
/// could not be seen is no idleness.
fn work(facts: &Facts, uptime: Duration) -> Option<&'static str> {
    let progress = &facts.progress;
    match progress.idle_since() {
        None => Some("and whether it works is not known: the unit's CPU time is not accounted"),
        Some(since) if uptime.saturating_sub(since) >= BUSY => None,
        Some(since) if progress.last == Some(since) => Some("but it works"),
        Some(_) => Some("and whether it works is not known yet"),
    }
}

fn reachable(facts: &Facts, config: &config::Ollama) -> Option<(&'static Reason<Remedy>, String)> {
    let (address, answer) = facts.at_address.as_ref()?;
    let port = config.port;
    Some(match answer {
        Answer::Alive => (&REACHABLE, format!("answers at {address}:{port}")),
        Answer::Refused if facts.at_loopback == Answer::Alive => {
            (&LOOPBACK_ONLY, format!("answers at 127.0.0.1:{port} and not at {address}:{port}"))
        }
        Answer::Refused => (&REFUSED, format!("{address}:{port} refuses connections")),
        Answer::Silent => (&TIMED_OUT, format!("{address}:{port} does not answer")),
        Answer::Wrong(what) => (&WRONG_ANSWER, what.clone()),
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::facts::Progress;
    use super::super::starts::Starts;
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn ago(seconds: u64) -> Duration {
        NOW.saturating_sub(Duration::from_secs(seconds))
    }

    fn healthy() -> Facts {
        Facts {
            unit: Ok(Unit {
                load_state: "loaded".into(),
                active_state: "active".into(),
                sub_state: "running".into(),
                result: "success".into(),
                restarts: 0,
                invocation: 42,
                started: Duration::from_secs(100),
                cpu: None,
                job: false,
                start_burst: 5,
                start_interval: Duration::from_secs(10),
            }),
            at_address: Some((Ipv4Addr::new(10, 0, 2, 2), Answer::Alive)),
            at_loopback: Answer::Alive,
            progress: Progress {
                at: NOW,
                cpu: Some(Duration::from_secs(7)),
                since: Some(Duration::from_secs(100)),
                ..Progress::default()
            },
            starts: Starts::default(),
        }
    }

    fn with_unit(change: impl FnOnce(&mut Unit)) -> Facts {
        let mut facts = healthy();
        change(facts.unit.as_mut().unwrap());
        facts
    }

    fn reason(facts: &Facts, condition: &str) -> &'static str {
        let judgements = check(facts, &config::Ollama::default(), NOW);
        judgements.iter().find(|j| j.condition == condition).map_or("-", |j| j.reason.name)
    }

    #[test]
    fn a_healthy_server_runs_serves_and_is_reached() {
        let judgements = check(&healthy(), &config::Ollama::default(), NOW);
        let names: Vec<_> = judgements.iter().map(|j| j.reason.name).collect();
        assert_eq!(names, ["Running", "Serving", "Reachable"]);
    }

    #[test]
    fn unit_states_are_told_apart() {
        let state = |active: &str, sub: &str, result: &str| {
            let facts = with_unit(|unit| {
                unit.active_state = active.into();
                unit.sub_state = sub.into();
                unit.result = result.into();
            });
            reason(&facts, "OllamaRunning")
        };
        assert_eq!(state("inactive", "dead", "success"), "Stopped");
        assert_eq!(state("activating", "auto-restart", "signal"), "Restarting");
        assert_eq!(state("activating", "start", "success"), "Starting");
        assert_eq!(state("failed", "failed", "start-limit-hit"), "StartLimitHit");
        assert_eq!(state("failed", "failed", "exit-code"), "Failed");
        assert_eq!(state("deactivating", "stop-sigterm", "success"), "Stopping");
        let missing = with_unit(|unit| unit.load_state = "not-found".into());
        assert_eq!(reason(&missing, "OllamaRunning"), "UnitMissing");
        let queued = with_unit(|unit| {
            unit.active_state = "inactive".into();
            unit.job = true;
        });
        assert_eq!(reason(&queued, "OllamaRunning"), "Starting");
    }

    #[test]
    fn systemd_that_does_not_answer_is_unknown_and_no_fault() {
        let facts = Facts { unit: Err("no answer".into()), ..healthy() };
        let judgements = check(&facts, &config::Ollama::default(), NOW);
        assert_eq!(judgements.len(), 1);
        assert!(judgements.iter().all(|j| j.reason.status == crate::core::Status::Unknown));
    }

    #[test]
    fn silence_is_starting_busy_or_stuck() {
        let silent = |facts: Facts| Facts {
            at_address: Some((Ipv4Addr::new(10, 0, 2, 2), Answer::Silent)),
            at_loopback: Answer::Silent,
            ..facts
        };
        assert_eq!(reason(&silent(healthy()), "OllamaServing"), "Unresponsive");
        let young = silent(with_unit(|unit| unit.started = ago(20)));
        assert_eq!(reason(&young, "OllamaServing"), "Starting");
        let mut stuck = silent(with_unit(|unit| unit.started = ago(20)));
        stuck.progress.answered = Some(ago(10));
        assert_eq!(reason(&stuck, "OllamaServing"), "Unresponsive");
        let mut busy = silent(healthy());
        busy.progress.last = Some(ago(5));
        assert_eq!(reason(&busy, "OllamaServing"), "Busy");
        busy.progress.last = Some(ago(11));
        assert_eq!(reason(&busy, "OllamaServing"), "Unresponsive");
        busy.progress = Progress { at: NOW, ..Progress::default() };
        assert_eq!(reason(&busy, "OllamaServing"), "Busy");
        let judgements = check(&busy, &config::Ollama::default(), NOW);
        assert!(judgements[1].message.ends_with("CPU time is not accounted"));
        // Accounted, and seen for too short a time to say.
        busy.progress.since = Some(ago(2));
        assert_eq!(reason(&busy, "OllamaServing"), "Busy");
    }

    #[test]
    fn a_server_that_works_elsewhere_is_not_restarted() {
        let mut moved = Facts {
            at_address: Some((Ipv4Addr::new(10, 0, 2, 2), Answer::Refused)),
            at_loopback: Answer::Refused,
            ..healthy()
        };
        assert_eq!(reason(&moved, "OllamaServing"), "NotListening");
        moved.progress.last = Some(ago(5));
        assert_eq!(reason(&moved, "OllamaServing"), "Busy");
    }

    #[test]
    fn a_server_that_listens_elsewhere_is_restarted_once_only() {
        for reason in [&NOT_LISTENING, &LOOPBACK_ONLY] {
            let tries: Vec<_> = reason.ladder.iter().map(|rung| rung.tries).collect();
            assert_eq!(tries, [1], "{}", reason.name);
        }
    }

    #[test]
    fn loopback_only_is_told_from_a_firewall_and_from_a_dead_server() {
        let at = |answer: Answer, at_loopback: Answer| Facts {
            at_address: Some((Ipv4Addr::new(10, 0, 2, 2), answer)),
            at_loopback,
            ..healthy()
        };
        let facts = at(Answer::Refused, Answer::Alive);
        assert_eq!(reason(&facts, "EndpointReachable"), "LoopbackOnly");
        assert_eq!(reason(&facts, "OllamaServing"), "Serving");
        let facts = at(Answer::Silent, Answer::Alive);
        assert_eq!(reason(&facts, "EndpointReachable"), "TimedOut");
        let facts = at(Answer::Refused, Answer::Refused);
        assert_eq!(reason(&facts, "OllamaServing"), "NotListening");
        let facts = Facts { at_address: None, ..healthy() };
        assert_eq!(reason(&facts, "EndpointReachable"), "-");
    }
}
