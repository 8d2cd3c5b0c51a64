//! What a machine is told by its disk for cloud-init: the repository's own files.

use anyhow::{Context, Result, ensure};

use crate::guest::Guest;
use crate::guest::vm::ground::{Ground, architecture};
use crate::guest::vm::seed::{INSTANCE, Seed};
use crate::host::inside::Lab;
use crate::net::GATEWAY;

/// Where they are.
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cloud-init");
/// The labels of the disks that the agent's package and its settings come on, and their names
/// here.
const PACKAGES: (&str, &str) = ("SAIGAKDEB", "packages.iso");
const SETTINGS: (&str, &str) = ("SAIGAKCFG", "settings.iso");

/// The repository's files as they are, but for what the lab has in another place.
pub(crate) fn seed(lab: &Lab) -> Result<Seed> {
    let ground = lab.ground.get().context("no machine has been made yet")?;
    Ok(Seed {
        user_data: user_data(ground)?,
        network_config: Some(read("network-config")?),
        instance: INSTANCE.to_owned(),
    })
}

/// Puts the disks with the agent's package and its settings into a machine.
pub(crate) async fn bring_disks(guest: &Guest) -> Result<()> {
    let ground = guest.lab().ground.get().context("no machine has been made yet")?;
    let vm = guest.vm()?;
    for ((label, name), content) in [(PACKAGES, &ground.packages), (SETTINGS, &ground.settings)] {
        vm.read_only_disk(name, content, label).await?;
        let serial = name.trim_end_matches(".iso");
        vm.rebuild(|hardware| hardware.extra.push((name, serial)));
    }
    Ok(())
}

fn read(name: &str) -> Result<String> {
    let path = format!("{FILES}/{name}");
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
}

fn user_data(ground: &Ground) -> Result<String> {
    let server = &ground.archive;
    let name = server.path.file_name().unwrap_or_default().to_string_lossy();
    let url = format!("OLLAMA_URL=https://{GATEWAY}/cdn/{name}");
    let sum = format!("OLLAMA_SHA256_{}=", architecture());
    let mut lines: Vec<String> = read("user-data")?.lines().map(str::to_owned).collect();
    for (key, line) in [("OLLAMA_URL=", url), (&sum, format!("{sum}{}", server.sha256))] {
        let mut found = lines.iter_mut().filter(|line| line.trim_start().starts_with(key));
        let place = found.next().with_context(|| format!("user-data has no {key}"))?;
        ensure!(found.next().is_none(), "user-data has more than one {key}");
        *place = format!("{:6}{line}", "");
    }
    Ok(lines.join("\n") + "\n")
}
