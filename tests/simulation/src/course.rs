//! What a fault led to, in a form in which a booted guest and a simulated one can be compared.
//!
//! A *course* has a lane for the repairs, one for the verdict, and one for each condition: what
//! was said there, in its order, without times and without what was said again. It begins with
//! what was said before the fault, and ends as soon as the guest is ready and every condition
//! that held before holds again.
//!
//! What is said of a moment hangs on when a look comes to it: a link that is back before anybody
//! looked was never down. So the simulated guest is struck at many moments between two looks, and
//! the booted guest's course must, lane by lane, be one that came of one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use saigak_agent::core::Report;
use serde::{Deserialize, Serialize};

/// One report, as far as it counts here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// The verdict.
    pub ready: bool,
    /// The root cause: `Condition/Reason`.
    pub cause: Option<String>,
    /// Each condition's name, status and reason.
    pub conditions: Vec<(String, String, String)>,
    /// The repairs that are over: when they began, and what became of them.
    pub repairs: Vec<(String, String)>,
    /// Whether one is under way.
    pub repairing: bool,
}

impl From<&Report> for Told {
    fn from(report: &Report) -> Self {
        let cause = report.cause.as_ref();
        let conditions = report.conditions.iter().map(|condition| {
            let status = condition.status.word().to_owned();
            (condition.r#type.clone(), status, condition.reason.clone())
        });
        let repairs = report.repairs.iter().map(|past| {
            let what = (past.remedy.as_str(), past.condition.as_str(), past.reason.as_str());
            (past.started_at.clone(), repair(what, &past.result))
        });
        Self {
            ready: report.ready,
            cause: cause.map(|cause| format!("{}/{}", cause.condition, cause.reason)),
            conditions: conditions.collect(),
            repairs: repairs.collect(),
            repairing: report.repair.is_some(),
        }
    }
}

/// How a repair is told: its remedy, the condition and the reason that it was for, its result.
#[must_use]
pub fn repair((remedy, condition, reason): (&str, &str, &str), result: &str) -> String {
    format!("{remedy} for {condition}/{reason}: {result}")
}

impl Told {
    /// Whether a condition is `False` for one of these reasons.
    #[must_use]
    pub fn names(&self, condition: &str, reasons: &[&str]) -> bool {
        self.conditions.iter().any(|(name, status, reason)| {
            name == condition && status == "False" && reasons.contains(&reason.as_str())
        })
    }

    /// Whether every condition that held in `before` holds, the guest is as ready, and nothing is
    /// repaired any more.
    #[must_use]
    pub fn is_as_good_as(&self, before: &Self) -> bool {
        let held = |told: &Self| -> BTreeSet<String> {
            let held = told.conditions.iter().filter(|(_, status, _)| status == "True");
            held.map(|(name, ..)| name.clone()).collect()
        };
        !self.repairing && self.ready >= before.ready && held(self).is_superset(&held(before))
    }
}

/// The lane of the repairs.
const REPAIRS: &str = "repairs";
/// The lane of the verdict and its root cause.
const VERDICT: &str = "verdict";

/// A course: what was said in each lane.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Course(BTreeMap<String, Vec<String>>);

impl Course {
    /// The verdict of a guest that is.
    pub(crate) const READY: &str = "Ready";

    /// The course that `told` took, of which the first was said before the fault, and which is
    /// named as one of `reasons` of `condition`. `None` where it did not come to its end.
    #[must_use]
    pub fn of(told: &[Told], condition: &str, reasons: &[&str]) -> Option<Self> {
        let before = told.first()?;
        let named = told.iter().position(|told| told.names(condition, reasons))?;
        let over = told[named..].iter().position(|told| told.is_as_good_as(before))?;
        let mut course = Self::default();
        for told in &told[..=named + over] {
            course.add(before, told);
        }
        Some(course)
    }

    fn add(&mut self, before: &Told, told: &Told) {
        let verdict = match (&told.cause, told.ready) {
            (_, true) => Self::READY,
            (Some(cause), false) => cause,
            (None, false) => "not Ready",
        };
        self.say(VERDICT, verdict);
        for (condition, status, reason) in &told.conditions {
            self.say(condition, &format!("{status} {reason}"));
        }
        let fresh = told.repairs.iter().filter(|repair| !before.repairs.contains(repair));
        let repairs = fresh.map(|(_, what)| what.clone()).collect();
        self.0.insert(REPAIRS.into(), repairs);
    }

    fn say(&mut self, lane: &str, what: &str) {
        let said = self.0.entry(lane.into()).or_default();
        if said.last().is_none_or(|last| last != what) {
            said.push(what.into());
        }
    }

    fn lane(&self, lane: &str) -> &[String] {
        self.0.get(lane).map_or(&[], Vec::as_slice)
    }

    /// The repairs that ran, in their order.
    pub(crate) fn repairs(&self) -> &[String] {
        self.lane(REPAIRS)
    }

    /// The verdicts, in their order: [`Course::READY`], or the root cause.
    pub(crate) fn verdict(&self) -> &[String] {
        self.lane(VERDICT)
    }

    /// What was said of each condition.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = (&String, &Vec<String>)> {
        self.0.iter().filter(|(lane, _)| *lane != REPAIRS && *lane != VERDICT)
    }

    /// The same without that lane.
    #[must_use]
    pub fn beside(mut self, lane: &str) -> Self {
        self.0.remove(lane);
        self
    }

    /// The same with those lanes alone that `other` has.
    #[must_use]
    pub fn as_far_as(mut self, other: &Self) -> Self {
        self.0.retain(|lane, _| other.0.contains_key(lane));
        self
    }

    /// Fails where a lane is not as in any of `twins`, and shows both.
    ///
    /// # Errors
    /// The lanes that differ, and what the twins say there.
    pub fn compare(&self, twins: &[Self]) -> Result<(), String> {
        let mut shown = String::new();
        let lanes: BTreeSet<&String> =
            twins.iter().chain([self]).flat_map(|course| course.0.keys()).collect();
        for lane in lanes {
            let said = self.0.get(lane).cloned().unwrap_or_default();
            let known: BTreeSet<Vec<String>> =
                twins.iter().map(|twin| twin.0.get(lane).cloned().unwrap_or_default()).collect();
            if !known.contains(&said) {
                show(&mut shown, lane, &said, &known);
            }
        }
        if twins.is_empty() {
            shown.push_str("no twin's course came to its end");
        }
        if shown.is_empty() { Ok(()) } else { Err(shown) }
    }
}

/// The guest's lane beside the one of the twins that goes with it longest.
pub(crate) fn show(text: &mut String, lane: &str, said: &[String], known: &BTreeSet<Vec<String>>) {
    let same = |twin: &&Vec<String>| twin.iter().zip(said).take_while(|(a, b)| a == b).count();
    let nearest = known.iter().max_by_key(same).map_or(&[][..], Vec::as_slice);
    // Writing to a string does not fail.
    let others = known.len().saturating_sub(1);
    let _ = writeln!(text, "{lane} (beside the nearest of the twin's, of which {others} differ)");
    for row in 0..said.len().max(nearest.len()) {
        let column = |of: &[String]| of.get(row).cloned().unwrap_or_default();
        let (left, right) = (column(said), column(nearest));
        let mark = if left == right { ' ' } else { '!' };
        let _ = writeln!(text, "  {mark} {left:<60} | {right}");
    }
}
