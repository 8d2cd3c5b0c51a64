//! Each fault by itself: what the agent can mend is mended in the time that its ladders state,
//! and what it cannot is told to a person, and left at that.

#![expect(clippy::unwrap_used, reason = "all of this is tests, the helpers too")]

use saigak_agent::core::{Remedy as _, Rung, Status};
use saigak_agent::guest::Remedy;
use saigak_agent::{model, storage};
use saigak_simulation::fault::{Fault, Mends};
use saigak_simulation::history::{Event, History};
use saigak_simulation::mind::Sound;
use saigak_simulation::play::{Played, play};
use saigak_simulation::shrink::explain;
use saigak_simulation::watch::{seconds, stated};

fn played(history: &History) -> Played {
    play(history).unwrap_or_else(|_| panic!("{}", explain(history, &Sound)))
}

/// From a fault until it is seen, and from its end until an embedding has proven that: a look
/// at everything, a load of the model, and the longest pause between two failing proofs.
const BESIDES: u64 = 330_000;

/// A fault has begun to tell by then: a server that is restarted, or stopped, serves on until it
/// ends.
const SHOWS: u64 = 1000;

/// How long a ladder may take, in milliseconds: its patience, and the wait after each try,
/// which is up to a quarter longer. What is tried without end may have to be waited for once.
fn stated_bound(condition: &str, reason: &str) -> u64 {
    let reason = stated(condition, reason).unwrap();
    let waits = reason.ladder.iter().map(|rung| {
        let tries = if rung.tries == Rung::<Remedy>::FOREVER { 1 } else { rung.tries };
        let first = if tries == 1 { 16 } else { 1 };
        (first..first + tries).map(|n| rung.settle_after(n).as_millis() * 5 / 4).sum::<u128>()
    });
    u64::try_from(reason.patience.as_millis() + waits.sum::<u128>()).unwrap()
}

#[test]
fn what_can_heal_heals_in_the_time_that_its_ladders_state() {
    println!("{:<18} {:>9} {:>9}  repairs", "fault", "shortest", "longest");
    for fault in Fault::ALL {
        let (mut shortest, mut longest) = (u64::MAX, 0);
        let mut repairs = Vec::new();
        // The looks come at fixed times: the fault comes at any time between them.
        for phase in 0..30 {
            let at = 60_000 + phase * 500;
            let cured = if fault.mends() == Mends::Agent { at + SHOWS } else { at + 600_000 };
            let events = vec![(at, Event::Strike(fault))];
            let gpu = fault.is_of_gpu();
            let history = History { events, cured, gpu, ..History::of(&[]) };
            let played = played(&history);
            let bound: u64 = played.reasons.iter().map(|(of, why)| stated_bound(of, why)).sum();
            let took = played.converged + if fault.mends() == Mends::Agent { SHOWS } else { 0 };
            assert!(took <= bound + BESIDES, "{fault:?}: {took} ms of {bound}");
            shortest = shortest.min(took);
            longest = longest.max(took);
            for (_, remedy) in played.acts {
                let name = remedy.name();
                if !repairs.contains(&name) {
                    repairs.push(name);
                }
            }
        }
        let name = format!("{fault:?}");
        let (shortest, longest) = (seconds(shortest), seconds(longest));
        println!("{name:<18} {shortest:>9.1} {longest:>9.1}  {}", repairs.join(" "));
    }
}

#[test]
fn what_only_a_person_can_mend_is_told_and_left_at_that() {
    const HALF_AN_HOUR: u64 = 1_800_000;
    for fault in Fault::ALL.into_iter().filter(|fault| fault.mends() == Mends::Person) {
        let cured = 60_000 + 2 * HALF_AN_HOUR;
        let strike = vec![(60_000, Event::Strike(fault))];
        let stays = Some(fault);
        let gpu = fault.is_of_gpu();
        let history = History { events: strike, cured, stays, gpu, ..History::of(&[]) };
        let Played { last: (next, cause), acts, .. } = played(&history);
        let (condition, reason) = cause.unwrap();
        let reason = stated(&condition, &reason).unwrap();
        let endless = reason.ladder.iter().any(|rung| rung.tries == Rung::<Remedy>::FOREVER);
        // What waits for the world outside is tried on; of what is not known, nothing is said.
        if endless || reason.passes || reason.status == Status::Unknown {
            continue;
        }
        assert!(next.contains(reason.advice), "{fault:?}: {condition}/{}: {next}", reason.name);
        let late = acts.iter().filter(|(at, _)| *at > 60_000 + HALF_AN_HOUR);
        assert_eq!(late.collect::<Vec<_>>(), Vec::<&(u64, Remedy)>::new(), "{fault:?}");
    }
}

/// A disk full of what was given up keeps a model from being pulled, until room is made for it.
#[test]
fn room_is_made_for_a_model_where_that_is_switched_on() {
    let events = [(60, Event::Strike(Fault::Cluttered)), (60, Event::Strike(Fault::BothDeleted))];
    let history = History { makes_room: true, ..History::of(&events).heals_within(120) };
    // Nobody else clears the disk.
    let history = History { stays: Some(Fault::Cluttered), cured: 300_000, ..history };
    let played = played(&history);
    let made = |remedy| played.acts.iter().filter(|(_, act)| *act == remedy).count();
    assert_eq!(made(Remedy::Storage(storage::Remedy::MakeRoom)), 1);
    assert_eq!(made(Remedy::Model(model::Remedy::Pull)), 1);
    assert_eq!(played.last.1, None, "and it is ready");
}
