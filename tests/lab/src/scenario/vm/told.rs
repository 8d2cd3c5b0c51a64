//! What a machine is told by its disk for cloud-init: the repository's own files.

use anyhow::{Context, Result, ensure};

use crate::guest::Guest;
use crate::guest::vm::ground::{Ground, architecture};
use crate::guest::vm::seed::{INSTANCE, Seed};
use crate::host::inside::Lab;
use crate::net::GATEWAY;

/// Where they are.
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cloud-init");
/// The label of the disk that the agent's package comes on, and the disk's name here.
const PACKAGES: (&str, &str) = ("SAIGAKPKG", "packages.iso");
/// One more file for cloud-init to write: these machines have no GPU.
const SETTINGS: &str = "write_files:
  - path: /etc/saigak-agent/conf.d/50-lab.toml
    content: |
      [gpu]
      expected = 0
";

/// The repository's files as they are, but for what the lab has in another place.
pub(crate) fn seed(lab: &Lab) -> Result<Seed> {
    let ground = lab.ground.get().context("no machine has been made yet")?;
    Ok(Seed {
        user_data: user_data(ground)?,
        network_config: Some(read("network-config")?),
        instance: INSTANCE.to_owned(),
    })
}

/// Puts the disk with the agent's package into a machine.
pub(crate) async fn bring_package(guest: &Guest) -> Result<()> {
    let ground = guest.lab().ground.get().context("no machine has been made yet")?;
    let (label, name) = PACKAGES;
    let vm = guest.vm()?;
    vm.read_only_disk(name, &ground.packages, label).await?;
    vm.rebuild(|hardware| hardware.extra.push((name, "saigak-packages")));
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
    let text = lines.join("\n") + "\n";
    ensure!(text.matches("\nwrite_files:\n").count() == 1, "user-data writes files once");
    Ok(text.replace("write_files:\n", SETTINGS))
}
