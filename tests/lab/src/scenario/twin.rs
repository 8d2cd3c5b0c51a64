//! Simulated twins: a fault that the simulation can play too must take the same course there as
//! in a booted guest, or at least lead to the same decisions.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use saigak_simulation::course::{Course, Told, repair};
use saigak_simulation::recorded::Recorded;
use saigak_simulation::twin::{self as simulated, Case};

use super::fault::{Fault, heal};
use super::table::Row;
use super::twins::{self, Twin};
use crate::guest::Guest;
use crate::guest::report::Report;

/// How long the last of the conditions may take before the fault, and once the guest is ready:
/// two of the rarest looks.
const SETTLES_WITHIN: Duration = Duration::from_secs(60);

/// Conditions that are not compared, and why.
const FOREIGN: &[(&str, &str)] = &[
    ("ClockSynchronized", "no time service runs in a container, whose clock is the machine's"),
    ("ModelFilesIntact", "no simulated guest knows how its last boot ended"),
    ("NamesResolve", "resolved hears of the name servers of a new lease when it likes"),
];

/// Does a fault to a ready guest, watches the agent heal it, and compares the course that it
/// took with its twin's, if it has one.
pub(super) async fn heal_like_its_twin(guest: &Guest, fault: &Fault) -> Result<Row> {
    let follower = Follower::begin(guest, fault.what).await?;
    let row = heal(guest, fault).await?;
    follower.end(guest, (fault.condition, fault.reasons), None).await?;
    Ok(row)
}

/// Follows what the agent says of something that may have a twin, from before it happens.
pub(super) struct Follower {
    /// The twin, and how many reports there were before. `None`: what happens has no twin.
    following: Option<(&'static Twin, usize)>,
}

impl Follower {
    /// Waits until every condition holds, if what happens has a twin.
    pub(super) async fn begin(guest: &Guest, what: &str) -> Result<Self> {
        let Some(twin) = twins::of(what).filter(|_| !guest.has_real_ollama()) else {
            return Ok(Self { following: None });
        };
        let holds = |report: &Report| {
            let foreign = |kind: &str| FOREIGN.iter().any(|(lane, _)| *lane == kind);
            let mut own = report.conditions.iter().filter(|found| !foreign(&found.kind));
            own.all(|found| found.status == "True")
        };
        until(guest, "every condition to be True", holds).await?;
        Ok(Self { following: Some((twin, guest.timeline.since_start().len())) })
    }

    /// Waits until everything is as it was before, and compares the course with the twin's.
    /// `named`: the condition and the reasons by which it was named; `cured`: after what time
    /// somebody other than the agent has mended it, if that was so.
    pub(super) async fn end(
        self,
        guest: &Guest,
        named: (&str, &[&str]),
        cured: Option<Duration>,
    ) -> Result<()> {
        let Some((twin, known)) = self.following else { return Ok(()) };
        let told = || -> Vec<Told> {
            let seen = guest.timeline.since_start();
            let from = known.saturating_sub(1);
            seen[from..].iter().map(|seen| Told::from(&seen.report)).collect()
        };
        let before = told().first().cloned().context("the agent has told nothing")?;
        let as_good = |report: &Report| Told::from(report).is_as_good_as(&before);
        until(guest, "every condition to be as it was", as_good).await?;
        let cured = cured.map(|after| u64::try_from(after.as_millis())).transpose()?;
        compare(twin, named, cured, &told())
    }
}

async fn until(guest: &Guest, what: &str, fits: impl Fn(&Report) -> bool) -> Result<()> {
    guest.until(SETTLES_WITHIN, what, fits).await.map(drop)
}

fn compare(
    twin: &Twin,
    (condition, reasons): (&str, &[&str]),
    cured: Option<u64>,
    told: &[Told],
) -> Result<()> {
    let course = Course::of(told, condition, reasons);
    let course = course.context("the fault was not named, or is not over")?;
    let case = Case { cured, ..Case::of(twin.simulated, condition, reasons) };
    let comparable =
        |course: Course| FOREIGN.iter().fold(course, |course, (lane, _)| course.beside(lane));
    let course = comparable(course);
    simulated::compare(&case, twin.compares, &course, comparable).map_err(|differs| {
        anyhow!("its twin, {:?}, takes another course:\n{differs}", twin.simulated)
    })?;
    if std::env::var_os("SAIGAK_BLESS").is_some() {
        Recorded::of(&case, twin.compares, course).keep()?;
    }
    Ok(())
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
            repairing: report.repair.is_some(),
        }
    }
}
