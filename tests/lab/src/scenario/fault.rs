//! The pattern that most scenarios follow: break, see, heal, and do the same repair by hand.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::time::{Instant, sleep};

use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::twin::heal_like_its_twin;
use super::{disk_place, files, model, models, network, networkd, server, unit};
use crate::guest::Guest;
use crate::guest::report::Report;
use crate::guest::timeline::Mark;

/// In the field a fault comes alone. Here the starts of the one before would count against the
/// server's start limit: five in ten seconds.
pub(super) const FORGET_STARTS: &str = "systemctl reset-failed ollama.service";

/// A fault that a shell command does and the agent heals.
pub struct Fault {
    /// The fault in words, as the table shows it.
    pub what: &'static str,
    /// Why it happens in the field, for the demonstration.
    pub why: &'static str,
    /// Does it, in the guest, as root.
    pub breaks: &'static str,
    /// The condition that must name it.
    pub condition: &'static str,
    /// The reason that it must give: one of these.
    pub reasons: &'static [&'static str],
    /// The remedies that must run and succeed, in this order: one of these lists.
    pub remedies: &'static [&'static [&'static str]],
    /// The same repair by hand, in the guest, as root.
    pub by_hand: &'static str,
    /// Whether every file of the data disk must be the same afterwards.
    pub keeps_data: bool,
    /// Until the agent must name it.
    pub seen_within: Duration,
    /// From then until Ready.
    pub healed_within: Duration,
}

/// Every fault that needs no more than a healthy guest, the network's and the server's. A server
/// that was just started may keep silent for a while, so it is frozen some time after the boot
/// and before others start it anew; what leaves traces comes last.
pub(super) const ALL: &[&Fault] = &[
    &network::DOWN,
    &network::FLUSHED,
    &network::UNROUTED,
    &networkd::STOPPED,
    &server::FROZEN,
    &server::KILLED,
    &server::STOPPED,
    &unit::TOO_OFTEN,
    &unit::FAILED,
    &models::ELSEWHERE,
    &server::BOUND,
];

/// The same for the models and the disk that they lie on, but for those whose weights must be
/// loaded and found bad first, which takes a while.
pub(super) const ALL_OF_MODELS: &[&Fault] = &[
    &model::ALIAS_DELETED,
    &model::MODEL_DELETED,
    &model::BOTH_DELETED,
    &files::ALIAS_EMPTY,
    &files::SOURCE_GARBAGE,
    &files::MANIFESTS_GONE,
    &files::WEIGHTS_GONE,
    &disk_place::OTHER_UID,
];

impl Fault {
    /// Whether a report names it.
    pub(super) fn is_named(&self, report: &Report) -> bool {
        report.condition(self.condition).is_some_and(|condition| {
            condition.status == "False" && self.reasons.contains(&condition.reason.as_str())
        })
    }

    /// Whether a report says that it is over. A gate is `False` while the verdict stays Ready:
    /// both must be good in the end.
    pub(super) fn is_over(&self, report: &Report) -> bool {
        let condition = report.condition(self.condition);
        report.ready && condition.is_some_and(|found| found.status == "True")
    }
}

impl Stage {
    /// Plays a fault on a ready guest, with the agent and then by hand, and leaves a ready guest.
    pub async fn play(&self, guest: &Guest, fault: &Fault) -> Result<()> {
        self.say(&format!("breaks: {}", fault.what));
        let row = heal_like_its_twin(guest, fault).await.with_context(|| fault.what.to_owned())?;
        let by_hand = by_hand(guest, fault.breaks, fault.by_hand)
            .await
            .with_context(|| format!("{}, repaired by hand", fault.what))?;
        self.add(Row { by_hand: Some(by_hand), ..row });
        Ok(())
    }
}

/// Does a fault to a ready guest and watches the agent heal it.
pub async fn heal(guest: &Guest, fault: &Fault) -> Result<Row> {
    let before = guest.data().await?;
    guest.sh(FORGET_STARTS).await?;
    let mark = guest.mark();
    guest.sh(fault.breaks).await?;
    let named = |report: &Report| fault.is_named(report);
    let what = format!("{} to be False for one of {:?}", fault.condition, fault.reasons);
    let seen = guest.wait(mark.at, fault.seen_within, &what, named).await?.at;
    let good = |report: &Report| fault.is_over(report);
    let what = format!("Ready, with {} True", fault.condition);
    let healed = guest.wait(seen, fault.healed_within, &what, good).await?.at;
    // A look may see that it is mended before the repair has said so.
    let ended = |report: &Report| fault.is_over(report) && report.repair.is_none();
    guest.wait(healed, fault.healed_within, "the repair to end", ended).await?;
    guest.client_embed().await.context("Ready was a lie: a client gets no embedding")?;
    expect_one_of(guest, &mark, fault.remedies)?;
    if fault.keeps_data {
        ensure!(guest.data().await? == before, "the data disk is not what it was");
    }
    Ok(Row {
        fault: fault.what.into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    })
}

/// Fails unless exactly one of these lists of remedies has run and succeeded since then.
pub(super) fn expect_one_of(guest: &Guest, mark: &Mark, lists: &[&[&str]]) -> Result<()> {
    let mut last = Ok(());
    for remedies in lists {
        last = guest.expect_repairs(mark, remedies);
        if last.is_ok() {
            break;
        }
    }
    last
}

/// Breaks the guest again while its agent is stopped, repairs it by a shell command, and returns
/// the time from that command's start to a client's embedding.
pub async fn by_hand(guest: &Guest, breaks: &str, cure: &str) -> Result<Duration> {
    guest.sh("systemctl stop saigak-agent.service").await?;
    guest.sh(FORGET_STARTS).await?;
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
