//! The power is cut at any instant, also in the middle of a write.

use std::fs;
use std::time::Duration;

use saigak_agent::core::{Ledger, Past};
use saigak_agent::ledger_file::LedgerFile;
use saigak_simulation::agent::Saves;
use saigak_simulation::fault::Fault;
use saigak_simulation::history::{Event, History};
use saigak_simulation::mind::Sound;
use saigak_simulation::play::play;
use saigak_simulation::shrink::explain;

/// Whatever is on its way to the disk, and whatever of it has arrived: no budget is exceeded in
/// the next boot, and the guest heals.
#[test]
fn the_power_may_be_cut_around_every_step_of_a_repair() {
    for fault in [Fault::ErrorsForGood, Fault::BothDeleted, Fault::Frozen, Fault::WeightsCut] {
        let before = [(59, Event::Saves(Saves::Slow(700))), (60, Event::Strike(fault))];
        let whole = History { cured: 600_000, ..History::of(&before) };
        let acts = play(&whole).map(|played| played.acts).unwrap_or_default();
        assert!(!acts.is_empty(), "{fault:?} is repaired");
        for (acted, _) in acts.iter().take(6) {
            // Before the save, within it, when the repair begins, and within that.
            for at in [acted - 701, acted - 700, acted - 350, acted - 1, *acted, acted + 90] {
                for arrived in 0..=2 {
                    let mut history = History::of(&before);
                    history.events.push((at, Event::PowerCut(arrived)));
                    history.cured = at + 1000;
                    let holds = play(&history).is_ok();
                    assert!(holds, "{}", explain(&history, &Sound));
                }
            }
        }
    }
}

/// A ledger with all that one holds.
fn full() -> Ledger {
    let mut ledger = Ledger::fresh();
    for number in 0..5 {
        ledger.reserve("ollama/Restart", "boot", Duration::from_secs(number));
        ledger.record(Past {
            remedy: "ollama/Restart".into(),
            condition: "EmbeddingCorrect".into(),
            reason: "Stuck".into(),
            started_at: "2027-01-15T08:00:00.000Z".into(),
            started_unix: 1_800_000_000 + number,
            duration_seconds: 0.5,
            result: "Succeeded".into(),
            message: "restarted".into(),
        });
    }
    ledger
}

/// What a disk that lies may leave: the file cut anywhere, empty, or a new version over the start
/// of an old one. None of it is ever taken for a guest that was never repaired.
#[test]
fn half_a_ledger_allows_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.json");
    let file = LedgerFile::in_directory(directory.path());
    let uptime = Duration::from_secs(9);
    let text = |ledger: &Ledger| serde_json::to_vec(ledger).expect("JSON");
    let (old, mut newer) = (full(), full());
    newer.reserve("ollama/Restart", "boot", uptime);
    let (before, after) = (text(&old), text(&newer));
    let loaded = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("written");
        file.load("boot", uptime).0
    };
    for cut in 0..after.len() {
        let half = loaded(&after[..cut]);
        assert_eq!(half, Ledger::closed("boot", uptime), "cut after {cut} bytes");
        let mixed = [&after[..cut], before.get(cut..).unwrap_or_default()].concat();
        let mixed = loaded(&mixed);
        let whole = mixed == old || mixed == newer;
        assert!(whole || mixed == Ledger::closed("boot", uptime), "new up to {cut}: {mixed:?}");
    }
    assert_eq!(loaded(&after), newer);
}
