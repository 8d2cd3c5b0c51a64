//! What users of comparable agents complain of, as histories that must go well here. Each names
//! the agent that it broke.

use saigak_agent::guest::Remedy;
use saigak_agent::{model, ollama};
use saigak_simulation::fault::Fault;
use saigak_simulation::history::{Event, History};
use saigak_simulation::mind::Sound;
use saigak_simulation::play::{Played, play};
use saigak_simulation::shrink::explain;

use Event::{AgentDies, Cure, Deaf, NoKnocks, Reboot, Strike};

fn played(history: &History) -> Played {
    play(history).unwrap_or_else(|_| panic!("{}", explain(history, &Sound)))
}

/// A fault again and again, each time for `lasts` seconds.
fn again(fault: Fault, times: u64, every: u64, lasts: u64) -> History {
    let one = |time| {
        let at = 60 + time * every;
        [(at, Strike(fault)), (at + lasts, Cure(fault))]
    };
    History::of(&(0..times).flat_map(one).collect::<Vec<_>>())
}

fn restarts(played: &Played) -> usize {
    count(played, ollama::Remedy::Restart)
}

fn count(played: &Played, of: ollama::Remedy) -> usize {
    played.acts.iter().filter(|(_, remedy)| *remedy == Remedy::Ollama(of)).count()
}

/// node-problem-detector #444: a check every 10 seconds in step with `RestartSec=10` found the
/// service down each time, and killed it for ever.
#[test]
fn a_server_that_dies_in_step_with_the_looks_is_left_to_systemd() {
    for every in [3, 5, 10, 15] {
        let played = played(&again(Fault::Killed, 40, every, 1).heals_within(30));
        assert_eq!(played.acts, [], "every {every} s");
    }
}

/// eks-node-monitoring-agent #266: `False` for eight days after a fault of 90 seconds.
#[test]
fn what_was_broken_for_90_seconds_is_not_said_to_be_for_days() {
    for fault in [Fault::CableCut, Fault::DhcpAway, Fault::Firewall, Fault::QueueFull] {
        played(&again(fault, 1, 0, 90).heals_within(90));
    }
}

/// monit: after so many restarts it stops watching until a person comes.
#[test]
fn the_last_of_many_faults_is_healed_like_the_first() {
    for fault in [Fault::Frozen, Fault::RunnerStuck, Fault::LinkDown, Fault::AliasDeleted] {
        played(&again(fault, 24, 1800, 1).heals_within(240));
    }
}

/// monit #1032: a counter of edges that was stuck. An agent that missed every event must find
/// out by itself.
#[test]
fn no_event_is_needed() {
    for fault in Fault::ALL {
        let deaf = (59, Deaf(3_600_000));
        let history = History::of(&[deaf, (60, Strike(fault))]).heals_within(1200);
        played(&History { gpu: fault.is_of_gpu(), ..history });
    }
}

/// Ollama's own unit, ollama #2147: 151 restarts on a permission error, since `RestartSec=3`
/// never reaches systemd's limit. Nothing is added to them.
#[test]
fn a_server_that_cannot_start_is_not_restarted_on_top() {
    let played = played(&again(Fault::Crashes, 1, 0, 453).heals_within(60));
    assert_eq!(restarts(&played), 0);
}

/// pando85/homelab #4110: 269 restarts on a driver mismatch that only a reboot cures.
#[test]
fn a_remedy_that_cannot_help_is_not_repeated_for_a_day() {
    for fault in [Fault::ErrorsForGood, Fault::NotFiniteForGood] {
        let played = played(&again(fault, 1, 0, 24 * 3600).heals_within(600));
        assert!((1..=6).contains(&restarts(&played)), "{fault:?}: {}", restarts(&played));
    }
}

