//! The server in another container of the same pod, which shares the agent's network and nothing
//! else: no unit, no control group, no process is seen. It is started and ended by the kubelet.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Duration;

use reqwest::Client;

use super::api::Api;
use super::check::{ENDPOINT_REACHABLE, OLLAMA_SERVING};
use super::facts::{Answer, Facts, KNOCK};
use super::patience::Patience;
use super::serving::{self, BUSY_SERVER, SERVING, WRONG_ANSWER};
use super::starts::Starts;
use super::unit::Unit;
use super::{Own, Progress, listener};
use crate::config;
use crate::core::{Judgement, Reason};
use crate::guest::Remedy;

/// An address of nobody (RFC 5737, TEST-NET-1): the way to it is the default route.
const AWAY: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

static AWAY_FOR_NOW: Reason<Remedy> =
    Reason::passing("NotListening", "the kubelet starts the server's container again");
static STUCK: Reason<Remedy> = Reason::passing(
    "Unresponsive",
    "the kubelet restarts the server's container, where its liveness probe asks /ollama-livez",
);

/// The address that clients reach this pod by: the one that it speaks to others from. Nothing is
/// sent for it.
fn own_address() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(AWAY).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// Looks at the server at `uptime`. `before` is what the last look saw.
pub async fn look(
    config: &config::Ollama,
    client: &Client,
    before: Option<&Facts>,
    uptime: Duration,
) -> Facts {
    let knock = async |address: IpAddr| {
        Answer::of(Api::at(client, address, config.port).alive(KNOCK).await)
    };
    let at_address = async {
        let address = own_address()?;
        knock(IpAddr::V4(address)).await.map(|answer| (address, answer))
    };
    let (at_address, at_loopback) =
        tokio::join!(at_address, knock(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    seen(before, at_address, at_loopback.unwrap_or(Answer::Silent), uptime)
}

fn seen(
    before: Option<&Facts>,
    at_address: Option<(Ipv4Addr, Answer)>,
    at_loopback: Answer,
    uptime: Duration,
) -> Facts {
    let remembered = (Progress::default(), Starts::default());
    let unit = Ok(Unit::default());
    let facts = Facts::of(unit, at_address, at_loopback, None, remembered, Own::default(), uptime);
    let unit = start(before, &facts, uptime);
    Facts { unit: Ok(unit), ..facts }
}

/// Whether nobody listens at the server's port.
fn is_away(facts: &Facts) -> bool {
    let at_address = facts.at_address.as_ref().map(|(_, answer)| answer);
    at_address.into_iter().chain([&facts.at_loopback]).all(|answer| *answer == Answer::Refused)
}

/// What stands for the server's unit. Where nobody listened before, it is another start of the
/// server, which owes a proof of its own.
fn start(before: Option<&Facts>, now: &Facts, uptime: Duration) -> Unit {
    let known = before.and_then(|before| Some((before, before.unit.as_ref().ok()?)));
    let (invocation, started) = match known {
        Some((before, unit)) if !is_away(before) => (unit.invocation, unit.started),
        other => {
            let last = other.map_or(0, |(_, unit)| unit.invocation);
            (last + u128::from(!is_away(now)), uptime)
        }
    };
    Unit {
        load_state: "loaded".into(),
        active_state: "active".into(),
        sub_state: "running".into(),
        invocation,
        started,
        ..Unit::default()
    }
}

/// How many connections are open to the server.
pub async fn connections(port: u16) -> usize {
    let count = tokio::task::spawn_blocking(move || listener::connections(port)).await;
    count.unwrap_or_default()
}

/// Judges the server at `uptime`.
#[must_use]
pub fn check(
    facts: &Facts,
    patience: &Patience,
    config: &config::Ollama,
    uptime: Duration,
) -> Vec<Judgement<Remedy>> {
    let (reason, message) = serving(facts, patience, config.port, uptime);
    let mut judged = vec![Judgement::new(&OLLAMA_SERVING, reason, message)];
    if let Some((reason, message)) = serving::reachable(facts, config) {
        judged.push(Judgement::new(&ENDPOINT_REACHABLE, reason, message));
    }
    judged
}

fn serving(
    facts: &Facts,
    patience: &Patience,
    port: u16,
    uptime: Duration,
) -> (&'static Reason<Remedy>, String) {
    if facts.answers() {
        return (&SERVING, format!("answers at port {port}"));
    }
    let at_address = facts.at_address.as_ref().map(|(_, answer)| answer);
    for answer in at_address.into_iter().chain([&facts.at_loopback]) {
        if let Answer::Wrong(what) = answer {
            return (&WRONG_ANSWER, what.clone());
        }
    }
    if !facts.is_silent() {
        (&AWAY_FOR_NOW, format!("nothing listens at port {port}"))
    } else if patience.is_at_its_end(uptime) {
        (&STUCK, format!("no answer at port {port}: {}", patience.evidence()))
    } else {
        let message = format!(
            "no answer at port {port}, and whether it works is not seen from another container"
        );
        (&BUSY_SERVER, message)
    }
}

#[cfg(test)]
mod tests {
    use super::super::patience::PATIENCE;
    use super::*;
    use crate::core::Status;

    const PORT: u16 = 11434;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn look_at(before: Option<&Facts>, answer: &Answer, seconds: u64) -> Facts {
        let address = Some((Ipv4Addr::new(10, 0, 2, 2), answer.clone()));
        seen(before, address, answer.clone(), at(seconds))
    }

    fn said(facts: &Facts, patience: &Patience, uptime: Duration) -> (&'static str, Status) {
        let judged = check(facts, patience, &config::Ollama::default(), uptime);
        let reason = judged.first().unwrap().reason;
        (reason.name, reason.status)
    }

    #[test]
    fn a_server_that_was_away_is_another_one_when_it_is_back() {
        let first = look_at(None, &Answer::Alive, 10);
        let later = look_at(Some(&first), &Answer::Silent, 20);
        let id = |facts: &Facts| facts.unit.as_ref().unwrap().invocation;
        assert_eq!(id(&first), id(&later));
        let away = look_at(Some(&later), &Answer::Refused, 30);
        let still = look_at(Some(&away), &Answer::Refused, 40);
        let back = look_at(Some(&still), &Answer::Alive, 50);
        assert_ne!(id(&back), id(&first));
        assert_eq!(back.unit.as_ref().unwrap().started, at(50));
        assert_eq!(id(&look_at(Some(&back), &Answer::Alive, 60)), id(&back));
    }

    #[test]
    fn a_server_that_is_gone_does_not_serve_and_one_that_is_silent_is_not_known_to() {
        let patience = Patience::default();
        for (answer, told) in [
            (Answer::Alive, ("Serving", Status::True)),
            (Answer::Refused, ("NotListening", Status::False)),
            (Answer::Wrong("404".into()), ("WrongAnswer", Status::False)),
            (Answer::Silent, ("Busy", Status::Unknown)),
        ] {
            let facts = look_at(None, &answer, 10);
            assert_eq!(said(&facts, &patience, at(10)), told, "{answer:?}");
        }
    }

    #[test]
    fn a_server_that_answers_is_not_stuck_however_long_it_was_silent_before() {
        let mut patience = Patience::default().follow(Some(&Answer::Alive), 0, at(10));
        for _ in 0..5 {
            patience = patience.follow(Some(&Answer::Silent), 0, at(10) + PATIENCE);
        }
        let silent = look_at(None, &Answer::Silent, 30);
        assert_eq!(said(&silent, &patience, at(31)), ("Unresponsive", Status::False));
        let answers = look_at(Some(&silent), &Answer::Alive, 31);
        assert_eq!(said(&answers, &patience, at(31)), ("Serving", Status::True));
    }

    #[test]
    fn a_server_that_listens_on_loopback_only_is_not_reached() {
        let address = Some((Ipv4Addr::new(10, 0, 2, 2), Answer::Refused));
        let facts = seen(None, address, Answer::Alive, at(1));
        let judged = check(&facts, &Patience::default(), &config::Ollama::default(), at(1));
        let names: Vec<_> = judged.iter().map(|judged| judged.reason.name).collect();
        assert_eq!(names, ["Serving", "LoopbackOnly"]);
        assert!(judged.iter().all(|judged| judged.message.contains(&PORT.to_string())));
    }
}
