//! What a guest is like before its first boot.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::gpu::{self, Gpus};
use crate::host::inside::Lab;
use crate::net::LINK;
use crate::paths::write;

/// The MAC of the pod that a guest boots in, unless the scenario says otherwise.
pub const MAC: &str = "52:54:00:5a:16:a2";
/// Every certificate that programs in the guest trust.
const TRUSTED: &str = "etc/ssl/certs/ca-certificates.crt";

/// A guest's making.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its name, unique in the run: letters, digits and hyphens.
    pub name: String,
    /// Whether the agent's package is installed.
    pub agent: bool,
    /// Whether the agent's unit is masked, for a look at what happens without it.
    pub agent_held: bool,
    /// The MAC of its link.
    pub mac: String,
    /// A MAC that its netplan file is pinned to, as cloud-init's fallback leaves it.
    pub pinned_to: Option<String>,
    /// A tree that its data disk is filled with; an empty disk where absent.
    pub data: Option<PathBuf>,
    /// How many files its data disk can hold, about; what mke2fs thinks right where absent.
    pub inodes: Option<u32>,
    /// Size of its root disk in bytes; half of this machine's memory, all guests together, where
    /// absent.
    pub root_bytes: Option<u64>,
    /// Its GPUs; none where absent, and then none is expected.
    pub gpus: Option<Gpus>,
}

impl Options {
    /// A guest with the agent and an empty data disk.
    #[must_use]
    pub fn empty(name: &str) -> Self {
        Self {
            name: name.into(),
            agent: true,
            agent_held: false,
            mac: MAC.into(),
            pinned_to: None,
            data: None,
            inodes: None,
            root_bytes: None,
            gpus: None,
        }
    }
}

/// Numeric owner of the data disk.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// User id of ollama in the guest.
    pub user: u32,
    /// Group id of ollama in the guest.
    pub group: u32,
}

/// Writes what this guest has of its own into its root.
pub fn furnish(root: &Path, lab: &Lab, options: &Options) -> Result<Owner> {
    let trusted = root.join(TRUSTED);
    let mut certificates = std::fs::read_to_string(&trusted)
        .with_context(|| format!("cannot read {}", trusted.display()))?;
    certificates.push_str(&lab.authority.certificate);
    write(&trusted, certificates)?;
    if let Some(mac) = &options.pinned_to {
        // The mode of the image's file stays: netplan's files are private.
        write(&root.join("etc/netplan/50-cloud-init.yaml"), pinned(mac))?;
    }
    if options.agent_held {
        let mask = root.join("etc/systemd/system/saigak-agent.service");
        std::os::unix::fs::symlink("/dev/null", &mask)
            .with_context(|| format!("cannot make {}", mask.display()))?;
    }
    let owner = owner(root)?;
    gpu::furnish(root, options.gpus.as_ref(), owner, &lab.run.plan.equipment)?;
    Ok(owner)
}

/// What cloud-init's fallback writes where a machine came without a network-config: pinned to
/// the MAC of its first boot.
fn pinned(mac: &str) -> String {
    format!(
        "network:\n  version: 2\n  ethernets:\n    {LINK}:\n      match:\n        \
         macaddress: \"{mac}\"\n      dhcp4: true\n      set-name: \"{LINK}\"\n"
    )
}

fn owner(root: &Path) -> Result<Owner> {
    let path = root.join("etc/passwd");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    parse_owner(&text).with_context(|| format!("{} knows no user ollama", path.display()))
}

fn parse_owner(passwd: &str) -> Option<Owner> {
    let line = passwd.lines().find(|line| line.starts_with("ollama:"))?;
    let mut fields = line.split(':').skip(2);
    Some(Owner { user: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::{parse_owner, pinned};

    #[test]
    fn the_owner_is_read_from_passwd() {
        let owner = parse_owner("root:x:0:0::/:\nollama:x:988:987::/usr/share/ollama:\n").unwrap();
        assert_eq!((owner.user, owner.group), (988, 987));
        assert!(parse_owner("root:x:0:0::/:\n").is_none());
    }

    #[test]
    fn the_pin_is_the_one_that_cloud_init_writes() {
        let lines: Vec<String> = pinned("52:54:00:00:00:01").lines().map(str::to_owned).collect();
        assert_eq!(lines[3], "    enp1s0:");
        assert_eq!(lines[4], "      match:");
        assert_eq!(lines[5], "        macaddress: \"52:54:00:00:00:01\"");
    }
}
