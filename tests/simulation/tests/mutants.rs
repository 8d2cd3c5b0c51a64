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

/// Every five minutes the agent dies, while something is wrong that a restart does not mend.
fn dying_agents() -> History {
    let mut events = vec![(60, Event::Strike(Fault::ErrorsForGood))];
    events.extend((1..12).map(|time| (60 + time * 300, Event::AgentDies(1000))));
    History::of(&events)
}

#[test]
fn a_budget_that_is_ignored() {
    let day = History {
        cured: 8 * 3_600_000,
        ..History::of(&[(60, Event::Strike(Fault::ErrorsForGood))])
    };
    is_caught_in(Defect::BudgetIgnored, "budgets_hold", [day].into_iter());
}

#[test]
fn a_ledger_that_does_not_survive_the_agent() {
    is_caught_in(Defect::LedgerForgotten, "budgets_hold", [dying_agents()].into_iter());
}

#[test]
fn a_repair_that_does_not_wait_for_its_budget_to_be_saved() {
    let mut history = dying_agents();
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
