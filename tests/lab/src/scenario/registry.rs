//! Registries that refuse, limit, lie, break off, or say nothing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::files::FORGETS;
use super::model::{BOTH_DELETED, MODEL_DELETED};
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;

/// See the story.
pub(super) const FAULTS: Scenario = Scenario {
    name: "registry-faults",
    story: "The registry refuses, limits, lies or falls silent: its words are told, nothing wrong \
            is served, and the model is back as soon as the registry is well",
    needs: Needs::AnyServer,
    shows: &["ModelPresent/PullFailed", "ModelPresent/DigestMismatch"],
    play: |stage| -> Playing<'_> { Box::pin(faults(stage)) },
};

/// One fault of the registry.
struct Case {
    what: &'static str,
    /// The switches, as the registry names them.
    switches: &'static str,
    /// What the agent's message must say: the server's own words.
    says: &'static str,
    /// Whether the blobs must be gone too, for the pull to get that far.
    empty: bool,
}

const CASES: &[Case] = &[
    Case {
        what: "the registry has no such model",
        switches: r#"{"status": 404}"#,
        says: "file does not exist (the registry has no such model",
        empty: false,
    },
    Case {
        what: "the registry wants a token and gives none",
        switches: r#"{"status": 401}"#,
        says: "pull model manifest: 401: no token for you",
        empty: false,
    },
    Case {
        what: "the registry limits requests",
        switches: r#"{"status": 429, "body": "slow down"}"#,
        says: "pull model manifest: 429: slow down",
        empty: false,
    },
    Case {
        what: "the registry is broken",
        switches: r#"{"status": 500, "body": "boom"}"#,
        says: "pull model manifest: 500: boom",
        empty: false,
    },
    Case {
        what: "a captive portal answers in place of the registry",
        switches: r#"{"status": 200, "body": "<html>log in first</html>"}"#,
        says: "invalid character '<' looking for beginning of value (a web page",
        empty: false,
    },
    Case {
        what: "the registry says nothing",
        switches: r#"{"silent": true}"#,
        says: "nothing has moved for 10 s",
        empty: false,
    },
    Case {
        what: "the registry falls silent in the middle of a blob",
        switches: r#"{"stall_after": 1000000}"#,
        says: "nothing has moved for 10 s",
        empty: true,
    },
    Case {
        what: "the registry gives other bytes than it promises",
        switches: r#"{"wrong": true}"#,
        says: "digest mismatch, file must be downloaded again",
        empty: true,
    },
];

/// The least that can be configured: two minutes are the default.
const STALL: &str = "[model]\npull_stall_seconds = 10\n";

async fn faults(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.sh("mkdir -p /etc/saigak-agent/conf.d").await?;
    guest.write_file("/etc/saigak-agent/conf.d/50-lab.toml", STALL)?;
    for case in CASES {
        stage.say(&format!("breaks: {}", case.what));
        let row = play(&guest, case).await.with_context(|| case.what.to_owned())?;
        stage.add(row);
    }
    cut_off(stage, &guest).await
}

/// Each case has an agent that remembers nothing: no pause from the case before.
async fn play(guest: &Guest, case: &Case) -> Result<Row> {
    let deleted = if case.empty { &BOTH_DELETED } else { &MODEL_DELETED };
    guest.sh(FORGETS).await?;
    guest.sh(deleted.breaks).await?;
    guest.gateway.spoil_registry(case.switches)?;
    let mark = guest.mark();
    guest.sh("systemctl start saigak-agent.service").await?;
    let failed = |report: &Report| {
        report.condition("ModelPresent").is_some_and(|condition| {
            let reason = condition.reason.as_str();
            matches!(reason, "PullFailed" | "DigestMismatch")
                && condition.message.contains(case.says)
        })
    };
    let what = format!("a failed pull to say {:?}", case.says);
    let seen = guest.wait(mark.at, Duration::from_mins(1), &what, failed).await?.at;
    if case.empty {
        let served = guest.client_embed().await;
        ensure!(served.is_err(), "something is served that never came whole");
        let ready = guest.timeline.since(mark.at).into_iter().find(|seen| seen.report.ready);
        ensure!(ready.is_none(), "ready without a model");
    } else {
        guest.until_ready(mark.at, FIRST_READY).await.context("the alias serves all the same")?;
    }
    guest.gateway.spoil_registry("{}")?;
    let well = guest.mark();
    let good = |report: &Report| {
        let present = report.condition("ModelPresent").is_some_and(|found| found.status == "True");
        report.ready && present
    };
    let healed = guest.wait(well.at, FIRST_READY, "Ready, with ModelPresent True", good).await?.at;
    guest.client_embed().await.context("Ready was a lie: a client gets no embedding")?;
    let mut tried = guest.timeline.repairs_since(&mark);
    let last = tried.pop_if(|_| case.empty);
    ensure!(last.is_none_or(|last| last.remedy == "model/CreateAlias"), "the alias was not made");
    // One that failed, one after five seconds, and one that may have begun just before the end.
    // Whatever came wrong is removed in between.
    let known = |remedy: &str| matches!(remedy, "model/Pull" | "model/DropDamaged");
    let foreign = tried.iter().find(|repair| !known(&repair.remedy));
    ensure!(foreign.is_none() && tried.len() <= 4, "more was done than a few pulls: {tried:?}");
    Ok(Row {
        fault: case.what.into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - well.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    })
}

/// The server goes on by itself where it was cut off: that is no failed pull.
async fn cut_off(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: every connection to the registry is cut off in the middle");
    // A real server gives up after six pieces.
    let piece = if guest.has_real_ollama() { 16 << 20 } else { 4 << 20 };
    guest.gateway.spoil_registry(&format!("{{\"cut_after\": {piece}}}"))?;
    let mark = guest.mark();
    guest.sh(BOTH_DELETED.breaks).await?;
    let limit = Duration::from_secs(30);
    let seen = guest.expect(&mark, "AliasPresent", "False", "Missing", limit).await?;
    let healed = guest.until_ready(seen, Duration::from_mins(3)).await?;
    guest.expect_repairs(&mark, &["model/Pull", "model/CreateAlias"])?;
    guest.gateway.spoil_registry("{}")?;
    stage.add(Row {
        fault: "every connection to the registry is cut off in the middle".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}
