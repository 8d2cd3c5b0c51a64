//! Simulated twins: a fault that the simulation can play too must take the same course there as
//! in a booted guest.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use saigak_simulation::course::{Course, Told, repair};
use saigak_simulation::twin;

use super::fault::{Fault, heal};
use super::table::Row;
use super::twins::{self, Twin};
use crate::guest::Guest;
use crate::guest::report::Report;

/// How long the last of the conditions may take before the fault, and once the guest is ready:
/// two of the rarest looks.
const SETTLES_WITHIN: Duration = Duration::from_secs(60);

/// Conditions of the machine around the guest, and why they are not compared.
const FOREIGN: &[(&str, &str)] =
    &[("ClockSynchronized", "no time service runs in a container, whose clock is the machine's")];

/// Does a fault to a ready guest, watches the agent heal it, and compares the course that it
/// took with its twin's, if it has one.
pub(super) async fn heal_like_its_twin(guest: &Guest, fault: &Fault) -> Result<Row> {
    let Some(twin) = twins::of(fault).filter(|_| !guest.has_real_ollama()) else {
        return heal(guest, fault).await;
    };
    let holds = |report: &Report| {
        let foreign = |kind: &str| FOREIGN.iter().any(|(lane, _)| *lane == kind);
        let mut own = report.conditions.iter().filter(|found| !foreign(&found.kind));
        own.all(|found| found.status == "True")
    };
    until(guest, "every condition to be True", holds).await?;
    let known = guest.timeline.since_start().len();
    let row = heal(guest, fault).await?;
    let told = || -> Vec<Told> {
        let seen = guest.timeline.since_start();
        seen[known.saturating_sub(1)..].iter().map(|seen| Told::from(&seen.report)).collect()
    };
    let before = told().first().cloned().context("the agent has told nothing")?;
    let as_good = |report: &Report| Told::from(report).is_as_good_as(&before);
    until(guest, "every condition to be as it was", as_good).await?;
    compare(fault, twin, &told())?;
    Ok(row)
}

async fn until(guest: &Guest, what: &str, fits: impl Fn(&Report) -> bool) -> Result<()> {
    if !guest.timeline.last().is_some_and(|report| fits(&report)) {
        guest.wait(guest.mark().at, SETTLES_WITHIN, what, fits).await?;
    }
    Ok(())
}

fn compare(fault: &Fault, twin: &Twin, told: &[Told]) -> Result<()> {
    let course = |told| Course::of(told, fault.condition, fault.reasons);
    let course = course(told).context("the fault was not named, or is not over")?;
    let case = twin::Case::of(twin.simulated, fault.condition, fault.reasons);
    let twins = twin::courses(&case);
    let twins = twins.map_err(|broken| anyhow!("its twin breaks a rule: {broken}"))?;
    let comparable =
        |course: Course| FOREIGN.iter().fold(course, |course, (lane, _)| course.beside(lane));
    let twins: Vec<Course> = twins.into_iter().map(comparable).collect();
    comparable(course).compare(&twins).map_err(|differs| {
        anyhow!("its twin, {:?}, takes another course:\n{differs}", twin.simulated)
    })
}

impl From<&Report> for Told {
    fn from(report: &Report) -> Self {
        let cause = report.cause.as_ref();
        let own = |kind: &str| FOREIGN.iter().all(|(foreign, _)| *foreign != kind);
        let own = report.conditions.iter().filter(|condition| own(&condition.kind));
        let conditions = own.map(|condition| {
            (condition.kind.clone(), condition.status.clone(), condition.reason.clone())
        });
        let repairs = report.repairs.iter().map(|past| {
            let what = (past.remedy.as_str(), past.condition.as_str(), past.reason.as_str());
            let result = past.result.as_deref().unwrap_or("in flight");
            (past.started_at.clone(), repair(what, result))
        });
        Self {
            ready: report.ready,
            cause: cause.map(|cause| format!("{}/{}", cause.condition, cause.reason)),
            conditions: conditions.collect(),
            repairs: repairs.collect(),
        }
    }
}
