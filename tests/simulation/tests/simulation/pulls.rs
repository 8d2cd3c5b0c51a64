//! What comes in the middle of a pull: a wall clock that jumps, and a registry that answers
//! otherwise.

#![expect(clippy::unwrap_used, reason = "all of this is tests, the helpers too")]

use saigak_agent::guest::Remedy;
use saigak_agent::model::Remedy::{CreateAlias, DropDamaged, Pull};
use saigak_simulation::fault::Fault;
use saigak_simulation::history::{Event, History};
use saigak_simulation::mind::Sound;
use saigak_simulation::play::{Played, play};
use saigak_simulation::shrink::explain;
use saigak_simulation::world::Turn;

const AN_HOUR: i64 = 3600;

fn played(history: &History) -> Played {
    play(history).unwrap_or_else(|_| panic!("{}", explain(history, &Sound)))
}

/// The same with another event, at so many milliseconds.
fn with(history: &History, at: u64, event: Event) -> History {
    let mut events = history.events.clone();
    events.push((at, event));
    events.sort_by_key(|(at, _)| *at);
    History { events, ..history.clone() }
}

/// Model and alias are deleted after a minute, and a registry that refuses for `refuses`
/// milliseconds has them pulled again and again.
fn pulling(refuses: u64) -> (History, u64) {
    let struck = History::of(&[(60, Event::Strike(Fault::BothDeleted))]);
    let history = History { cured: 60_000 + 2 * 3_600_000, ..struck };
    let history = with(&history, 59_000, Event::Registry(Turn::Refuses, refuses));
    let pulls = played(&history).acts;
    // The last one is that which comes to its end.
    let last = pulls.iter().rev().find(|(_, act)| *act == Remedy::Model(Pull)).unwrap();
    (history, last.0)
}

#[test]
fn a_wall_clock_that_jumps_during_a_pull_changes_nothing() {
    for refuses in [0, 600_000] {
        let (still, pulls_at) = pulling(refuses);
        for then in [None, Some(Event::AgentDies(2000)), Some(Event::Reboot)] {
            let still = then.map_or(still.clone(), |it| with(&still, pulls_at + 6000, it));
            let without = played(&still);
            for by in [AN_HOUR, -AN_HOUR] {
                let jumped = played(&with(&still, pulls_at + 5000, Event::WallJumps(by)));
                assert_eq!(jumped.in_pulls, (1, 0), "it jumped while one ran");
                assert_eq!(jumped.acts, without.acts, "{by} s, {then:?}");
                assert_eq!(
                    (jumped.converged, &jumped.reasons),
                    (without.converged, &without.reasons)
                );
            }
        }
    }
}

/// What an agent counts it counts by a clock that does not jump: budgets are neither forgotten
/// nor counted for longer, by the one that lives nor by the next.
#[test]
fn a_wall_clock_that_jumps_during_a_repair_changes_nothing() {
    for (number, fault) in Fault::ALL.into_iter().enumerate() {
        let strike = History::of(&[(60, Event::Strike(fault))]);
        let still = History { cured: 600_000, gpu: fault.is_of_gpu(), ..strike };
        let still = with(&still, 200_000, Event::AgentDies(2000));
        let without = played(&still);
        let by = if number % 2 == 0 { AN_HOUR } else { -AN_HOUR };
        let jumped = played(&with(&still, 75_000, Event::WallJumps(by)));
        assert_eq!(jumped.acts, without.acts, "{fault:?}, {by} s");
        assert_eq!(jumped.converged, without.converged, "{fault:?}, {by} s");
    }
}

/// A pull that the registry ends is begun anew, and nothing but the model is repaired for it.
#[test]
fn a_registry_that_turns_in_the_middle_of_a_pull_is_asked_again() {
    let (quiet, pulls_at) = pulling(0);
    let turned = |turn, time| {
        let played = played(&with(&quiet, pulls_at + 5000, Event::Registry(turn, time)));
        assert_eq!(played.in_pulls, (0, 1), "{turn:?}: it turned while one ran");
        let acts = played.acts.into_iter().map(|(_, act)| match act {
            Remedy::Model(act) => act,
            other => panic!("{turn:?}: {other:?}"),
        });
        acts.collect::<Vec<_>>()
    };
    assert_eq!(turned(Turn::TagMoves, 0), [Pull, Pull, CreateAlias]);
    assert_eq!(turned(Turn::Refuses, 1), [Pull, Pull, CreateAlias]);
    assert_eq!(turned(Turn::Garbles, 20_000), [Pull, DropDamaged, Pull, CreateAlias]);
    // It refuses for a while: it is asked ever more rarely.
    let asked = turned(Turn::Refuses, 1_200_000);
    let pulls = asked.iter().filter(|act| **act == Pull).count();
    assert!((4..12).contains(&pulls) && asked.len() == pulls + 1, "{asked:?}");
}
