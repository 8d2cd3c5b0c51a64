//! The file that the budgets are kept in cannot be believed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::fault::heal;
use super::server::STOPPED;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "budget",
    story: "The budget file is empty, torn, from the future: nothing is repaired, and that is said",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const LEDGER: &str = "/var/lib/saigak-agent/ledger.json";

/// What becomes of the file, and the shell command that does it in the file's directory.
const DAMAGES: &[(&str, &str)] = &[
    ("empty", "> ledger.json"),
    ("torn", "printf '{\"version\":1,\"entr' > ledger.json"),
    ("garbage", "head --bytes=300 /dev/urandom > ledger.json"),
    ("another version's", "printf '{\"version\":2,\"entries\":[],\"repairs\":[]}' > ledger.json"),
    (
        "from the future",
        "printf '{\"version\":1,\"repairs\":[],\"closedUntil\":null,\"entries\":[{\"remedy\":\
         \"ollama/Start\",\"bootId\":\"%s\",\"uptimeMs\":18446744073709551615}]}' \
         $(cat /proc/sys/kernel/random/boot_id) > ledger.json",
    ),
    ("not the agent's to read", "chown root: ledger.json && chmod 0 ledger.json"),
    ("a directory", "rm ledger.json && mkdir ledger.json && touch ledger.json/kept"),
];

/// How often the agent that runs now has said that it repairs nothing.
const SAID: &str = "journalctl --sync && journalctl --quiet --output=cat \
    _SYSTEMD_INVOCATION_ID=$(systemctl show --property InvocationID --value saigak-agent.service) \
    | grep --count 'no repair for an hour'";

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    for (what, damage) in DAMAGES {
        stage.say(&format!("breaks: the budget file is {what}"));
        let script = format!(
            "systemctl stop saigak-agent.service && cd /var/lib/saigak-agent && {damage} && \
             systemctl start saigak-agent.service"
        );
        let mark = guest.mark();
        guest.sh(&script).await?;
        guest.until_ready(mark.at, FIRST_READY).await?;
        closed(&guest).await.with_context(|| format!("the file is {what}"))?;
        let said = guest.sh(SAID).await?;
        ensure!(said.trim() == "1", "{what}: said {} times", said.trim());
    }
    guest.sh("test -e /var/lib/saigak-agent/ledger.directory-*/kept").await?;

    stage.say("a reboot does not open the budget; then the server is stopped");
    guest.power_off().await?;
    guest.power_on().await?;
    let booted = guest.since_boot();
    guest.until_ready(booted.at, FIRST_READY).await?;
    closed(&guest).await.context("after a reboot")?;
    let mark = guest.mark();
    guest.sh(STOPPED.breaks).await?;
    let words = |report: &Report| {
        report.next.contains("held back") && report.next.contains("could not be read")
    };
    let seen = guest.wait(mark.at, STOPPED.seen_within, "the reason to be told", words).await?;
    guest.quiet(Duration::from_secs(6)).await?;
    guest.expect_repairs(&mark, &[])?;
    guest.sh(STOPPED.by_hand).await?;
    let healed = guest.until_ready(seen.at, FIRST_READY).await?;
    stage.add(Row {
        fault: "server stopped, budget file unreadable, then started by hand".into(),
        seen: Some(seen.at - mark.at),
        healed: Some(healed - mark.at),
        ..Row::default()
    });

    stage.say("a person who knows better removes the file");
    let mark = guest.mark();
    let removed = "systemctl stop saigak-agent.service && rm /var/lib/saigak-agent/ledger.json && \
        systemctl start saigak-agent.service";
    guest.sh(removed).await?;
    guest.until_ready(mark.at, FIRST_READY).await?;
    stage.add(heal(&guest, &STOPPED).await?);
    Ok(())
}

/// Fails unless the file is whole again and says that all budgets are closed.
async fn closed(guest: &Guest) -> Result<()> {
    let ledger = ledger(guest).await?;
    ensure!(ledger["closedUntil"].is_object(), "the budget is open: {ledger}");
    Ok(())
}

/// The file, which must be whole.
pub(super) async fn ledger(guest: &Guest) -> Result<Value> {
    let text = guest.sh(&format!("cat {LEDGER}")).await?;
    serde_json::from_str(&text).with_context(|| format!("{LEDGER}: {text}"))
}
