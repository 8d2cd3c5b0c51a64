//! Budgets, and what outlives the agent.

use std::time::Duration;

use saigak_agent::core::{AgentReport, Budget, Engine, Ledger, Outcome};

use crate::guest::{
    BOOT, CONDITIONS, DOWN, FROZEN, Fix, GOOD, Guest, LINK, SERVER, STOPPED, at, done,
};

/// Four starts of a server that does not stay up, which is all its budget allows.
fn spent() -> Guest {
    let mut guest = Guest::new();
    guest.see(&SERVER, &STOPPED);
    for (ms, wait) in [(0, 1000), (1000, 2000), (3000, 4000), (7000, 8000)] {
        assert_eq!(guest.mend(ms), Some(Fix::Start));
        assert_eq!(guest.turn(ms + wait - 1), None);
    }
    guest
}

#[test]
fn a_spent_budget_is_left_to_a_person_until_its_window_has_passed() {
    let mut guest = spent();
    assert_eq!(guest.turn(15_000), None);
    let words = "needs a human: see the journal (the budget of server/Start is spent)";
    assert_eq!(guest.next(), words);
    assert_eq!(guest.wakes_at(0), Some(at(600_000).uptime));
    assert_eq!(guest.turn(599_999), None);
    assert_eq!(guest.mend(600_000), Some(Fix::Start));
    // The window slides: the second start leaves it a second later, no sooner.
    assert_eq!(guest.turn(600_000 + 8000), Some(Fix::Start));
}

#[test]
fn a_new_agent_has_no_new_budget() {
    let saved = spent().engine.ledger().clone();
    let mut guest = Guest::of(saved, BOOT);
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(15_000), None);
    assert_eq!(guest.turn(600_000), Some(Fix::Start));
}

#[test]
fn a_reboot_makes_no_new_budget() {
    let saved = spent().engine.ledger().clone();
    let mut guest = Guest::of(saved, "the next boot");
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(5000), None);
    assert!(guest.next().contains("the budget of server/Start is spent"));
    assert_eq!(guest.turn(599_999), None);
    assert_eq!(guest.turn(600_000), Some(Fix::Start));
}

#[test]
fn budgets_are_apart() {
    let mut guest = spent();
    guest.see(&LINK, &DOWN);
    guest.turn(15_000);
    assert_eq!(guest.turn(17_000), Some(Fix::Reconfigure));
}

#[test]
fn after_an_unreadable_ledger_nothing_is_repaired_for_an_hour() {
    let mut guest = Guest::of(Ledger::closed(BOOT, Duration::ZERO), BOOT);
    guest.see(&SERVER, &STOPPED);
    for ms in (0..3_600_000).step_by(60_000) {
        assert_eq!(guest.turn(ms), None, "{ms}");
    }
    assert_eq!(guest.wakes_at(0), Some(at(3_600_000).uptime));
    assert_eq!(guest.turn(3_600_000), Some(Fix::Start));
}

#[test]
fn a_run_is_counted_before_it_begins() {
    let mut guest = Guest::new();
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(2500), Some(Fix::Start));
    let entry = guest.engine.ledger().entries.first().unwrap();
    assert_eq!((entry.remedy.as_str(), entry.boot_id.as_str()), ("server/Start", BOOT));
    assert_eq!(entry.uptime_ms, 2500);
}

#[test]
fn a_repair_that_the_agent_did_not_survive_stands_as_interrupted() {
    let mut guest = Guest::new();
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(2500), Some(Fix::Start));
    // While it runs it is told as running, not as over.
    let report = guest.report(2600);
    assert_eq!(report.repair.unwrap().remedy, "server/Start");
    assert!(report.repairs.is_empty());

    let saved = serde_json::to_string(guest.engine.ledger()).unwrap();
    let next = Guest::of(serde_json::from_str(&saved).unwrap(), BOOT);
    let report = next.report(9000);
    assert!(report.repair.is_none());
    let past = report.repairs.first().unwrap();
    assert_eq!((past.remedy.as_str(), past.result.as_str()), ("server/Start", "Interrupted"));
    assert_eq!((past.condition.as_str(), past.reason.as_str()), ("Server", "Stopped"));
    assert_eq!(past.started_unix, 1_800_000_002);
}

