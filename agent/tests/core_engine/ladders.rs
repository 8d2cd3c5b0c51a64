//! When a remedy runs, and which.

use saigak_agent::core::Outcome;

use crate::guest::{ALIAS, DOWN, FROZEN, Fix, GOOD, Guest, LINK, SERVER, STOPPED, UNSEEN, at};

#[test]
fn a_fault_is_given_time_to_heal_by_itself() {
    let mut guest = Guest::new();
    guest.see(&LINK, &DOWN);
    assert_eq!(guest.turn(1000), None);
    assert_eq!(guest.next(), "link/Reconfigure if it does not heal by itself");
    assert_eq!(guest.wakes_at(0), Some(at(3000).uptime));
    assert_eq!(guest.turn(2999), None);
    assert_eq!(guest.turn(3000), Some(Fix::Reconfigure));
}

#[test]
fn patience_begins_anew_with_each_fault_and_not_with_each_look() {
    let mut guest = Guest::new();
    guest.see(&LINK, &DOWN);
    assert_eq!(guest.turn(1000), None);
    guest.see(&LINK, &GOOD);
    assert_eq!(guest.turn(2900), None);
    guest.see(&LINK, &DOWN);
    for ms in (3000..5000).step_by(100) {
        assert_eq!(guest.turn(ms), None, "{ms}");
    }
    assert_eq!(guest.turn(5000), Some(Fix::Reconfigure));
}

#[test]
fn rungs_are_climbed_as_they_do_not_help_and_the_last_is_a_person() {
    let mut guest = Guest::new();
    guest.see(&LINK, &DOWN);
    assert_eq!(guest.turn(0), None);
    assert_eq!(guest.mend(2000), Some(Fix::Reconfigure));
    assert_eq!(guest.turn(11_999), None);
    assert_eq!(guest.next(), "waits for the last repair to take effect");
    assert_eq!(guest.wakes_at(0), Some(at(12_000).uptime));
    assert_eq!(guest.mend(12_000), Some(Fix::Reconfigure));
    // The second wait is twice as long.
    assert_eq!(guest.turn(31_999), None);
    assert_eq!(guest.mend(32_000), Some(Fix::Rematch));
    assert_eq!(guest.turn(37_000), None);
    assert_eq!(guest.next(), "needs a human: plug it in");
    // It rests for an hour, and is climbed anew.
    let rested = 37_000 + 3_600_000;
    assert_eq!(guest.wakes_at(0), Some(at(rested).uptime));
    assert_eq!(guest.turn(rested - 1), None);
    assert_eq!(guest.turn(rested), Some(Fix::Reconfigure));
}

#[test]
fn a_fault_that_comes_back_soon_goes_on_where_it_was_and_later_from_the_start() {
    for (healthy_for, expected) in [(9_999, Fix::Rematch), (10_000, Fix::Reconfigure)] {
        let mut guest = Guest::new();
        guest.see(&LINK, &DOWN);
        guest.turn(0);
        assert_eq!(guest.mend(2000), Some(Fix::Reconfigure));
        assert_eq!(guest.mend(12_000), Some(Fix::Reconfigure));
        guest.see(&LINK, &GOOD);
        guest.turn(40_000);
        guest.turn(40_000 + healthy_for);
        guest.see(&LINK, &DOWN);
        let again = 41_000 + healthy_for;
        assert_eq!(guest.turn(again), None);
        assert_eq!(guest.turn(again + 2000), Some(expected), "{healthy_for}");
    }
}

#[test]
fn a_repair_that_takes_long_is_given_its_effect_from_its_end() {
    let mut guest = Guest::new();
    guest.see(&SERVER, &FROZEN);
    guest.turn(0);
    assert_eq!(guest.turn(6000), Some(Fix::Restart));
    guest.end(36_000, &Outcome::Failed("no".into()));
    assert_eq!(guest.turn(65_999), None);
    assert_eq!(guest.turn(66_000), Some(Fix::Restart));
}

#[test]
fn a_repair_that_changes_the_reason_while_it_runs_is_waited_for_from_its_end_too() {
    let mut guest = Guest::new();
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(0), Some(Fix::Start));
    guest.see(&SERVER, &UNSEEN);
    guest.turn(500);
    guest.end(1000, &Outcome::Failed("no".into()));
    guest.see(&SERVER, &STOPPED);
    assert_eq!(guest.turn(1500), None);
    // A second after the end, and not a second after its deadline of forty.
    assert_eq!(guest.turn(2000), Some(Fix::Start));
}

