//! What a machine is told by its disk for cloud-init: what a cluster tells it, as rendered.

use anyhow::{Context, Result, ensure};

use crate::architecture::Architecture;
use crate::guest::Guest;
use crate::guest::vm::ground::Ground;
use crate::guest::vm::rendered::Rendered;
use crate::guest::vm::seed::Seed;
use crate::host::inside::Lab;
use crate::net::GATEWAY;
use crate::say;

/// The labels of the disks that the agent's package and its settings come on, and their names
/// here.
const PACKAGES: (&str, &str) = ("SAIGAKDEB", "packages.iso");
const SETTINGS: (&str, &str) = ("SAIGAKCFG", "settings.iso");

/// The rendered files as they are, but for what the lab has in another place.
pub(crate) fn seed(lab: &Lab) -> Result<Seed> {
    let ground = lab.ground.get().context("no machine has been made yet")?;
    let Rendered { network_config, instance, key, .. } = &ground.rendered;
    Ok(Seed {
        user_data: user_data(ground)?,
        network_config: Some(network_config.clone()),
        instance: instance.clone(),
        key: key.clone(),
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

fn user_data(ground: &Ground) -> Result<String> {
    let server = &ground.archive;
    let name = server.path.file_name().unwrap_or_default().to_string_lossy();
    let url = format!("OLLAMA_URL=https://{GATEWAY}/cdn/{name}");
    let key = sum_key(ground.architecture);
    let sum = format!("{key}{}", server.sha256);
    let text = &ground.rendered.user_data;
    let others = [("OLLAMA_URL=", url.as_str()), (key.as_str(), sum.as_str())];
    let told = in_place(text, &others)?;
    for (there, here) in differences(text, &told) {
        say::line(&format!("user-data as in the cluster, but for {there:?}: {here:?}"));
    }
    Ok(told)
}

/// The same for a guest from before the incident: cloud-init takes a network configuration for a
/// new instance only, as it does unless it is told otherwise.
pub(crate) fn without_updates(user_data: &str) -> Result<String> {
    let updates = "updates:\n  network:\n    when: [boot]\n";
    ensure!(user_data.matches(updates).count() == 1, "user-data has not one {updates}");
    Ok(user_data.replace(updates, ""))
}

/// The line with the server's checksum begins so.
fn sum_key(architecture: Architecture) -> String {
    format!("OLLAMA_SHA256_{}=", architecture.debian())
}

/// The text with other lines in the place of those that begin so, each of which is there once.
fn in_place(text: &str, others: &[(&str, &str)]) -> Result<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (key, other) in others {
        let mut found = lines.iter_mut().filter(|line| line.trim_start().starts_with(key));
        let place = found.next().with_context(|| format!("user-data has no {key}"))?;
        ensure!(found.next().is_none(), "user-data has more than one {key}");
        *place = format!("{:6}{other}", "");
    }
    Ok(lines.join("\n") + "\n")
}

/// The lines that differ, without the white space before them.
fn differences<'a>(there: &'a str, here: &'a str) -> Vec<(&'a str, &'a str)> {
    let both = there.lines().zip(here.lines()).filter(|(there, here)| there != here);
    both.map(|(there, here)| (there.trim_start(), here.trim_start())).collect()
}

#[cfg(test)]
mod tests {
    use super::{differences, in_place, sum_key};
    use crate::architecture::Architecture;

    #[test]
    fn a_machine_is_told_what_the_cluster_s_is_told_but_for_where_the_server_comes_from() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cloud-init/user-data");
        let (there, sum) = (std::fs::read_to_string(path).unwrap(), sum_key(Architecture::Arm64));
        let here_sum = format!("{sum}00");
        let others =
            [("OLLAMA_URL=", "OLLAMA_URL=https://here/x"), (sum.as_str(), here_sum.as_str())];
        let here = in_place(&there, &others).unwrap();
        assert_eq!(here.lines().count(), there.lines().count());
        let differ = differences(&there, &here);
        let keys: Vec<_> =
            differ.iter().map(|(there, _)| there.split_inclusive('=').next()).collect();
        assert_eq!(keys, [Some("OLLAMA_URL="), Some(sum.as_str())]);
        // Back again it is the same, byte for byte.
        let back: Vec<_> =
            others.iter().zip(&differ).map(|((key, _), (there, _))| (*key, *there)).collect();
        assert_eq!(in_place(&here, &back).unwrap(), there);
        assert!(in_place(&there, &[("NO_SUCH_KEY=", "x")]).is_err());
    }
}
