//! A person takes over.

use std::time::Duration;

use saigak_agent::core::{Ledger, Outlook};

use crate::guest::{BOOT, Fix, Guest, SERVER, STOPPED, at};

const MINUTE: Duration = Duration::from_secs(60);

/// A guest whose server stops while repairs are paused for a minute.
fn paused() -> Guest {
    let mut guest = Guest::new();
    guest.engine.pause(at(0), MINUTE);
    guest.see(&SERVER, &STOPPED);
    guest
}

#[test]
fn a_pause_stops_repairs_and_not_checks_and_ends_by_itself() {
    let mut guest = paused();
    assert_eq!(guest.turn(1000), None);
    assert_eq!(guest.cause(1000).as_deref(), Some("Server/Stopped"));
    let until = "2027-01-15T08:01:00.000Z";
    assert_eq!(guest.next(), format!("server/Start is held back: paused until {until}"));
    let report = guest.report(1000);
    assert_eq!(report.paused_until.as_deref(), Some(until));
    assert_eq!(report.outlook, Outlook::Settled);
    assert_eq!(guest.wakes_at(1000), Some(MINUTE));
    assert_eq!(guest.turn(59_999), None);
    assert_eq!(guest.turn(60_000), Some(Fix::Start));
    assert_eq!(guest.report(60_000).paused_until, None);
}

#[test]
fn to_resume_lets_what_waits_go_on_at_once() {
    let mut guest = paused();
    assert_eq!(guest.turn(1000), None);
    assert!(guest.engine.resume(at(1500).uptime));
    assert!(!guest.engine.resume(at(1500).uptime));
    assert_eq!(guest.turn(2000), Some(Fix::Start));
}

#[test]
fn a_repair_that_runs_is_left_to_end() {
    let mut guest = Guest::new();
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(0), Some(Fix::Start));
    guest.engine.pause(at(10), MINUTE);
    guest.end(500, &crate::guest::done());
    assert_eq!(guest.report(500).repairs[0].result, "Succeeded");
    assert_eq!(guest.turn(20_000), None);
}

#[test]
fn a_pause_outlives_the_agent_and_not_the_boot() {
    let text = serde_json::to_string(paused().engine.ledger()).unwrap();
    let saved = || -> Ledger { serde_json::from_str(&text).unwrap() };
    let mut next = Guest::of(saved(), BOOT);
    next.see(&SERVER, &STOPPED);
    assert_eq!(next.turn(59_000), None);
    assert_eq!(next.turn(60_000), Some(Fix::Start));
    let mut rebooted = Guest::of(saved(), "the next boot");
    rebooted.see(&SERVER, &STOPPED);
    assert_eq!(rebooted.turn(1000), Some(Fix::Start));
    assert!(rebooted.engine.expire_ledger(at(1000).uptime));
    assert_eq!(rebooted.engine.ledger().paused, None);
}

#[test]
fn an_engine_that_only_looks_says_what_it_would_do() {
    let mut guest = Guest::new();
    guest.engine = guest.engine.without_repairs();
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(0), None);
    assert_eq!(guest.next(), "server/Start would be next");
    assert_eq!(guest.report(0).outlook, Outlook::Settled);
    assert_eq!(guest.engine.ledger(), &Ledger::fresh());
}
