//! What the agent says, held against what a client finds.

use crate::run::run;
use crate::server::Server;

use super::{smoke, well};

fn ready(_: &str) -> (&'static str, String) {
    ("200 OK", "ok\n".to_owned())
}

fn not_ready(_: &str) -> (&'static str, String) {
    ("503 Service Unavailable", "not ready: NetworkUp/MacPinned: it wants another\n".to_owned())
}

fn refused(_: &str) -> (&'static str, String) {
    ("500 Internal Server Error", String::new())
}

/// A server that serves, or not, and an agent beside it.
fn both(serves: bool, agent: crate::server::Answers) -> (i32, serde_json::Value) {
    let url = Server::start(if serves { well } else { refused }).url();
    let agent = Server::start(agent).url();
    smoke(&url, &[&format!("--ready={agent}/readyz")])
}

#[test]
fn both_agree_or_one_of_them_is_wrong() {
    for (serves, agent, status, agrees) in [
        (true, ready as crate::server::Answers, 0, Some(true)),
        (true, not_ready, 3, Some(false)),
        (true, refused, 3, None),
        (false, ready, 1, Some(false)),
        (false, not_ready, 1, Some(true)),
    ] {
        let (found, report) = both(serves, agent);
        assert_eq!(found, status, "{report:#}");
        assert_eq!(report["readiness"]["agrees"].as_bool(), agrees, "{report:#}");
        assert_eq!(report["well"], status == 0, "{report:#}");
    }
    let (_, report) = both(true, not_ready);
    assert_eq!(report["readiness"]["why"], "NetworkUp/MacPinned: it wants another");
}

#[test]
fn agent_promises_nothing_about_other_pages() {
    let (url, agent) = (Server::start(well).url(), Server::start(ready).url());
    let page = format!("--also-get={}", Server::start(refused).url());
    let (status, report) = smoke(&url, &[&format!("--ready={agent}"), &page]);
    assert_eq!((status, report["readiness"]["agrees"].as_bool()), (1, Some(true)), "{report:#}");
}

#[test]
fn agent_is_beside_the_server_unless_said_otherwise() {
    // Nothing listens at that port of that address.
    let url = Server::start(well).url().replace("127.0.0.1", "127.7.24.4");
    let (_, report) = smoke(&url, &["--ready"]);
    assert_eq!(report["readiness"]["url"], "http://127.7.24.4:7244/readyz", "{report:#}");
    let (_, report) = smoke(&Server::start(well).url(), &[]);
    assert!(report["readiness"].is_null(), "not asked for");
}

#[test]
fn disagreement_is_a_case_of_its_own() {
    let (url, agent) = (Server::start(well).url(), Server::start(not_ready).url());
    let ready = format!("--ready={agent}");
    let fixed = ["--model=embed:0.6b", "--within=0", &ready];
    let junit = run(&[&["smoke", &url, "--format=junit"], &fixed[..]].concat(), "").stdout;
    assert!(junit.contains(r#"tests="6" failures="1" skipped="0""#), "{junit}");
    assert!(junit.contains(r#"<failure type="disagreement""#), "{junit}");
    let people = run(&[&["smoke", &url], &fixed[..]].concat(), "").stdout;
    assert!(
        people.contains("they disagree: a client is served, and not ready: NetworkUp"),
        "{people}"
    );
}
