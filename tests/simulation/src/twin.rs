//! The simulated twin of a fault that a booted guest has had: the same fault in the same guest,
//! at many moments.

use saigak_agent::core::Report;

use crate::agent::Deed;
use crate::course::{Course, Told};
use crate::fault::Fault;
use crate::history::{Event, History};
use crate::mind::Sound;
use crate::play::play_with;
use crate::story::Listener;
use crate::watch::Violation;

/// The first moment at which it is struck: the agent has just become ready, in milliseconds.
const FIRST: u64 = 10_000;
/// From one moment to the next: the looks stand at distances of whole seconds.
const APART: u64 = 1000;
/// Moments: longer than the longest distance of two looks at one thing, a quarter of a minute.
const MOMENTS: u64 = 16;
/// How long the guest is watched: longer than the slowest of the agent's repairs here takes.
const WATCHED: u64 = 120_000;
/// How long quick things take at most: no time, as on an idle guest, and as on a loaded one.
const TEMPOS: [u64; 2] = [0, 80];

/// Hears the agent's reports.
#[derive(Default)]
struct Ear {
    /// When the fault comes.
    struck: u64,
    told: Vec<Told>,
}

impl Listener for Ear {
    fn happens(&mut self, _: u64, _: &str) {}

    fn deed(&mut self, _: u64, _: &Deed) {}

    fn report(&mut self, at: u64, report: &Report, _: bool) {
        let told = Told::from(report);
        if at < self.struck {
            self.told.clear();
        }
        if self.told.last() != Some(&told) {
            self.told.push(told);
        }
    }
}

/// The courses that `fault` takes, which is named as one of `reasons` of `condition`: one for
/// each moment at which it may strike, but for those at which it is over before it is named.
///
/// # Errors
/// The first rule that is broken.
pub fn courses(fault: Fault, condition: &str, reasons: &[&str]) -> Result<Vec<Course>, Violation> {
    courses_after(&[], fault, condition, reasons)
}

/// The same in a guest to which all of `before` has happened just before.
///
/// # Errors
/// The first rule that is broken.
pub fn courses_after(
    before: &[Event],
    fault: Fault,
    condition: &str,
    reasons: &[&str],
) -> Result<Vec<Course>, Violation> {
    let mut courses = Vec::new();
    for moment in 0..MOMENTS {
        for tempo in TEMPOS {
            let before = before.iter();
            let struck = FIRST + moment * APART;
            let history = History {
                seed: moment,
                tempo,
                events: before
                    .chain([&Event::Strike(fault)])
                    .map(|event| (struck, *event))
                    .collect(),
                cured: struck + WATCHED,
                // Nothing is mended by anybody else, and no rest of a ladder is waited for.
                stays: Some(fault),
                ..History::of(&[])
            };
            let mut ear = Ear { struck, ..Ear::default() };
            play_with(&history, Sound, Some(&mut ear))?;
            courses.extend(Course::of(&ear.told, condition, reasons));
        }
    }
    Ok(courses)
}
