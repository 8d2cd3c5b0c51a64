//! Plays scenarios, several at once, and tells how they ended.

use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout};

use super::stage::Stage;
use super::table::{self, Row};
use super::{Needs, Scenario};
use crate::host::inside::{Lab, say_how_to_enter};
use crate::plan::Place;
use crate::say;

/// No scenario may take longer in a container.
const LIMIT: Duration = Duration::from_mins(15);
/// In an emulated machine a boot alone takes minutes.
const VM_LIMIT: Duration = Duration::from_hours(1);

/// How one scenario ended.
pub struct Outcome {
    scenario: &'static Scenario,
    verdict: Verdict,
    taken: Duration,
    rows: Vec<Row>,
}

enum Verdict {
    Passed,
    Failed(String),
    Skipped(&'static str),
}

/// Plays scenarios and returns how each ended, in the order of the list.
pub async fn play_all(
    lab: &Rc<Lab>,
    scenarios: &[&'static Scenario],
    jobs: usize,
    keep: bool,
) -> Vec<Outcome> {
    let mut outcomes: Vec<(usize, Outcome)> = futures_util::stream::iter(scenarios)
        .enumerate()
        .map(|(index, scenario)| async move { (index, play(lab, scenario, keep).await) })
        // In the order in which they end: a long one keeps no other from beginning.
        .buffer_unordered(jobs)
        .collect()
        .await;
    outcomes.sort_by_key(|(index, _)| *index);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

async fn play(lab: &Rc<Lab>, scenario: &'static Scenario, keep: bool) -> Outcome {
    let start = Instant::now();
    let mut outcome =
        Outcome { scenario, verdict: Verdict::Passed, taken: Duration::ZERO, rows: Vec::new() };
    if scenario.needs == Needs::StandIn && lab.run.plan.equipment.ollama.is_some() {
        outcome.verdict = Verdict::Skipped("a real Ollama cannot be made to do this");
        return outcome;
    }
    let stage = Stage::new(lab, scenario.name);
    stage.say(&format!("begins: {}", scenario.story));
    let limit = match lab.place() {
        Place::Container => LIMIT,
        Place::Vm(architecture) if architecture.is_foreign() => 2 * VM_LIMIT,
        Place::Vm(_) => VM_LIMIT,
    };
    let played = timeout(limit, (scenario.play)(&stage))
        .await
        .unwrap_or_else(|_| Err(anyhow!("still playing after {} s", limit.as_secs())));
    if let Err(error) = played.and_then(|()| has_shown(scenario, &stage)) {
        let reason = format!("{error:#}");
        stage.say(&format!("{}: {reason}", say::paint("31", "failed")));
        save(lab, &stage, keep).await;
        outcome.verdict = Verdict::Failed(reason);
    } else {
        stage.say(&say::paint("32", "passed"));
    }
    outcome.taken = start.elapsed();
    outcome.rows = stage.rows();
    if keep && matches!(outcome.verdict, Verdict::Failed(_)) {
        // Forgotten on purpose: dropping a guest ends it.
        std::mem::forget(stage.guests());
    }
    outcome
}

/// Fails if the agents of the scenario's guests did not say all that the scenario is there for.
fn has_shown(scenario: &Scenario, stage: &Stage) -> Result<()> {
    let guests = stage.guests();
    let reports: Vec<_> = guests.iter().flat_map(|guest| guest.timeline.since_start()).collect();
    let said: HashSet<String> = reports
        .iter()
        .flat_map(|seen| &seen.report.conditions)
        .map(|condition| format!("{}/{}", condition.kind, condition.reason))
        .collect();
    let missing: Vec<_> = scenario.shows.iter().filter(|pair| !said.contains(**pair)).collect();
    ensure!(missing.is_empty(), "the agent never said {missing:?}");
    Ok(())
}

async fn save(lab: &Rc<Lab>, stage: &Stage, keep: bool) {
    for guest in stage.guests() {
        match guest.save_evidence(&lab.run.plan.lab).await {
            Ok(path) => stage.say(&format!("journal, console, timeline: {}", path.display())),
            Err(error) => stage.say(&format!("no evidence saved: {error:#}")),
        }
        if keep {
            say_how_to_enter(&guest.name);
        }
    }
}

/// Prints the table and the last line; tells whether nothing failed.
pub fn report(lab: &Lab, outcomes: &[Outcome]) -> Result<bool> {
    let against = if lab.run.plan.equipment.ollama.is_some() { "real Ollama" } else { "stand-in" };
    let heading = ["scenario", "against", "fault", "seen", "ready", "by hand", "repairs", "result"];
    let mut lines = Vec::new();
    for outcome in outcomes {
        let result = match &outcome.verdict {
            Verdict::Passed => format!("passed in {:.0} s", outcome.taken.as_secs_f64()),
            Verdict::Failed(_) => "FAILED".into(),
            Verdict::Skipped(reason) => format!("skipped: {reason}"),
        };
        let rows =
            if outcome.rows.is_empty() { vec![Row::default()] } else { outcome.rows.clone() };
        for (index, row) in rows.into_iter().enumerate() {
            let first = |text: &str| if index == 0 { text.to_owned() } else { String::new() };
            lines.push(vec![
                first(outcome.scenario.name),
                first(against),
                row.fault,
                table::seconds(row.seen),
                table::seconds(row.healed),
                table::seconds(row.by_hand),
                row.remedies,
                first(&result),
            ]);
        }
    }
    say::line("");
    table::print(&heading, &lines);
    say::line("");
    let count = |fits: fn(&Verdict) -> bool| {
        outcomes.iter().filter(|outcome| fits(&outcome.verdict)).count()
    };
    let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
    let skipped = count(|verdict| matches!(verdict, Verdict::Skipped(_)));
    for outcome in outcomes {
        if let Verdict::Failed(reason) = &outcome.verdict {
            say::line(&format!("{}: {reason}", outcome.scenario.name));
        }
    }
    let passed = count(|verdict| matches!(verdict, Verdict::Passed));
    let skipped = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
    say::line(&format!("{passed} passed, {failed} failed{skipped}"));
    Ok(failed == 0)
}
