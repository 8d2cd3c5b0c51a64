//! What cloud-init is told, judged by cloud-init.

use anyhow::{Result, ensure};

use super::stage::Stage;
use super::{Needs, Playing, Scenario};
use crate::guest::options::Options;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "templates",
    story: "A slip in what cloud-init is told: a guest that boots without it, and nobody hears why",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Every file for cloud-init that has a schema: its name, the schema's, the file.
const FILES: &[(&str, &str, &str)] = &[
    ("user-data", "cloud-config", include_str!("../../../../cloud-init/user-data")),
    ("network-config", "network-config", include_str!("../../../../cloud-init/network-config")),
    (
        "network-config-v1",
        "network-config",
        include_str!("../../../../cloud-init/network-config-v1"),
    ),
];

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot(Options { agent: false, ..Options::empty("templates") }).await?;
    for (name, kind, text) in FILES {
        let path = format!("/root/{name}");
        let question =
            format!("cloud-init schema --schema-type {kind} --config-file {path} --annotate 2>&1");
        guest.write_file(&path, text)?;
        let said = guest.try_sh(&question).await?;
        ensure!(said.code == 0 && said.stdout.contains("Valid schema"), "{name}: {}", said.stdout);
        // A word that nobody knows, where the file has its first.
        let spoilt = text.replacen("\nversion: ", "\nvisage: ", 1);
        let spoilt = spoilt.replacen("\nusers:", "\nusers: 7\nlosers:", 1);
        ensure!(spoilt != *text, "{name} was not spoilt");
        guest.write_file(&path, spoilt)?;
        let said = guest.try_sh(&question).await?;
        ensure!(said.code != 0, "{name}: anything passes: {}", said.stdout);
        stage.say(&format!("{name} passes, and a spoilt one does not"));
    }
    Ok(())
}
