//! From what the server answers to `OllamaServing` and `EndpointReachable`. Pure.

use std::time::Duration;

use super::facts::{Answer, Facts};
use super::listener::Holder;
use super::repair::{LOOPBACK_ONLY, NOT_LISTENING, TOO_MANY_CONNECTIONS, UNRESPONSIVE};
use super::running::{STARTING, answered};
use super::unit::Unit;
use crate::config;
use crate::core::Reason;
use crate::guest::Remedy;

/// How long after its start a server may keep silent: GPU discovery takes up to 30 s, and
/// the port is bound before it begins.
const DISCOVERY: Duration = Duration::from_secs(40);

/// How long after its start a server may take to bind its port, from a cold and slow disk. It
/// does so first of all.
const BINDING: Duration = Duration::from_secs(15);

/// How long a server that does not answer must have been seen to do nothing, for it to be
/// stuck and not busy.
const BUSY: Duration = Duration::from_secs(10);

pub(super) static SERVING: Reason<Remedy> = Reason::good("Serving");
pub(super) static BUSY_SERVER: Reason<Remedy> =
    Reason::unknown("Busy", "the server may be at work, and is not disturbed");
pub(super) static WRONG_ANSWER: Reason<Remedy> =
    Reason::fault("WrongAnswer", "something other than Ollama has the port: see ss -ltnp");
pub(super) static OTHER_PORT: Reason<Remedy> = Reason::fault(
    "OtherPort",
    "give OLLAMA_HOST the port of ollama.port, or ollama.port that of OLLAMA_HOST",
);
pub(super) static REACHABLE: Reason<Remedy> = Reason::good("Reachable");
pub(super) static TIMED_OUT: Reason<Remedy> =
    Reason::fault("TimedOut", "a firewall drops the port at this address: see nft list ruleset");

/// Judges whether the server answers anywhere.
pub(super) fn serving(
    facts: &Facts,
    unit: &Unit,
    config: &config::Ollama,
    uptime: Duration,
) -> (&'static Reason<Remedy>, String) {
    let at_address = facts.at_address.as_ref().map(|(_, answer)| answer);
    let answers = [at_address, Some(&facts.at_loopback)];
    let port = config.port;
    if facts.answers() {
        return (&SERVING, format!("answers at port {port}"));
    }
    let age = uptime.saturating_sub(unit.started);
    let young = |limit: Duration| !answered(facts, unit) && age < limit;
    let work = work(facts, uptime);
    if facts.is_silent() {
        return match (young(DISCOVERY), work) {
            (true, _) => (&STARTING, format!("started, and no answer at port {port} yet")),
            (false, Some(work)) => (&BUSY_SERVER, format!("no answer at port {port}, {work}")),
            (false, None) => idle(facts, unit, port),
        };
    }
    let wrong = answers.iter().flatten().find_map(|answer| match answer {
        Answer::Wrong(what) => Some(what),
        _ => None,
    });
    if let Some(what) = wrong {
        return (&WRONG_ANSWER, by_whom(facts, what));
    }
    let told = facts.settings.port();
    match work {
        _ if facts.settings.unread.is_none() && told != port => {
            (&OTHER_PORT, format!("OLLAMA_HOST names port {told}, and clients ask port {port}"))
        }
        _ if young(BINDING) => {
            (&STARTING, format!("started, and nothing listens at port {port} yet"))
        }
        // Somebody may have moved OLLAMA_HOST, and have clients there.
        Some(work) => {
            (&BUSY_SERVER, format!("nothing listens at port {port}, {work}: see OLLAMA_HOST"))
        }
        None => (&NOT_LISTENING, format!("active, and nothing listens at port {port}")),
    }
}

/// What is said of a server that does not answer and does nothing.
fn idle(facts: &Facts, unit: &Unit, port: u16) -> (&'static Reason<Remedy>, String) {
    let open = facts.connections.unwrap_or(0);
    let limit = usize::try_from(unit.files).unwrap_or(usize::MAX);
    // It needs files of its own as well.
    if open >= limit - limit / 4 {
        let message = format!("{open} connections are open, and it may open {limit} files");
        return (&TOO_MANY_CONNECTIONS, message);
    }
    (&UNRESPONSIVE, format!("no answer at port {port}, and it uses no CPU"))
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

fn by_whom(facts: &Facts, what: &str) -> String {
    match &facts.holder {
        Holder::Other(who) => format!("{what} (from {who})"),
        Holder::Nobody | Holder::Own | Holder::Unknown => what.to_owned(),
    }
}

/// Judges whether it answers where clients ask, if the guest has an address.
pub(super) fn reachable(
    facts: &Facts,
    config: &config::Ollama,
) -> Option<(&'static Reason<Remedy>, String)> {
    let (address, answer) = facts.at_address.as_ref()?;
    let port = config.port;
    Some(match answer {
        Answer::Alive => (&REACHABLE, format!("answers at {address}:{port}")),
        // Where it is refused at loopback too, it serves nowhere, and this is not said at all.
        Answer::Refused => {
            (&LOOPBACK_ONLY, format!("answers at 127.0.0.1:{port} and not at {address}:{port}"))
        }
        Answer::Silent => (&TIMED_OUT, format!("{address}:{port} does not answer")),
        Answer::Wrong(what) => (&WRONG_ANSWER, by_whom(facts, what)),
    })
}
