//! Ready is never a lie.

use crate::guest::{ALIAS, DISK, GOOD, Guest, LINK, PROOF, SERVER, SOURCE, UNSEEN, WRONG, at};

#[test]
fn a_guest_of_which_nothing_was_seen_is_not_ready() {
    let mut guest = Guest::new();
    assert!(!guest.ready(0));
    assert_eq!(guest.cause(0).unwrap(), "Link/NotObserved");
    let all = std::mem::take(&mut guest.seen);
    guest.turn(0);
    assert!(!guest.ready(0));
    guest.seen = all;
    guest.turn(1);
    assert!(guest.ready(1));
}

#[test]
fn every_required_condition_counts() {
    for condition in [&LINK, &DISK, &SERVER, &ALIAS, &PROOF] {
        let mut guest = Guest::new();
        guest.turn(0);
        guest.see(condition, &WRONG);
        guest.turn(1);
        assert!(!guest.ready(1), "{}", condition.name);
        assert_eq!(guest.cause(1).unwrap(), format!("{}/Wrong", condition.name));
    }
}

#[test]
fn what_is_not_known_for_a_moment_keeps_ready_for_its_grace_and_no_longer() {
    let mut guest = Guest::new();
    guest.prove_until(900_000);
    guest.turn(0);
    guest.see(&SERVER, &UNSEEN);
    for ms in [5000, 20_000, 34_999] {
        guest.turn(ms);
        assert!(guest.ready(ms), "{ms}");
        // What hangs on it is blocked by something that is no fault: it holds as long.
        assert_eq!(guest.told(&PROOF), "Unknown/Blocked");
    }
    assert_eq!(
        guest.report(34_999).ready_until.map(|expiry| expiry.uptime),
        Some(at(35_000).uptime)
    );
    assert!(!guest.ready(35_000));
    assert_eq!(guest.cause(35_000).unwrap(), "Server/Unseen");
    // Only being seen to hold again begins a new grace.
    guest.see(&SERVER, &GOOD);
    guest.turn(36_000);
    assert!(guest.ready(36_000));
}

#[test]
fn without_grace_what_is_not_known_ends_ready_at_once() {
    let mut guest = Guest::new();
    guest.turn(0);
    guest.see(&PROOF, &UNSEEN);
    guest.turn(1);
    assert!(!guest.ready(1));
    assert_eq!(guest.cause(1).unwrap(), "Proof/Unseen");
}

#[test]
fn grace_is_for_what_held_before() {
    let mut guest = Guest::new();
    guest.see(&SERVER, &UNSEEN);
    guest.turn(0);
    assert!(!guest.ready(0));
    guest.see(&SERVER, &WRONG);
    guest.turn(1);
    guest.see(&SERVER, &UNSEEN);
    guest.turn(2);
    assert!(!guest.ready(2));
}

#[test]
fn what_is_blocked_by_a_fault_does_not_hold_even_after_the_fault_is_gone() {
    let mut guest = Guest::new();
    guest.prove_until(900_000);
    guest.turn(0);
    guest.see(&SERVER, &WRONG);
    guest.turn(1000);
    let report = guest.report(1000);
    assert_eq!((report.ready, report.ready_until), (false, None));
    // The server runs again, and nobody has looked at what hangs on it.
    guest.see(&SERVER, &GOOD);
    guest.seen.remove(ALIAS.name);
    guest.seen.remove(PROOF.name);
    guest.turn(2000);
    assert!(!guest.ready(2000));
    assert_eq!(guest.cause(2000).unwrap(), "Alias/NotObserved");
}

#[test]
fn a_fault_within_the_grace_ends_it() {
    let mut guest = Guest::new();
    guest.prove_until(900_000);
    guest.turn(0);
    guest.see(&SERVER, &UNSEEN);
    guest.turn(1000);
    assert!(guest.ready(1000));
    guest.see(&SERVER, &WRONG);
    guest.turn(2000);
    assert!(!guest.ready(2000));
    guest.see(&SERVER, &UNSEEN);
    guest.turn(3000);
    assert!(!guest.ready(3000));
}

#[test]
fn a_proof_ends_ready_by_itself_when_it_expires() {
    let mut guest = Guest::new();
    guest.prove_until(30_000);
    guest.turn(0);
    assert_eq!(guest.wakes_at(0), Some(at(30_000).uptime));
    assert_eq!(guest.report(0).ready_until.map(|expiry| expiry.uptime), Some(at(30_000).uptime));
    assert!(guest.ready(29_999));
    assert!(!guest.ready(30_000));
    let report = guest.report(30_000);
    assert!(!report.ready);
    assert_eq!(report.cause.unwrap().condition, "Proof");
}

#[test]
fn a_proof_is_not_stretched_by_not_looking() {
    // Blocked by what is not known, or not judged at all: it counts until it expires.
    for blinded in [&SERVER, &LINK] {
        let mut guest = Guest::new();
        guest.prove_until(10_000);
        guest.turn(0);
        guest.see(blinded, &UNSEEN);
        for ms in [9000, 9999] {
            guest.turn(ms);
        }
        assert_eq!(guest.ready(9999), blinded.name == SERVER.name, "{}", blinded.name);
        guest.turn(10_000);
        assert!(!guest.ready(10_000), "{}", blinded.name);
    }
}

#[test]
fn grace_does_not_stretch_what_expires_sooner() {
    let mut guest = Guest::new();
    guest.see_until(&ALIAS, 10_000);
    guest.prove_until(900_000);
    guest.turn(0);
    guest.see(&ALIAS, &UNSEEN);
    guest.turn(1000);
    assert!(guest.ready(9999));
    assert!(!guest.ready(10_000));
}

#[test]
fn a_fault_ends_ready_even_where_its_need_is_not_known() {
    let mut guest = Guest::new();
    guest.prove_until(30_000);
    guest.turn(0);
    guest.see(&ALIAS, &UNSEEN);
    guest.see(&PROOF, &WRONG);
    guest.turn(1000);
    assert!(!guest.ready(1000));
}

#[test]
fn an_old_expiry_does_not_hide_the_next() {
    let mut guest = Guest::new();
    guest.prove_until(60_000);
    guest.turn(0);
    // The gate has no grace; the server has.
    guest.see(&SERVER, &UNSEEN);
    guest.turn(1000);
    assert_eq!(guest.told(&SOURCE), "Unknown/Blocked");
    guest.turn(2000);
    assert_eq!(guest.wakes_at(2000), Some(at(31_000).uptime));
}

#[test]
fn what_is_promised_differently_is_not_ready_on_old_proof() {
    let mut guest = Guest::new();
    guest.prove_until(60_000);
    guest.turn(0);
    assert!(guest.ready(0));
    // All conditions of this guest are of one concern.
    guest.engine.renew("another", at(1));
    assert!(guest.ready(1));
    guest.engine.renew("c", at(2));
    assert!(!guest.ready(2));
    guest.seen.clear();
    guest.turn(3);
    assert!(!guest.ready(3));
}
