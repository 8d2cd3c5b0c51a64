//! The pattern that most scenarios follow: break, see, heal, and do the same repair by hand.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep};

use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use crate::guest::Guest;

/// A fault that a shell command does and the agent heals.
pub struct Fault {
    /// The fault in words, as the table shows it.
    pub what: &'static str,
    /// Does it, in the guest, as root.
    pub breaks: &'static str,
    /// The condition that must name it.
    pub condition: &'static str,
    /// The reason that it must give; any of these.
    pub reasons: &'static [&'static str],
    /// The remedies that must run, in this order; any of these lists.
    pub remedies: &'static [&'static [&'static str]],
    /// The same repair by hand, in the guest, as root.
    pub by_hand: &'static str,
    /// Until the agent must name it.
    pub seen_within: Duration,
    /// From then until Ready.
    pub healed_within: Duration,
}

impl Stage {
    /// Plays a fault on a ready guest, with the agent and then by hand, and leaves a ready guest.
    pub async fn play(&self, guest: &Guest, fault: &Fault) -> Result<()> {
        self.say(&format!("breaks: {}", fault.what));
        let mark = guest.mark();
        guest.sh(fault.breaks).await?;
        let seen = self.seen(guest, &mark, fault).await.with_context(|| fault.what.to_owned())?;
        let healed = guest
            .until_ready(seen, fault.healed_within)
            .await
            .with_context(|| fault.what.to_owned())?;
        expect_one_of(guest, &mark, fault.remedies).with_context(|| fault.what.to_owned())?;
        let by_hand = by_hand(guest, fault.breaks, fault.by_hand)
            .await
            .with_context(|| format!("{}, repaired by hand", fault.what))?;
        self.add(Row {
            fault: fault.what.into(),
            seen: Some(seen - mark.at),
            healed: Some(healed - mark.at),
            by_hand: Some(by_hand),
        });
        Ok(())
    }

    async fn seen(
        &self,
        guest: &Guest,
        mark: &crate::guest::timeline::Mark,
        fault: &Fault,
    ) -> Result<Instant> {
        let fits = |report: &crate::guest::report::Report| {
            report.condition(fault.condition).is_some_and(|condition| {
                condition.status == "False" && fault.reasons.contains(&condition.reason.as_str())
            })
        };
        let what = format!("{} to be False for one of {:?}", fault.condition, fault.reasons);
        Ok(guest.wait(mark.at, fault.seen_within, &what, fits).await?.at)
    }
}

fn expect_one_of(
    guest: &Guest,
    mark: &crate::guest::timeline::Mark,
    lists: &[&[&str]],
) -> Result<()> {
    let mut last = None;
    for remedies in lists {
        match guest.expect_repairs(mark, remedies) {
            Ok(()) => return Ok(()),
            Err(error) => last = Some(error),
        }
    }
    last.map_or(Ok(()), Err)
}

/// Breaks the guest again while its agent is stopped, repairs it by a shell command, and returns
/// the time from that command's start to a client's embedding.
pub async fn by_hand(guest: &Guest, breaks: &str, cure: &str) -> Result<Duration> {
    guest.sh("systemctl stop saigak-agent.service").await?;
    guest.sh(breaks).await?;
    let start = Instant::now();
    guest.sh(cure).await?;
    let deadline = start + FIRST_READY;
    while let Err(error) = guest.client_embed().await {
        if Instant::now() > deadline {
            bail!("no embedding {} s after `{cure}`: {error:#}", FIRST_READY.as_secs());
        }
        // A client has no other way to learn that a server is back.
        sleep(Duration::from_millis(20)).await;
    }
    let taken = start.elapsed();
    let mark = guest.mark();
    guest.sh("systemctl start saigak-agent.service").await?;
    guest.until_ready(mark.at, FIRST_READY).await?;
    Ok(taken)
}