#[test]
fn neither_patience_nor_an_effect_nor_recovery_goes_by_the_time_that_the_guest_has_slept() {
    let asleep = 600_000;
    let mut guest = Guest::new();
    let sleep = |guest: &mut Guest, ms: u64| {
        guest.engine.slept(at(ms + asleep), at(asleep).uptime);
        ms + asleep
    };
    guest.see(&LINK, &DOWN);
    assert_eq!(guest.turn(1000), None);
    let woke = sleep(&mut guest, 2000);
    assert_eq!(guest.turn(woke), None);
    assert_eq!(guest.turn(woke + 999), None);
    assert_eq!(guest.mend(woke + 1000), Some(Fix::Reconfigure));
    let woke = sleep(&mut guest, woke + 2000);
    assert_eq!(guest.turn(woke + 8999), None);
    assert_eq!(guest.mend(woke + 9000), Some(Fix::Reconfigure));
    // It heals, and falls ill again as soon as the guest wakes.
    guest.see(&LINK, &GOOD);
    guest.turn(woke + 10_000);
    let woke = sleep(&mut guest, woke + 11_000);
    guest.turn(woke);
    guest.see(&LINK, &DOWN);
    guest.turn(woke + 5000);
    assert_eq!(guest.turn(woke + 27_000), Some(Fix::Rematch));
}

#[test]
fn many_guests_do_not_come_back_at_once() {
    for (spread, due) in [(0.0, 12_000), (0.5, 13_250), (1.0, 14_500), (7.0, 14_500)] {
        let mut guest = Guest::new();
        guest.see(&LINK, &DOWN);
        guest.turn(0);
        assert_eq!(guest.turn(2000), Some(Fix::Reconfigure));
        guest.end_spread(2000, &Outcome::TimedOut, spread);
        assert_eq!(guest.turn(due - 1), None, "{spread}");
        assert_eq!(guest.turn(due), Some(Fix::Reconfigure), "{spread}");
    }
}

#[test]
fn what_is_not_known_is_never_repaired() {
    let mut guest = Guest::new();
    for condition in [&LINK, &SERVER, &ALIAS] {
        guest.see(condition, &UNSEEN);
    }
    for ms in (0..4_000_000).step_by(50_000) {
        assert_eq!(guest.turn(ms), None, "{ms}");
    }
    assert!(guest.engine.ledger().entries.is_empty());
    guest.seen.clear();
    assert_eq!(guest.turn(4_000_000), None);
}

#[test]
fn a_remedy_that_is_held_is_named_with_the_reason_and_runs_once_released() {
    let mut guest = Guest::new();
    guest.see(&LINK, &DOWN);
    guest.held.push(Fix::Reconfigure);
    guest.turn(0);
    assert_eq!(guest.turn(5000), None);
    assert_eq!(guest.next(), "link/Reconfigure is held back: the test says so");
    assert!(guest.engine.ledger().entries.is_empty());
    guest.held.clear();
    assert_eq!(guest.turn(5001), Some(Fix::Reconfigure));
}

#[test]
fn a_repair_is_tried_again_only_after_another_look() {
    let mut guest = Guest::new();
    guest.see_at(&LINK, &DOWN, 0);
    assert_eq!(guest.turn(0), None);
    guest.see_at(&LINK, &DOWN, 2000);
    assert_eq!(guest.mend(2000), Some(Fix::Reconfigure));
    // Its effect has had its time, and nobody has looked since.
    for ms in [12_000, 20_000] {
        assert_eq!(guest.turn(ms), None, "{ms}");
        assert_eq!(guest.engine.confirmations(), [("c", at(12_000).uptime)]);
        assert_eq!(guest.next(), "looks whether the last repair has helped");
    }
    guest.see_at(&LINK, &DOWN, 20_000);
    assert_eq!(guest.turn(20_100), Some(Fix::Reconfigure));
}

#[test]
fn what_was_held_back_for_long_is_looked_at_again_before_it_is_repaired() {
    let mut guest = Guest::new();
    guest.held.push(Fix::Start);
    guest.see_at(&SERVER, &STOPPED, 0);
    assert_eq!(guest.turn(0), None);
    guest.held.clear();
    assert_eq!(guest.turn(20_001), None);
    assert_eq!(guest.engine.confirmations(), [("c", at(20_000).uptime)]);
    guest.see_at(&SERVER, &STOPPED, 20_010);
    assert_eq!(guest.turn(20_020), Some(Fix::Start));
}
