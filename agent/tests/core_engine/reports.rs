//! What is published.

use saigak_agent::core::{Outcome, ProofReport, PullReport, Status, Verdict};

use crate::guest::{
    ALIAS, CONDITIONS, DOWN, Fix, GOOD, Guest, LINK, NO_ALIAS, PROOF, SERVER, STOPPED, UNSEEN,
    WRONG, at, done,
};

#[test]
fn a_ready_guest_has_no_cause_and_nothing_to_do() {
    let mut guest = Guest::new();
    guest.turn(0);
    let report = guest.report(0);
    assert_eq!((report.version, report.verdict), (1, Verdict::Ready));
    assert_eq!(report.cause, None);
    assert_eq!(report.next, "nothing to do");
    let names: Vec<_> = report.conditions.iter().map(|told| told.r#type.as_str()).collect();
    let declared: Vec<_> = CONDITIONS.iter().map(|condition| condition.name).collect();
    assert_eq!(names, declared);
}

#[test]
fn the_cause_carries_the_particulars_and_next_is_about_it() {
    let mut guest = Guest::new();
    guest.see(&LINK, &DOWN);
    guest.see(&ALIAS, &WRONG);
    guest.turn(0);
    let report = guest.report(0);
    assert_eq!((report.ready, report.verdict), (false, Verdict::NotReady));
    let cause = report.cause.unwrap();
    assert_eq!((&*cause.condition, &*cause.reason, &*cause.message), ("Link", "Down", "as seen"));
    assert_eq!(report.next, "link/Reconfigure if it does not heal by itself");
}

#[test]
fn what_is_not_known_and_alone_keeps_a_guest_from_being_ready_comes_with_its_advice() {
    let mut guest = Guest::new();
    guest.see(&SERVER, &UNSEEN);
    assert_eq!(guest.turn(0), None);
    let report = guest.report(0);
    assert_eq!(report.cause.unwrap().reason, "Unseen");
    assert_eq!(report.next, "look at the journal");
    // A fault is the cause, and what is not known beside it is not.
    guest.see(&LINK, &DOWN);
    guest.turn(1000);
    assert_eq!(guest.report(1000).next, "link/Reconfigure if it does not heal by itself");
    // Nobody has looked yet, or what is seen is good and too old: there is nothing to advise.
    guest.see(&LINK, &GOOD);
    guest.seen.remove(SERVER.name);
    guest.turn(2000);
    assert_eq!(guest.report(2000).next, "observes");
    guest.see(&SERVER, &GOOD);
    guest.prove_until(2500);
    guest.turn(3000);
    assert_eq!(guest.report(3000).next, "observes");
}

#[test]
fn a_repair_is_told_while_it_runs_and_when_it_is_over() {
    let mut guest = Guest::new();
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(1500), Some(Fix::Start));
    let report = guest.report(1600);
    assert_eq!(report.next, "server/Start runs");
    let running = report.repair.unwrap();
    assert_eq!((&*running.condition, &*running.reason), ("Server", "Stopped"));
    assert_eq!(running.started_at, "2027-01-15T08:00:01.500Z");
    guest.end(4000, &Outcome::TimedOut);
    let report = guest.report(4000);
    assert_eq!(report.repair, None);
    let past = report.repairs.first().unwrap();
    assert_eq!((&*past.remedy, &*past.result), ("server/Start", "TimedOut"));
    assert!((past.duration_seconds - 2.5).abs() < 1e-9);
}

#[test]
fn a_transition_is_a_change_of_the_status_not_of_the_words() {
    let mut guest = Guest::new();
    guest.see(&SERVER, &WRONG);
    guest.turn(1000);
    guest.see(&SERVER, &STOPPED);
    guest.turn(2000);
    let told = |guest: &Guest| {
        let report = guest.report(9000);
        report.conditions.into_iter().find(|told| told.r#type == SERVER.name).unwrap()
    };
    assert_eq!(told(&guest).last_transition_time, "2027-01-15T08:00:01.000Z");
    assert_eq!((told(&guest).status, &*told(&guest).reason), (Status::False, "Stopped"));
    guest.see(&SERVER, &GOOD);
    guest.turn(3000);
    assert_eq!(told(&guest).last_transition_time, "2027-01-15T08:00:03.000Z");
}

#[test]
fn the_sequence_grows_with_what_changes_and_with_nothing_else() {
    let mut guest = Guest::new();
    guest.turn(0);
    let mut last = guest.report(0).sequence;
    let mut grew = |guest: &Guest| {
        let now = guest.report(0).sequence;
        std::mem::replace(&mut last, now) < now
    };
    for ms in (0..100_000).step_by(5000) {
        guest.turn(ms);
        guest.prove_until(ms + 60_000);
    }
    // That the proof is judged anew is one change: its words.
    assert!(grew(&guest));
    guest.turn(100_000);
    assert!(!grew(&guest));
    guest.see(&ALIAS, &NO_ALIAS);
    assert_eq!(guest.turn(101_000), Some(Fix::Create));
    assert!(grew(&guest));
    guest.turn(102_000);
    assert!(!grew(&guest));
    guest.end(103_000, &done());
    assert!(grew(&guest));
    guest.see(&ALIAS, &GOOD);
    guest.turn(104_000);
    assert!(grew(&guest));
}

#[test]
fn the_sequence_grows_when_what_comes_next_changes() {
    let mut guest = Guest::new();
    guest.see(&LINK, &DOWN);
    guest.held.push(Fix::Reconfigure);
    guest.turn(0);
    let before = guest.report(0);
    guest.turn(2000);
    let after = guest.report(2000);
    assert_ne!(before.next, after.next);
    assert!(before.sequence < after.sequence);
}

#[test]
fn the_sequence_grows_when_the_verdict_changes_by_itself() {
    let mut guest = Guest::new();
    guest.prove_until(30_000);
    guest.turn(0);
    let before = guest.report(0);
    guest.turn(30_000);
    let after = guest.report(30_000);
    assert_ne!(before.ready, after.ready);
    assert!(before.sequence < after.sequence);
}

#[test]
fn proof_and_pull_are_passed_on_and_json_has_the_shape_that_is_promised() {
    let mut guest = Guest::new();
    guest.see(&PROOF, &WRONG);
    guest.turn(0);
    let proof = ProofReport { age_seconds: 2.0, latency_seconds: 0.5 };
    let pull = PullReport {
        model: "m".into(),
        completed_bytes: 1,
        total_bytes: 2,
        status: "pulling".into(),
        ..PullReport::default()
    };
    let report = guest.engine.report(at(0), Some(proof), Some(pull));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["verdict"], "NotReady");
    assert_eq!(json["cause"]["condition"], "Proof");
    assert_eq!(json["conditions"][0]["type"], "Link");
    assert_eq!(json["conditions"][0]["role"], "required");
    assert_eq!(json["conditions"][0]["status"], "True");
    assert_eq!(json["proof"]["latencySeconds"], 0.5);
    assert_eq!(json["pull"]["completedBytes"], 1);
    assert!(json["repair"].is_null());
    for field in ["agent", "at", "sequence", "ready", "next", "repairs"] {
        assert!(json.get(field).is_some(), "{field}");
    }
    for own in ["uptime", "ready_until", "readyUntil"] {
        assert!(json.get(own).is_none(), "{own}");
    }
}
