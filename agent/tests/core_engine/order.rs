//! Causes before effects, one at a time.

use crate::guest::{
    ALIAS, CLOSED, DISK, DOWN, Fix, GOOD, Guest, LINK, MISSING, NO_ALIAS, OWNER, PROOF, READ_ONLY,
    SERVER, SOURCE, STOPPED, UNSEEN, WRONG, WRONG_OWNER, at,
};

#[test]
fn causes_come_before_effects_and_one_repair_at_a_time() {
    let mut guest = Guest::new();
    guest.see(&ALIAS, &NO_ALIAS);
    guest.see(&OWNER, &WRONG_OWNER);
    assert_eq!(guest.turn(0), Some(Fix::Chown));
    for ms in [1, 1000, 100_000] {
        assert_eq!(guest.turn(ms), None, "{ms}");
        assert_eq!(guest.next(), "disk/Chown runs");
    }
    guest.see(&OWNER, &GOOD);
    guest.end(100_000, &crate::guest::done());
    assert_eq!(guest.turn(100_000), Some(Fix::Create));
}

#[test]
fn a_cause_that_is_waited_for_does_not_hold_up_what_has_another_cause() {
    let mut guest = Guest::new();
    guest.see(&LINK, &DOWN);
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(0), Some(Fix::Start));
}

#[test]
fn what_hangs_on_a_fault_is_blocked_named_so_and_left_alone() {
    let mut guest = Guest::new();
    guest.see(&SERVER, &WRONG);
    guest.see(&SOURCE, &MISSING);
    guest.see(&ALIAS, &NO_ALIAS);
    guest.see(&PROOF, &WRONG);
    for ms in (0..100_000).step_by(1000) {
        assert_eq!(guest.turn(ms), None, "{ms}");
    }
    assert_eq!(guest.told(&SERVER), "False/Wrong");
    for blocked in [&SOURCE, &ALIAS, &PROOF] {
        assert_eq!(guest.told(blocked), "Unknown/Blocked");
    }
    let report = guest.report(100_000);
    let proof = report.conditions.iter().find(|told| told.r#type == PROOF.name).unwrap();
    assert_eq!(proof.message, "waits for Alias");
    assert_eq!(guest.cause(100_000).unwrap(), "Server/Wrong");
    assert_eq!(report.next, "another model has this name");
}

#[test]
fn a_repair_waits_for_what_its_condition_needs_even_if_that_is_only_unknown() {
    let mut guest = Guest::new();
    guest.see(&DISK, &UNSEEN);
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(0), None);
    assert_eq!(guest.turn(100_000), None);
    guest.see(&DISK, &GOOD);
    assert_eq!(guest.turn(100_001), Some(Fix::Start));
}

#[test]
fn what_explains_a_fault_is_named_and_repaired_instead() {
    let mut guest = Guest::new();
    guest.see(&OWNER, &WRONG_OWNER);
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(0), Some(Fix::Chown));
    assert_eq!(guest.cause(0).unwrap(), "Owner/WrongOwner");
    guest.end(100, &crate::guest::done());
    guest.see(&OWNER, &GOOD);
    assert_eq!(guest.turn(200), Some(Fix::Start));
    assert_eq!(guest.cause(200).unwrap(), "Server/Stopped");
}

#[test]
fn what_nothing_is_done_about_keeps_nothing_from_being_repaired() {
    let mut guest = Guest::new();
    guest.see(&OWNER, &READ_ONLY);
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(0), Some(Fix::Start));
    assert_eq!(guest.cause(0).unwrap(), "Server/Stopped");
}

#[test]
fn what_only_a_person_can_mend_and_all_hangs_on_is_named_and_nothing_else_is_tried() {
    let mut guest = Guest::new();
    guest.see(&OWNER, &CLOSED);
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(0), None);
    assert_eq!(guest.cause(0).unwrap(), "Owner/Closed");
    guest.see(&OWNER, &GOOD);
    assert_eq!(guest.turn(100), Some(Fix::Start));
}

#[test]
fn a_concern_is_calm_while_all_is_well_with_it_and_the_guest_is_ready() {
    let mut guest = Guest::new();
    assert_eq!(guest.turn(0), None);
    assert!(guest.engine.is_calm("c", at(0).uptime) && guest.engine.is_calm("d", at(0).uptime));
    guest.see(&OWNER, &READ_ONLY);
    assert_eq!(guest.turn(100), None);
    assert!(!guest.engine.is_calm("c", at(100).uptime));
    assert!(guest.engine.is_calm("d", at(100).uptime));
    guest.see(&DISK, &DOWN);
    guest.turn(200);
    assert!(!guest.engine.is_calm("d", at(200).uptime));
}

#[test]
fn a_cause_whose_ladder_is_at_its_end_explains_nothing_any_more() {
    let mut guest = Guest::new();
    guest.see(&OWNER, &WRONG_OWNER);
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.mend(0), Some(Fix::Chown));
    assert_eq!(guest.mend(10_000), Some(Fix::Chown));
    assert_eq!(guest.turn(15_000), None);
    assert_eq!(guest.turn(30_000), Some(Fix::Start));
    assert_eq!(guest.cause(30_000).unwrap(), "Server/Stopped");
}

#[test]
fn what_is_not_false_explains_nothing() {
    let mut guest = Guest::new();
    guest.see(&OWNER, &UNSEEN);
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(0), Some(Fix::Start));
    assert_eq!(guest.cause(0).unwrap(), "Server/Stopped");
}

#[test]
fn a_gate_alone_is_repaired_and_does_not_make_a_guest_unready() {
    let mut guest = Guest::new();
    guest.see(&OWNER, &WRONG_OWNER);
    assert_eq!(guest.turn(0), Some(Fix::Chown));
    assert!(guest.ready(0));
    assert_eq!(guest.cause(0), None);
}

#[test]
fn explanations_are_followed_to_the_root() {
    let mut guest = Guest::new();
    guest.see(&OWNER, &WRONG_OWNER);
    guest.see(&SOURCE, &MISSING);
    guest.see(&ALIAS, &NO_ALIAS);
    assert_eq!(guest.turn(0), Some(Fix::Chown));
    assert_eq!(guest.cause(0).unwrap(), "Owner/WrongOwner");
}
