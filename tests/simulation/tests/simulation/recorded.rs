//! The simulated guest against what booted guests did, as they were recorded: it takes their
//! courses, and one whose physics are other than theirs does not.

use saigak_simulation::fault::Fault;
use saigak_simulation::guest::Hands;
use saigak_simulation::history::Event;
use saigak_simulation::recorded::{ANEW, Recorded};
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
    assert!(all.len() >= 42, "{} are kept", all.len());
    for recorded in all {
        compare(&recorded, &[]).unwrap_or_else(|differs| {
            panic!(
                "{:?}: {differs}\nWhere the agent says it otherwise now, record them anew: {ANEW}",
                recorded.fault
            )
        });
    }
}

#[test]
fn physics_that_are_no_guests_are_caught() {
    let all = Recorded::all().unwrap();
    let physics = [
        (Wrong::ImmutableIsGiven, Fault::Immutable),
        (Wrong::NothingIsGiven, Fault::Taken),
        (Wrong::AliasGoesWithModel, Fault::ModelDeleted),
        (Wrong::AliasComesWithModel, Fault::BothDeleted),
        (Wrong::PullsStandStill, Fault::ModelDeleted),
        (Wrong::FullDiskEndsServer, Fault::Full),
        (Wrong::ClosedIsOpen, Fault::ParentClosed),
        // Compared by their decisions.
        (Wrong::PullsStandStill, Fault::WeightsCut),
        (Wrong::AliasComesWithModel, Fault::RegistryAway),
    ];
    let hands = [
        (Hands::Fail, Fault::Flushed),
        (Hands::Half, Fault::Limited),
        (Hands::Lie, Fault::Stopped),
        (Hands::Half, Fault::AliasCut),
    ];
    let physics = physics.map(|(wrong, fault)| (Event::Physics(wrong), fault));
    let hands = hands.map(|(hands, fault)| (Event::Hands(hands), fault));
    for (wrong, fault) in physics.into_iter().chain(hands) {
        let recorded = all.iter().find(|recorded| recorded.fault == fault).unwrap();
        let differs = compare(recorded, &[wrong]);
        let differs = differs.expect_err("it passes for a booted guest");
        println!("{wrong:?} is caught by {fault:?}: {differs}");
    }
}