/// gpustack #3189: instances recreated at peak. `LocalAI` #5221: a working model killed for idling.
#[test]
fn a_server_that_is_busy_or_idle_is_left_alone() {
    for fault in [Fault::Busy, Fault::QueueFull] {
        let played = played(&again(fault, 3, 3600, 1800).heals_within(60));
        assert_eq!(played.acts, [], "{fault:?}");
    }
    assert_eq!(played(&History::of(&[(7200, Event::Storm)]).heals_within(10)).acts, []);
}

/// llama-swap #92, #120: failed until a person acts.
#[test]
fn a_unit_that_systemd_has_given_up_is_started_again() {
    played(&again(Fault::Limited, 1, 0, 1).heals_within(60));
}

/// gpustack #6231: unreachable, while it serves.
#[test]
fn who_could_not_be_reached_for_a_while_is_ready_as_soon_as_it_is_reached() {
    let lost = History::of(&[(60, NoKnocks(600_000)), (660, Event::Storm)]);
    played(&lost.heals_within(60));
}

/// ollama #17428, with this very model: a runner that stands still in a server that is fine.
/// #12921: vectors of NaN. #9325: errors after thousands of requests.
#[test]
fn a_runner_that_is_lost_is_found_by_its_proofs() {
    for fault in [Fault::NotFinite, Fault::Errors] {
        let played = played(&again(fault, 1, 0, 1).heals_within(240));
        assert_eq!(restarts(&played), 1, "{fault:?}");
    }
    // Nothing is lost but what that runner had.
    let played = played(&again(Fault::RunnerStuck, 1, 0, 1).heals_within(240));
    assert_eq!((count(&played, ollama::Remedy::StopRunner), restarts(&played)), (1, 0));
}

/// A runner whose copy of the weights is damaged: it is loaded anew, and the server stays.
#[test]
fn a_model_that_computes_nonsense_is_loaded_anew_before_anything_else() {
    let played = played(&again(Fault::Unlike, 1, 0, 1).heals_within(120));
    let tried: Vec<_> = played.acts.iter().map(|(_, remedy)| *remedy).collect();
    assert_eq!(tried, [Remedy::Model(model::Remedy::Unload)]);
}

/// ollama #330: a restart throws away what a pull has loaded. #1736, #8406: pulls that are reset
/// or stall.
#[test]
fn a_pull_is_not_disturbed_and_goes_on_where_it_was() {
    let pulls = |played: &Played| {
        let is_one = |remedy: &Remedy| *remedy == Remedy::Model(model::Remedy::Pull);
        played.acts.iter().filter(|(_, remedy)| is_one(remedy)).count()
    };
    let undisturbed = played(&History::of(&[(60, Strike(Fault::BothDeleted))]).heals_within(60));
    assert_eq!((pulls(&undisturbed), restarts(&undisturbed)), (1, 0));
    for cut in [Strike(Fault::Killed), AgentDies(1000), Reboot] {
        let events = [(60, Strike(Fault::BothDeleted)), (70, cut)];
        let cut = played(&History::of(&events).heals_within(90));
        assert_eq!((pulls(&cut), restarts(&cut)), (2, 0));
    }
    let stalls = again(Fault::RegistrySilent, 1, 0, 900).heals_within(400);
    assert_eq!(restarts(&played(&stalls)), 0);
}

/// gpud: healthy before the first check. Nothing is Ready here that never embedded: a rule of
/// its own, held against a guest that boots without an address.
#[test]
fn nothing_is_ready_before_it_was_looked_at() {
    played(&History::of(&[(0, Strike(Fault::MacPinned)), (0, Strike(Fault::DhcpAway))]));
    played(&History::of(&[(0, Strike(Fault::Firewall)), (300, Reboot)]));
}

/// NVIDIA's `NVSentinel`: labels that outlive recovery, attempts without a limit. Here a guest that
/// has recovered is treated like one that was never ill, and both are rules of every history.
#[test]
fn what_recovered_is_healed_by_the_smallest_remedy_again() {
    let history = again(Fault::Frozen, 2, 3600, 1);
    assert_eq!(restarts(&played(&history.heals_within(240))), 2);
}
