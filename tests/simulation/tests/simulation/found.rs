//! What random histories have found in the agent, shrunk: each was a bug, and must go well.

use saigak_simulation::agent::Saves;
use saigak_simulation::fault::Fault;
use saigak_simulation::guest::Hands;
use saigak_simulation::history::{Event, History};
use saigak_simulation::mind::Sound;
use saigak_simulation::play::{Played, play};
use saigak_simulation::shrink::explain;

fn played(history: &History) -> Played {
    play(history).unwrap_or_else(|_| panic!("{}", explain(history, &Sound)))
}

/// Proofs that fail come ever more rarely, and the last one counted as seen again after the
/// patience was over: a server that had healed was restarted.
#[test]
fn a_server_that_has_healed_between_two_proofs_is_not_restarted() {
    let fault = Fault::ErrorsForGood;
    let history = History::of(&[(5, Event::Strike(fault)), (47, Event::Cure(fault))]);
    assert_eq!(played(&history.heals_within(120)).acts, []);
}

/// A repair that was refused, or whose effect was waited for, was tried again without a look
/// whether it was still needed.
#[test]
fn a_repair_is_tried_again_only_after_another_look() {
    let fault = Fault::NotFiniteForGood;
    let history = History::of(&[
        (29, Event::Saves(Saves::Fail)),
        (38, Event::Strike(fault)),
        (60, Event::Saves(Saves::Quick)),
        // Right before the next proof.
        (66, Event::Cure(fault)),
    ]);
    assert_eq!(played(&history.heals_within(120)).acts, []);
}

/// While looks at the server hang, it is not known to do nothing: it may be loading the model.
#[test]
fn a_server_that_is_not_looked_at_is_not_idle() {
    let events = [
        (20, Event::Strike(Fault::SlowLoad)),
        (25, Event::Strike(Fault::Killed)),
        (32, Event::Blind(saigak_agent::guest::concern::OLLAMA, 100_000)),
    ];
    assert_eq!(played(&History::of(&events).heals_within(300)).acts, []);
}

/// What a pause held back was repaired at its end, without a look whether it had healed.
#[test]
fn a_repair_that_a_pause_held_back_is_not_made_up_for_once_it_healed() {
    let fault = Fault::NotFiniteForGood;
    let history = History::of(&[
        (10, Event::Pause(97_000)),
        (26, Event::Strike(fault)),
        (70, Event::Cure(fault)),
    ]);
    assert_eq!(played(&history.heals_within(300)).acts, []);
}

/// An agent whose first look at cloud-init hung took it for absent, and repaired what it was
/// about to set up.
#[test]
fn a_cloud_init_that_could_not_be_looked_at_is_waited_for() {
    let events = [
        (0, Event::Blind(saigak_agent::guest::concern::BOOTSTRAP, 60_000)),
        (1, Event::Strike(Fault::BothDeleted)),
    ];
    let history = History { cloud_init: true, ..History::of(&events) };
    let played = played(&history.heals_within(300));
    assert!(played.acts.iter().all(|(at, _)| *at > 12_000), "{:?}", played.acts);
}

/// One whose files could not be read passed for one that was done.
#[test]
fn a_cloud_init_that_nobody_can_read_is_waited_for() {
    let events = [
        (0, Event::Strike(Fault::WeightsCut)),
        (0, Event::Fails(saigak_agent::guest::concern::BOOTSTRAP, 11_000)),
    ];
    let history = History { cloud_init: true, ..History::of(&events) };
    let played = played(&history.heals_within(300));
    assert!(played.acts.iter().all(|(at, _)| *at > 11_000), "{:?}", played.acts);
}

/// Here the rules were wrong: nobody could tell that the frozen server's disk took no writes.
#[test]
fn a_server_that_hangs_is_restarted_though_its_disk_cannot_be_looked_at() {
    let events = [
        (1, Event::Fails(saigak_agent::guest::concern::STORAGE, 50_000)),
        (2, Event::Strike(Fault::Frozen)),
        (3, Event::Strike(Fault::WritesHang)),
    ];
    let history = History { cured: 60_000, ..History::of(&events) };
    assert_eq!(played(&history.heals_within(120)).acts.len(), 1);
}

/// The simulated GPU had device nodes without an age, by which an agent tells a driver that came
/// after the server while the driver kept the probe waiting.
#[test]
fn a_driver_that_came_late_and_hung_leads_to_a_restart() {
    let events = [
        (0, Event::Strike(Fault::DriverLate)),
        (1, Event::Strike(Fault::DriverHangs)),
        (18, Event::Cure(Fault::DriverHangs)),
    ];
    played(&History::of(&events).expecting_gpu().heals_within(120));
}

