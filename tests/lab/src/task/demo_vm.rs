//! `cargo lab demo --vm`: the incident in a virtual machine, with a live view of its status.

use std::process::ExitCode;
use std::rc::Rc;

use anyhow::Result;

use super::view::View;
use crate::host::inside::Lab;
use crate::say;
use crate::scenario::stage::Stage;
use crate::scenario::table;
use crate::scenario::vm::incident;

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
    stage.say("a VM boots for the first time, and nobody gave it a network-config");
    let guest = incident::installed(stage).await?;
    stage.say("it is ready; the node restarts, and the next pod's NIC has another MAC");
    guest.power_off().await?;
    View::new().during(&guest, incident::again(stage, &guest)).await?;
    for row in stage.rows() {
        let (seen, healed) = (table::seconds(row.seen), table::seconds(row.healed));
        say::line(&format!("{}: seen after {seen}, ready after {healed}", row.fault));
    }
    Ok(())
}
