//! `cargo lab demo`: one guest, broken again and again, with a live view of its status.

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::view::View;
use crate::guest::Guest;
use crate::host::inside::Lab;
use crate::say;
use crate::scenario::fault::heal;
use crate::scenario::stage::{FIRST_READY, Stage};
use crate::scenario::table::{self, Row};
use crate::scenario::{incident, model, ownership, server};

/// Plays the demonstration.
pub async fn run(lab: &Rc<Lab>) -> Result<ExitCode> {
    let stage = Stage::new(lab, "demo");
    let played = play(&stage).await;
    if played.is_err() {
        for guest in stage.guests() {
            let path = guest.save_evidence(&lab.run.plan.lab).await?;
            say::line(&format!("journal, console, timeline: {}", path.display()));
        }
    }
    played?;
    Ok(ExitCode::SUCCESS)
}

async fn play(stage: &Stage) -> Result<()> {
    let mut view = View::new();
    let guest = the_incident(stage, &mut view).await?;

    say::line("");
    say::step("laying traps on the data disk: a symbolic and a hard link to /etc/shadow");
    ownership::lay_traps(&guest).await?;
    let faults = [
        &ownership::TAKEN,
        &server::KILLED,
        &server::STOPPED,
        &server::FROZEN,
        &model::ALIAS_DELETED,
        &model::BOTH_DELETED,
    ];
    for fault in faults {
        announce(fault.what, fault.why, fault.breaks);
        let row = view.during(&guest, heal(&guest, fault)).await;
        stage.add(row.with_context(|| fault.what.to_owned())?);
    }

    say::line("");
    let vector = guest.client_embed().await?;
    let first: Vec<String> = vector.iter().take(4).map(|number| format!("{number:+.4}")).collect();
    say::line(&format!(
        "a client outside of the guest embeds \"The lake is frozen.\": {} numbers: {} …",
        vector.len(),
        first.join(" ")
    ));
    say::line("");
    let rows: Vec<Vec<String>> = stage
        .rows()
        .into_iter()
        .map(|Row { fault, seen, healed, .. }| {
            vec![fault, table::seconds(seen), table::seconds(healed)]
        })
        .collect();
    table::print(&["fault", "seen after", "healed after"], &rows);
    Ok(())
}

/// The guest's first boot is already broken.
async fn the_incident(stage: &Stage, view: &mut View) -> Result<Rc<Guest>> {
    announce(
        "the node restarts, and the guest boots in a new pod",
        "its netplan file is pinned to the MAC of the pod it was installed in; that MAC is gone",
        "power on with another MAC",
    );
    let options = stage.healthy_options().await?;
    let guest = stage.make(incident::pinned(options)).await?;
    let mark = guest.mark();
    let work = async {
        guest.power_on().await?;
        let limit = Duration::from_secs(30);
        let seen = guest.expect(&mark, "NetworkUp", "False", "MacPinned", limit).await?;
        let healed = guest.until_ready(seen, FIRST_READY).await?;
        anyhow::Ok((seen, healed))
    };
    let (seen, healed) = view.during(&guest, work).await.context("the incident")?;
    stage.add(Row {
        fault: "MAC pin, from power-on".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(guest)
}

fn announce(what: &str, why: &str, how: &str) {
    say::line("");
    say::line(&say::paint("1", &format!("▸ {what}")));
    say::line(&format!("  why it happens: {why}"));
    let how = how.split_whitespace().collect::<Vec<_>>().join(" ");
    say::line(&say::paint("2", &format!("  done now: {how}")));
}