/// A guest that was suspended while its server loaded the model: by the boot clock the proof had
/// waited for minutes, and by the CPU time of those minutes the server had done nothing.
#[test]
fn a_server_that_slept_with_its_guest_is_not_taken_for_stuck() {
    for asleep in [30, 61, 600, 86_400] {
        let events = [
            (20, Event::Strike(Fault::SlowLoad)),
            (25, Event::Strike(Fault::Killed)),
            (40, Event::Sleeps(asleep * 1000)),
        ];
        assert_eq!(played(&History::of(&events).heals_within(300)).acts, [], "{asleep} s");
    }
}

/// What heals by itself had its time by the boot clock, in which nothing in the guest went on.
#[test]
fn what_heals_by_itself_has_its_time_while_the_guest_is_awake() {
    let errors = Fault::ErrorsForGood;
    for (fault, asleep) in [(errors, 50), (errors, 600), (Fault::DhcpAway, 8)] {
        let events = [
            (60, Event::Strike(fault)),
            (65, Event::Sleeps(asleep * 1000)),
            (66 + asleep, Event::Cure(fault)),
        ];
        assert_eq!(played(&History::of(&events).heals_within(300)).acts, [], "{fault:?} {asleep}");
    }
}

/// What the server had done for the agent's own pull passed, once that had ended, for what it does
/// for clients: a server that had got stuck meanwhile was Ready for minutes more.
#[test]
fn a_server_that_has_worked_for_a_pull_only_is_not_ready() {
    for later in 0..30 {
        let events = [
            (20, Event::Strike(Fault::ModelDeleted)),
            (20 + later, Event::Strike(Fault::RunnerStuck)),
        ];
        played(&History::of(&events).heals_within(120));
    }
}

/// A repair ends at the wake-up, before the loop turns: the sleep was added to the wait for its
/// effect, and nothing was tried again for as long as the guest had slept.
#[test]
fn a_repair_ends_at_the_wake_up() {
    let (fault, asleep) = (Fault::NetworkdFailed, 86_400_000);
    let before = [(59, Event::Saves(Saves::Slow(700))), (60, Event::Strike(fault))];
    let of = |events: &[_]| History { stays: Some(fault), ..History::of(events) };
    let awake = History { cured: 600_000, ..of(&before) };
    let Some((acted, _)) = played(&awake).acts.first().copied() else { panic!("no repair") };
    // The save of the first try ends right after the sleep, and the try itself, in vain.
    let mut history = of(&before);
    let wakes = acted - 1 + asleep;
    history.events.extend([
        (acted - 2, Event::Hands(Hands::Fail)),
        (acted - 1, Event::Sleeps(asleep)),
        (wakes + 1000, Event::Hands(Hands::Honest)),
    ]);
    history.cured = wakes + 600_000;
    let again = played(&history).acts.first().map(|(at, _)| at - wakes);
    assert!(again.is_some_and(|after| after < 120_000), "{again:?} ms after the wake-up");
}

/// The guest is suspended while a repair's effect is waited for, and the agent ends at the wake-up,
/// before it knows of the sleep: the next one took the time asleep for waited.
#[test]
fn an_agent_that_ends_at_the_wake_up_has_not_waited_meanwhile() {
    let (fault, asleep) = (Fault::NetworkdFailed, 600_000);
    let of = |events: &[_]| History { stays: Some(fault), ..History::of(events) };
    let before = [(60, Event::Strike(fault))];
    let awake = History { cured: 600_000, ..of(&before) };
    let Some((acted, _)) = played(&awake).acts.first().copied() else { panic!("no repair") };
    // The first try is in vain.
    let hands =
        [(acted - 1, Event::Hands(Hands::Fail)), (acted + 1000, Event::Hands(Hands::Honest))];
    let again = |events: &[(u64, Event)]| {
        let mut history = of(&before);
        history.events.extend(hands.iter().chain(events).copied());
        history.cured = 600_000 + 2 * asleep;
        played(&history).acts.first().map(|(at, _)| *at)
    };
    let Some(second) = again(&[]) else { panic!("no second try") };
    for slept in [acted + 2000, acted.midpoint(second)] {
        let events = [(slept, Event::Sleeps(asleep)), (slept + asleep, Event::AgentDies(50))];
        let after = again(&events).map(|at| at - asleep);
        assert!(after.is_some_and(|after| after + 1000 >= second), "{after:?}, not {second}");
    }
}
