//! The simulation can fail: an agent with one thing broken is caught by the rule that guards
//! it.

#![expect(clippy::print_stdout, reason = "all of this is tests, the helpers too")]

use saigak_simulation::agent::Saves;
use saigak_simulation::fault::Fault;
use saigak_simulation::history::{Event, History};
use saigak_simulation::mind::Sound;
use saigak_simulation::mutant::{Defect, Mutant};
use saigak_simulation::play::{play, play_with};
use saigak_simulation::shrink::explain;

/// Random histories that each defect is given.
const HISTORIES: u64 = 4000;

/// In one of these histories the agent with `defect` breaks `rule`.
fn is_caught_in(defect: Defect, rule: &str, histories: impl Iterator<Item = History>) {
    let mutant = Mutant::new(defect);
    let mut others = Vec::new();
    for (number, history) in histories.enumerate() {
        let Err(violation) = play_with(&history, mutant.clone(), None) else { continue };
        if violation.rule == rule {
            if let Err(own) = play(&history) {
                panic!("the sound agent breaks it too: {own}\n{}", explain(&history, &Sound));
            }
            println!("{defect:?} is caught in history {number}: {violation}");
            return;
        }
        others.push(violation.rule);
    }
    panic!("{defect:?} never breaks {rule}; it broke {others:?}");
}

fn is_caught(defect: Defect, rule: &str) {
    is_caught_in(defect, rule, (0..HISTORIES).map(History::from_seed));
}

/// Every three minutes the server stands still, and recovers: each time it is the first of its
/// ladder. The agent dies in between.
fn again_and_again() -> History {
    let events = (0..10).flat_map(|time| {
        let at = 60 + time * 180;
        [(at, Event::Strike(Fault::Frozen)), (at + 120, Event::AgentDies(1000))]
    });
    History::of(&events.collect::<Vec<_>>())
}

#[test]
fn a_budget_that_is_ignored() {
    is_caught_in(Defect::BudgetIgnored, "budgets_hold", [again_and_again()].into_iter());
}

#[test]
fn a_ledger_that_does_not_survive_the_agent() {
    is_caught_in(Defect::LedgerForgotten, "budgets_hold", [again_and_again()].into_iter());
}

#[test]
fn a_repair_that_does_not_wait_for_its_budget_to_be_saved() {
    let mut history = again_and_again();
    history.events.insert(0, (1000, Event::Saves(Saves::Fail)));
    is_caught_in(Defect::SaveIgnored, "budgets_hold", [history].into_iter());
}

#[test]
fn two_repairs_at_once() {
    is_caught(Defect::TwoAtOnce, "one_at_a_time");
}

#[test]
fn no_patience() {
    is_caught(Defect::PatienceIgnored, "patience_is_kept");
}

#[test]
fn the_unknown_taken_for_false() {
    is_caught(Defect::UnknownIsFalse, "only_what_is_false_is_repaired");
}

#[test]
fn the_blocked_taken_for_false() {
    is_caught(Defect::BlockedIgnored, "only_what_is_false_is_repaired");
}

#[test]
fn the_busy_taken_for_stuck() {
    let busy = History { cured: 1_800_000, ..History::of(&[(60, Event::Strike(Fault::Busy))]) };
    is_caught_in(Defect::BusyIsStuck, "only_what_is_false_is_repaired", [busy].into_iter());
}

#[test]
fn cloud_init_that_is_not_waited_for() {
    is_caught(Defect::HoldsIgnored, "cloud_init_is_waited_for");
}

#[test]
fn a_pull_that_is_not_waited_for() {
    is_caught(Defect::HoldsIgnored, "no_restart_during_a_pull");
}

#[test]
fn a_person_who_is_not_heard() {
    is_caught(Defect::PauseIgnored, "nothing_while_paused");
}

#[test]
fn a_refusal_that_counts() {
    let events = [
        (60, Event::Saves(Saves::Fail)),
        (61, Event::Strike(Fault::LinkDown)),
        (600, Event::Saves(Saves::Quick)),
    ];
    let history = History::of(&events).heals_within(300);
    is_caught_in(Defect::RefusalCounts, "what_can_heal_heals", [history].into_iter());
}

#[test]
fn events_that_are_trusted() {
    is_caught(Defect::EventsTrusted, "ready_is_no_lie");
}

#[test]
fn proofs_that_last() {
    is_caught(Defect::ProofsLast, "ready_is_no_lie");
}

#[test]
fn faults_that_latch() {
    is_caught(Defect::FaultsLatch, "what_can_heal_heals");
}

#[test]
fn grudges_that_are_kept() {
    is_caught(Defect::GrudgesKept, "grudges_are_forgotten");
}

#[test]
fn a_sleep_that_counts() {
    let events = [(60, Event::Strike(Fault::DhcpAway)), (65, Event::Sleeps(8000))];
    let history = History { cured: 600_000, ..History::of(&events) };
    is_caught_in(Defect::SleepCounts, "patience_is_kept", [history].into_iter());
}

#[test]
fn what_was_seen_long_ago_taken_for_new() {
    is_caught(Defect::OldFactsTrusted, "only_what_was_seen_lately_is_repaired");
}

#[test]
fn an_effect_that_is_not_waited_for() {
    is_caught(Defect::EffectsIgnored, "effects_are_waited_for");
}

#[test]
fn a_ladder_without_an_end() {
    let errors = History::of(&[(60, Event::Strike(Fault::ErrorsForGood))]);
    let history = History { cured: 8 * 3_600_000, ..errors };
    is_caught_in(Defect::RestsIgnored, "ladders_end", [history].into_iter());
}

#[test]
fn a_pull_that_nothing_can_come_of() {
    is_caught(Defect::HoldsIgnored, "nothing_is_pulled_in_vain");
}

/// The pull goes on, and stands still, when somebody else fills the disk.
#[test]
fn room_that_is_made_during_a_pull() {
    let events =
        [(60, Event::Strike(Fault::RegistrySilent)), (80, Event::Strike(Fault::Cluttered))];
    let history = History { makes_room: true, cured: 120_000, ..History::of(&events) };
    is_caught_in(Defect::HoldsIgnored, "no_room_is_made_during_a_pull", [history].into_iter());
}

#[test]
fn a_pull_again_and_again_for_which_there_is_no_room() {
    let events = [(60, Event::Strike(Fault::NoRoom))];
    let history = History { cured: 600_000, ..History::of(&events) };
    is_caught_in(Defect::HoldsIgnored, "no_pull_before_there_is_room", [history].into_iter());
}

#[test]
fn a_restart_of_what_waits_for_its_disk() {
    is_caught(Defect::HoldsIgnored, "a_server_that_waits_for_its_disk_is_left_alone");
}

/// A person restarts the server five times within its limit, and the last time it listens where
/// no client is.
#[test]
fn a_restart_into_the_start_limit() {
    let of = |apart: u64| {
        let strike = |time| (60_000 + time * apart, Event::Strike(Fault::Loopback));
        History { events: (0..5).map(strike).collect(), cured: 120_000, ..History::of(&[]) }
    };
    let histories = (2..15).map(|apart| of(apart * 100));
    is_caught_in(Defect::HoldsIgnored, "no_restart_into_the_start_limit", histories);
}
