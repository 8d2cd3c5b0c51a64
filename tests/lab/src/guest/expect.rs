//! What a scenario expects of the agent, each with a deadline and an error that shows what came
//! instead.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::time::{Instant, sleep};

use super::Guest;
use super::report::{Repair, Report};
use super::timeline::{Mark, Seen};

impl Guest {
    /// A moment from which to look.
    #[must_use]
    pub fn mark(&self) -> Mark {
        self.timeline.mark()
    }

    /// Waits until a condition has that status and reason; returns when that was.
    pub async fn expect(
        &self,
        mark: &Mark,
        condition: &str,
        status: &str,
        reason: &str,
        within: Duration,
    ) -> Result<Instant> {
        let fits = |report: &Report| {
            report
                .condition(condition)
                .is_some_and(|found| found.status == status && found.reason == reason)
        };
        let what = format!("{condition} to be {status}/{reason}");
        Ok(self.wait(mark.at, within, &what, fits).await?.at)
    }

    /// Waits until the agent names that root cause; returns when that was.
    pub async fn expect_cause(
        &self,
        mark: &Mark,
        condition: &str,
        reason: &str,
        within: Duration,
    ) -> Result<Instant> {
        let fits = |report: &Report| {
            report
                .cause
                .as_ref()
                .is_some_and(|cause| cause.condition == condition && cause.reason == reason)
        };
        let what = format!("the cause {condition}/{reason}");
        Ok(self.wait(mark.at, within, &what, fits).await?.at)
    }

    /// Waits until the agent says Ready, and checks that a client agrees; returns when the agent
    /// said so.
    pub async fn until_ready(&self, after: Instant, within: Duration) -> Result<Instant> {
        let seen = self.wait(after, within, "Ready", |report| report.ready).await?;
        self.client_embed().await.context("Ready was a lie: a client gets no embedding")?;
        Ok(seen.at)
    }

    /// Waits until another agent has said something than the one that said `last`; returns what.
    pub async fn until_another_agent(
        &self,
        after: Instant,
        last: &Report,
        within: Duration,
    ) -> Result<Seen> {
        let other = |report: &Report| report.agent.started_at != last.agent.started_at;
        self.wait(after, within, "another agent", other).await
    }

    /// Fails unless exactly these remedies, in this order, have run and succeeded since then.
    pub fn expect_repairs(&self, mark: &Mark, remedies: &[&str]) -> Result<()> {
        let repairs = self.timeline.repairs_since(mark);
        let good = repairs.len() == remedies.len()
            && repairs.iter().zip(remedies).all(|(repair, remedy)| {
                repair.remedy == *remedy && repair.result.as_deref() == Some("Succeeded")
            });
        if good {
            return Ok(());
        }
        let shown: Vec<String> = repairs.iter().map(ToString::to_string).collect();
        bail!("expected the repairs {remedies:?}, there were: [{}]", shown.join("; "))
    }

    /// Fails where anything was done since then. What was begun before the cause was known, and then
    /// refused, did nothing.
    pub fn expect_nothing_done(&self, mark: &Mark) -> Result<()> {
        let repairs = self.timeline.repairs_since(mark);
        let done = repairs.iter().find(|repair| !repair.was_refused());
        done.map_or(Ok(()), |done| bail!("nothing was to be done, there was {done}"))
    }

    /// The names of the repairs that ran since then, for the table of results.
    #[must_use]
    pub fn remedies(&self, mark: &Mark) -> String {
        let repairs = self.timeline.repairs_since(mark);
        let same = |left: &Repair, right: &Repair| left.remedy == right.remedy;
        let runs = repairs.chunk_by(same).filter_map(|run| {
            let name = &run.first()?.remedy;
            Some(if run.len() == 1 { name.clone() } else { format!("{} × {name}", run.len()) })
        });
        runs.collect::<Vec<_>>().join(", ")
    }

    /// Lets that much time pass. Nothing is awaited in it: what the agent has done meanwhile is
    /// judged afterwards, by the timeline.
    pub async fn watch(&self, watched: Duration) {
        sleep(watched).await;
    }

    /// Watches for that long, and fails if a repair begins meanwhile. One that runs may end.
    pub async fn quiet(&self, watched: Duration) -> Result<()> {
        let mark = self.mark();
        let running = self.timeline.last().and_then(|report| report.repair);
        let fresh = |repair: &Repair| {
            running.as_ref().is_none_or(|known| known.started_at != repair.started_at)
        };
        let begins = |report: &Report| report.repair.as_ref().is_some_and(fresh);
        let begun = self.timeline.wait_for(mark.at, watched, begins).await;
        let begun = begun.and_then(|seen| seen.report.repair);
        let ended = self.timeline.repairs_since(&mark).into_iter().find(fresh);
        match begun.or(ended) {
            None => Ok(()),
            Some(repair) => bail!("nothing should be done any more, and there is {repair}"),
        }
    }

    /// Waits until a report fits, unless the last one does; returns when that was.
    pub async fn until(
        &self,
        within: Duration,
        what: &str,
        fits: impl Fn(&Report) -> bool,
    ) -> Result<Instant> {
        // Before the look at the last one: the next may come right after it, and be the only one.
        let now = Instant::now();
        if self.timeline.last().is_some_and(|report| fits(&report)) {
            return Ok(now);
        }
        Ok(self.wait(now, within, what, fits).await?.at)
    }

    /// Waits for the first report since a moment that fits.
    pub async fn wait(
        &self,
        moment: Instant,
        within: Duration,
        what: &str,
        fits: impl Fn(&Report) -> bool,
    ) -> Result<Seen> {
        let within = within * self.pace();
        if let Some(seen) = self.timeline.wait_for(moment, within, fits).await {
            return Ok(seen);
        }
        let came: Vec<String> = self
            .timeline
            .since(moment)
            .iter()
            .map(|seen| format!("\n  {:6.1} s  {}", (seen.at - moment).as_secs_f64(), seen.report))
            .collect();
        let last = self.timeline.last().map_or("nothing".into(), |report| report.to_string());
        Err(anyhow!(
            "waited {} s for {what}; the agent's last word: {last}{}",
            within.as_secs(),
            came.concat()
        ))
    }
}
