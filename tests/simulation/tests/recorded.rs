//! The simulated guest against what booted guests did, as they were recorded: it takes their
//! courses, and one whose physics are other than theirs does not.

#![expect(clippy::unwrap_used, reason = "all of this is tests, the helpers too")]

use saigak_simulation::fault::Fault;
use saigak_simulation::history::Event;
use saigak_simulation::recorded::Recorded;
use saigak_simulation::twin::{self, Case};
use saigak_simulation::world::Wrong;

/// Holds a booted guest's course against those of the simulated twin to which `before` has
/// happened, as far as it goes: what was not compared there is not here.
fn compare(recorded: &Recorded, before: &[Event]) -> Result<(), String> {
    let Recorded { fault, condition, reasons, cured, compares, course } = recorded;
    let reasons: Vec<&str> = reasons.iter().map(String::as_str).collect();
    let case = Case { before, cured: *cured, ..Case::of(*fault, condition, &reasons) };
    twin::compare(&case, *compares, course, |twin| twin.as_far_as(course))
}

#[test]
fn simulated_guests_take_the_courses_that_booted_ones_took() {
    let all = Recorded::all().unwrap();
    assert!(all.len() >= 9, "{} are kept", all.len());
    for recorded in all {
        compare(&recorded, &[]).unwrap_or_else(|differs| {
            panic!(
                "{:?}: {differs}\nWhere the agent says it otherwise now, record them anew: \
                 SAIGAK_BLESS=1 cargo lab test disk-files disk-matters disk-place model",
                recorded.fault
            )
        });
    }
}

#[test]
fn physics_that_are_no_guests_are_caught() {
    let all = Recorded::all().unwrap();
    for (wrong, fault) in [
        (Wrong::ImmutableIsGiven, Fault::Immutable),
        (Wrong::NothingIsGiven, Fault::Taken),
        (Wrong::AliasGoesWithModel, Fault::ModelDeleted),
        (Wrong::AliasComesWithModel, Fault::BothDeleted),
        (Wrong::PullsStandStill, Fault::ModelDeleted),
        (Wrong::FullDiskEndsServer, Fault::Full),
        (Wrong::ClosedIsOpen, Fault::ParentClosed),
    ] {
        let recorded = all.iter().find(|recorded| recorded.fault == fault).unwrap();
        let differs = compare(recorded, &[Event::Physics(wrong)]);
        let differs = differs.expect_err("it passes for a booted guest");
        println!("{wrong:?} is caught by {fault:?}: {differs}");
    }
}
