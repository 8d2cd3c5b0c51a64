//! The simulated twin of a fault that a booted guest has had: the same fault in the same guest,
//! at many moments.

use saigak_agent::core::Report;

use crate::agent::Deed;
use crate::course::{Course, Told};
use crate::decisions::Compares;
use crate::fault::Fault;
use crate::history::{Event, History};
use crate::mind::Sound;
use crate::play::play_with;
use crate::story::Listener;
use crate::watch::Violation;

/// The first moment at which it is struck: the agent has been ready for a while, in milliseconds.
const FIRST: u64 = 40_000;
/// From one moment to the next: no multiple of the pause between any two looks.
const APART: u64 = 487;
/// Moments: together longer than the longest distance of two looks at one thing, a quarter of a
/// minute, several times.
const MOMENTS: u64 = 240;
/// So many are played before they are looked at.
const AT_A_TIME: usize = 24;
/// How long the guest is watched, after its cure where there is one: longer than the slowest of
/// the agent's repairs here takes.
const WATCHED: u64 = 120_000;
/// From one moment's cure to that of the next. When exactly a person's command takes effect is not
/// known, and a unit that fails again and again is in another state every second.
const LATER: u64 = 131;
/// All cures come within this time: once around such a unit's states.
const CURED_WITHIN: u64 = 3200;
/// How long quick things take at most: no time, as on an idle guest, and as on loaded ones.
const TEMPOS: [u64; 4] = [0, 10, 40, 200];

/// How long the server takes to load its model: its own time, and more on a loaded machine.
const LOADS: [u64; 3] = [60, 200, 500];

/// A fault, and how it is to be found in a course.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The fault.
    pub fault: Fault,
    /// What has happened just before.
    pub before: &'a [Event],
    /// The condition that names it.
    pub condition: &'a str,
    /// The reasons by which it does: one of these.
    pub reasons: &'a [&'a str],
    /// After how many milliseconds somebody else mends it, if he does.
    pub cured: Option<u64>,
}

impl<'a> Case<'a> {
    /// A fault that nobody else mends, in a guest to which nothing has happened before.
    #[must_use]
    pub fn of(fault: Fault, condition: &'a str, reasons: &'a [&'a str]) -> Self {
        Self { fault, before: &[], condition, reasons, cured: None }
    }
}

/// Hears the agent's reports.
struct Ear<'a> {
    case: &'a Case<'a>,
    /// When the fault comes.
    struck: u64,
    told: Vec<Told>,
    /// Whether the fault was named.
    named: bool,
    /// Whether what held before it holds again.
    over: bool,
}

impl Listener for Ear<'_> {
    fn happens(&mut self, _: u64, _: &str) {}

    fn deed(&mut self, _: u64, _: &Deed) {}

    fn report(&mut self, at: u64, report: &Report, _: bool) {
        let told = Told::from(report);
        if at < self.struck {
            self.told.clear();
            self.named = false;
        }
        self.named |= told.names(self.case.condition, self.case.reasons);
        self.over |= self.named && self.told.first().is_some_and(|it| told.is_as_good_as(it));
        if self.told.last() != Some(&told) {
            self.told.push(told);
        }
    }

    fn has_enough(&self) -> bool {
        self.over
    }
}

/// The courses that a fault takes: one for each moment at which it may strike, but for those at
/// which it is over before it is named.
///
/// # Errors
/// The first rule that is broken.
pub fn courses(case: &Case<'_>) -> Result<Vec<Course>, Violation> {
    each_course(case).collect()
}

/// Holds a guest's course against those of its twins, as `comparable` leaves them, until they
/// show all of it: more of them can only show more.
///
/// # Errors
/// What differs, or the first rule that a twin breaks.
pub fn compare(
    case: &Case<'_>,
    compares: Compares,
    course: &Course,
    comparable: impl Fn(Course) -> Course,
) -> Result<(), String> {
    let mut twins: Vec<Course> = Vec::new();
    for twin in each_course(case) {
        let twin = twin.map_err(|broken| format!("its twin breaks a rule: {broken}"))?;
        twins.push(comparable(twin));
        if twins.len().is_multiple_of(AT_A_TIME) && compares.compare(course, &twins).is_ok() {
            return Ok(());
        }
    }
    compares.compare(course, &twins)
}

/// The same, each played when it is asked for.
pub fn each_course(case: &Case<'_>) -> impl Iterator<Item = Result<Course, Violation>> {
    (0..MOMENTS).filter_map(|moment| course(case, moment).transpose())
}

fn course(case: &Case<'_>, moment: u64) -> Result<Option<Course>, Violation> {
    let number = usize::try_from(moment).unwrap_or(0);
    let tempo = TEMPOS[number % TEMPOS.len()];
    let struck = FIRST + moment * APART;
    let before = case.before.iter().copied();
    let strike = before.chain([Event::Strike(case.fault)]);
    let cured = case.cured.map(|after| after + moment * LATER % CURED_WITHIN);
    let cure = cured.map(|after| (struck + after, Event::Cure(case.fault)));
    let history = History {
        seed: moment,
        tempo,
        contained: Some(LOADS[number % LOADS.len()]),
        events: strike.map(|event| (struck, event)).chain(cure).collect(),
        cured: struck + cured.unwrap_or(0) + WATCHED,
        // Nothing is mended by anybody else, and no rest of a ladder is waited for.
        stays: Some(case.fault),
        ..History::of(&[])
    };
    let mut ear = Ear { case, struck, told: Vec::new(), named: false, over: false };
    play_with(&history, Sound, Some(&mut ear))?;
    Ok(Course::of(&ear.told, case.condition, case.reasons))
}
