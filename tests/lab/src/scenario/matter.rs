//! The pattern for what the agent must name and not mend: break, see, watch that nothing more is
//! done, and let a person cure it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::stage::Stage;
use super::table::Row;
use super::twin::Follower;
use crate::guest::Guest;
use crate::guest::report::{Repair, Report};

/// How long the agent is watched once it has named the matter: two rounds of its quick looks,
/// and longer than any patience before a first repair that is not wanted here.
const WATCHED: Duration = Duration::from_secs(6);

/// A fault that a shell command does, that the agent names, and that a person cures.
pub struct Matter {
    /// The fault in words, as the table shows it.
    pub what: &'static str,
    /// Does it, in the guest, as root.
    pub breaks: &'static str,
    /// The condition that must name it.
    pub condition: &'static str,
    /// The reason that it must give: one of these.
    pub reasons: &'static [&'static str],
    /// What the condition's message or the next step must say while nothing more is done.
    pub says: &'static str,
    /// Whether the guest must stay ready all the while; else it must be unready.
    pub ready: bool,
    /// The repairs that may be tried before the cure, whatever comes of them: one of these
    /// lists. They must be over when the next step says what `says` wants.
    pub remedies: &'static [&'static [&'static str]],
    /// What a person does, in the guest, as root.
    pub cure: &'static str,
    /// The repairs that the agent may carry out after the cure: one of these lists.
    pub after: &'static [&'static [&'static str]],
    /// Until the agent must have said it all.
    pub seen_within: Duration,
    /// From the cure until Ready.
    pub healed_within: Duration,
}

impl Stage {
    /// Plays a matter on a ready guest, and leaves a ready guest.
    pub async fn play_matter(&self, guest: &Guest, matter: &Matter) -> Result<()> {
        self.say(&format!("breaks: {}", matter.what));
        let row = play(guest, matter).await.with_context(|| matter.what.to_owned())?;
        self.add(row);
        Ok(())
    }
}

async fn play(guest: &Guest, matter: &Matter) -> Result<Row> {
    let follower = Follower::begin(guest, matter.what).await?;
    let mark = guest.mark();
    guest.sh(matter.breaks).await?;
    let named = |report: &Report| {
        report.condition(matter.condition).is_some_and(|condition| {
            matter.reasons.contains(&condition.reason.as_str())
                && (condition.message.contains(matter.says) || report.next.contains(matter.says))
        })
    };
    let (condition, reasons, says) = (matter.condition, matter.reasons, matter.says);
    let what = format!("{condition} to give one of {reasons:?} and to say {says:?}");
    let seen = guest.wait(mark.at, matter.seen_within, &what, named).await?.at;
    guest.quiet(WATCHED).await?;
    let tried = names(guest.timeline.repairs_since(&mark));
    one_of(&tried, matter.remedies)?;
    let last = guest.timeline.last().context("no report")?;
    ensure!(last.ready == matter.ready, "ready is {} meanwhile: {last}", last.ready);
    if matter.ready {
        let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
        ensure!(lapse.is_none(), "the guest was not ready for a while: {lapse:?}");
        guest.client_embed().await.context("Ready was a lie: a client gets no embedding")?;
    }
    let cured = guest.mark();
    guest.sh(matter.cure).await?;
    let good = |report: &Report| {
        report.ready
            && report.condition(condition).is_some_and(|found| found.status == "True")
            && report.repair.is_none()
    };
    let what = format!("Ready, with {condition} True");
    let healed = guest.wait(cured.at, matter.healed_within, &what, good).await?.at;
    guest.client_embed().await.context("Ready was a lie: a client gets no embedding")?;
    let named = (matter.condition, matter.reasons);
    follower.end(guest, named, Some(cured.at - mark.at)).await?;
    let mut repairs = guest.timeline.repairs_since(&cured);
    // What was decided before the cure was seen, and thought better of.
    repairs.retain(|repair| !repair.was_refused());
    one_of(&names(repairs), matter.after)?;
    Ok(Row {
        fault: matter.what.into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - cured.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    })
}

fn names(repairs: Vec<Repair>) -> Vec<String> {
    repairs.into_iter().map(|repair| repair.remedy).collect()
}

fn one_of(tried: &[String], lists: &[&[&str]]) -> Result<()> {
    ensure!(lists.iter().any(|list| tried == *list), "repairs were {tried:?}, none of {lists:?}");
    Ok(())
}