#[test]
fn an_interrupted_repair_is_not_overwritten_by_the_next() {
    let mut guest = Guest::new();
    guest.see(&SERVER, &STOPPED);
    guest.turn(0);
    let mut next = Guest::of(guest.engine.ledger().clone(), BOOT);
    // An end that belongs to no repair of this agent changes nothing.
    next.end(5000, &Outcome::Succeeded("late".into()));
    next.see(&SERVER, &STOPPED);
    assert_eq!(next.turn(6000), Some(Fix::Start));
    next.end(9500, &Outcome::Refused("no need".into()));
    let past = next.report(9500).repairs;
    let told: Vec<_> = past.iter().map(|past| (&*past.result, &*past.message)).collect();
    assert_eq!(told, [("Interrupted", ""), ("Refused", "no need")]);
    assert!((past[1].duration_seconds - 3.5).abs() < 1e-9);
}

/// A frozen server that two restarts did not help; after `ms` the ladder rests.
fn at_its_end() -> Guest {
    let mut guest = Guest::new();
    guest.see(&SERVER, &FROZEN);
    guest.turn(0);
    assert_eq!(guest.mend(7000), Some(Fix::Restart));
    assert_eq!(guest.mend(40_000), Some(Fix::Restart));
    assert_eq!(guest.turn(101_000), None);
    guest
}

#[test]
fn a_new_agent_does_not_climb_a_ladder_anew_that_did_not_help() {
    let saved = serde_json::to_string(at_its_end().engine.ledger()).unwrap();
    let mut next = Guest::of(serde_json::from_str(&saved).unwrap(), BOOT);
    next.see(&SERVER, &FROZEN);
    assert_eq!(next.turn(200_000), None);
    assert_eq!(next.turn(207_000), None);
    assert_eq!(next.next(), "needs a human: see the journal");
    // Another boot may have mended it: there the budget alone counts.
    let mut rebooted = Guest::of(serde_json::from_str(&saved).unwrap(), "the next boot");
    rebooted.see(&SERVER, &FROZEN);
    rebooted.turn(0);
    assert_eq!(rebooted.turn(7000), Some(Fix::Restart));
}

#[test]
fn what_did_not_help_is_forgotten_on_disk_too_once_the_condition_has_recovered() {
    let mut guest = at_its_end();
    assert!(guest.engine.ledger().climbs.is_some());
    guest.see(&SERVER, &GOOD);
    guest.turn(102_000);
    assert!(!guest.engine.expire_ledger(at(102_000).uptime));
    guest.turn(112_000);
    assert!(guest.engine.expire_ledger(at(112_000).uptime));
    assert_eq!(guest.engine.ledger().climbs, None);
}

#[test]
fn no_window_holds_more_runs_than_the_budget_however_slowly_they_begin() {
    let one = Budget { limit: 1, window: Duration::from_secs(600) };
    let wait = |ledger: &Ledger, ms| ledger.wait("server/Start", one, BOOT, at(ms).uptime);
    let mut guest = Guest::new();
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(0), Some(Fix::Start));
    let interrupted = guest.engine.ledger().clone();
    // Ten seconds to save, and thirty until it was done.
    guest.end(40_000, &done());
    assert_eq!(wait(guest.engine.ledger(), 600_000), Duration::from_secs(40));
    // The same, and the agent does not live to see its end.
    let agent = AgentReport { boot_id: BOOT.into(), ..AgentReport::default() };
    let mut next = Engine::<Fix>::new(CONDITIONS, agent, interrupted, at(45_000)).unwrap();
    assert_eq!(wait(next.ledger(), 600_000), Duration::from_secs(45));
    assert!(next.expire_ledger(at(45_000).uptime), "it is not saved");
}
