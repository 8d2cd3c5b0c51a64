//! Thousands of random histories, and what must never happen in any of them.

use crate::history::{History, Tally};

const HISTORIES: u64 = 2000;
const STEPS: usize = 40;

/// `SAIGAK_SEED=N` replays one history.
#[test]
fn in_no_history_happens_what_must_never_happen() {
    let given = std::env::var("SAIGAK_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    let first = given.unwrap_or_else(|| fastrand::u64(..u64::MAX - HISTORIES));
    println!("SAIGAK_SEED={first} and the {HISTORIES} from there on");
    let mut tally = Tally::default();
    for seed in first..first + if given.is_some() { 1 } else { HISTORIES } {
        let mut history = History::new(seed);
        for _ in 0..STEPS {
            history.step(&mut tally);
        }
    }
    println!("{tally:?}");
    // Histories in which little happens would prove nothing.
    if given.is_none() {
        let Tally { repairs, ready, graced, not_ready, expired, spent, reboots } = tally;
        let rarest = [repairs, ready, graced, not_ready, expired, spent, reboots];
        assert!(rarest.iter().all(|count| *count > 100), "{rarest:?}");
    }
}
