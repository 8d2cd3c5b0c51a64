//! A guest that expects a GPU: one restart where that can help, none where it cannot, and never
//! Ready on the CPU.

use saigak_agent::guest::Remedy;
use saigak_agent::{gpu, ollama};
use saigak_simulation::fault::Fault;
use saigak_simulation::history::{Event, History};
use saigak_simulation::mind::Sound;
use saigak_simulation::mutant::{Defect, Mutant};
use saigak_simulation::play::{Played, play, play_with};
use saigak_simulation::shrink::explain;

use Event::Strike;

/// What becomes of `events`, and hours later of their cure.
fn in_hours(events: &[(u64, Event)]) -> Played {
    let last = events.last().map_or(0, |(at, _)| *at);
    let cured = (last + 6 * 3600) * 1000;
    let history = History { cured, ..History::of(events).expecting_gpu() };
    played(&history.heals_within(300))
}

fn played(history: &History) -> Played {
    play(history).unwrap_or_else(|_| panic!("{}", explain(history, &Sound)))
}

fn count(played: &Played, remedy: Remedy) -> usize {
    played.acts.iter().filter(|(_, act)| *act == remedy).count()
}

const RESTART: Remedy = Remedy::Ollama(ollama::Remedy::Restart);

#[test]
fn a_gpu_that_was_there_first_is_used() {
    assert_eq!(in_hours(&[(60, Event::Reboot)]).acts, []);
}

#[test]
fn a_server_that_was_started_before_the_driver_is_restarted_once() {
    for (fault, remedy) in [
        (Fault::DriverLate, gpu::Remedy::LoadModule),
        (Fault::NodesMissing, gpu::Remedy::StartPersistence),
    ] {
        let played = played(&History::of(&[(60, Strike(fault))]).expecting_gpu().heals_within(120));
        assert_eq!(count(&played, RESTART), 1, "{fault:?}");
        assert_eq!(count(&played, Remedy::Gpu(remedy)), 1, "{fault:?}");
    }
}

/// pando85/homelab #4110: 269 restarts on a driver mismatch that only a reboot cures.
#[test]
fn no_restart_is_wasted_on_a_gpu_that_none_can_bring_back() {
    for fault in [
        Fault::GpuAbsent,
        Fault::DriverMissing,
        Fault::DriverReplaced,
        Fault::DriverForeign,
        Fault::GpuLost,
        Fault::DriverHangs,
    ] {
        // The server falls back to the CPU.
        let hours = in_hours(&[(60, Strike(fault)), (120, Strike(Fault::Killed))]);
        assert_eq!(count(&hours, RESTART), 0, "{fault:?}");
    }
}

/// A hung probe is given up; what comes back is found by the one after it.
#[test]
fn a_driver_that_hung_while_the_server_started_leads_to_one_restart() {
    let events = [(60, Strike(Fault::DriverHangs)), (120, Strike(Fault::Killed))];
    let history = History::of(&events).expecting_gpu();
    // Its cure would restart the server: here the agent does.
    let stays = Some(Fault::DriverHangs);
    let hung = History { cured: 700_000, stays, ..history.clone() };
    assert_eq!(count(&played(&hung), RESTART), 0);
    let mut events = history.events.clone();
    events.push((601_000, Event::DriverBack));
    let back = History { events, cured: 2_000_000, stays, ..history };
    assert_eq!(count(&played(&back), RESTART), 1);
    assert_eq!(played(&back).last.1, None, "and it is ready");
}

#[test]
fn a_model_on_the_cpu_that_passes_for_one_on_the_gpu_is_noticed() {
    let events = [(60, Strike(Fault::DriverReplaced)), (120, Strike(Fault::Killed))];
    let history = History { cured: 600_000, ..History::of(&events).expecting_gpu() };
    is_caught(Defect::CpuIsEnough, "never_ready_on_the_cpu", &history);
}

#[test]
fn a_restart_for_a_gpu_that_the_server_does_not_use_is_noticed() {
    let history = History::of(&[(60, Strike(Fault::DriverForeign))]).expecting_gpu();
    let history = History { cured: 4 * 3_600_000, ..history };
    is_caught(Defect::CpuIsRestarted, "only_what_is_false_is_repaired", &history);
}

/// A driver's probe is started anew at times: that is no GPU that came.
#[test]
fn a_second_restart_for_one_gpu_is_noticed() {
    let history = History::of(&[(60, Strike(Fault::DriverForeign))]).expecting_gpu();
    let history = History { cured: 4 * 3_600_000, ..history };
    is_caught(Defect::GpuComesAnew, "one_restart_for_a_gpu", &history);
}

/// A server that hangs beside a lost GPU is not what a restart brings back.
#[test]
fn a_restart_beside_a_lost_gpu_is_noticed() {
    let events = [(60, Strike(Fault::GpuLost)), (150, Strike(Fault::Frozen))];
    let history = History { cured: 400_000, ..History::of(&events).expecting_gpu() };
    is_caught(Defect::HoldsIgnored, "a_lost_gpu_is_left_alone", &history);
}

fn is_caught(defect: Defect, rule: &str, history: &History) {
    played(history);
    let broken = play_with(history, Mutant::new(defect), None).err();
    assert_eq!(broken.map(|broken| broken.rule), Some(rule), "{defect:?}");
}
