//! What `network-match` is to do: pure, from the files and the links to the files of our own
//! that should be there.

use std::path::{Path, PathBuf};

use crate::network_file::{DROP_IN, Link, Match, NetworkFile, WHOLE, applying, parse_mac};

const HEADER: &str = "# Written by saigak-agent, which takes it away when it is not needed.\n";

/// What should be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing of ours: this file applies by itself.
    Nothing(PathBuf),
    /// One file.
    One {
        /// Below the directory of runtime files.
        path: PathBuf,
        text: String,
    },
}

/// Our own file for a link, `configured` being the name that the configuration gives it.
pub(crate) fn plan(files: &[NetworkFile], links: &[Link], link: &Link, configured: &str) -> Plan {
    let base: Vec<_> = files
        .iter()
        .filter(|file| !file.name().starts_with(WHOLE))
        .map(|file| file.without_drop_in(DROP_IN))
        .collect();
    if let Some(file) = applying(&base, link) {
        return Plan::Nothing(file.path.clone());
    }
    if let Some(file) = base.iter().find(|file| is_meant(file, links, link, configured)) {
        return Plan::One {
            path: Path::new(&format!("{}.d", file.name())).join(DROP_IN),
            text: format!(
                "{HEADER}[Match]\nPermanentMACAddress=\nMACAddress=\nName=\nName={}\n",
                link.name
            ),
        };
    }
    Plan::One {
        path: PathBuf::from(format!("{WHOLE}{}.network", link.name)),
        text: format!(
            "{HEADER}[Match]\nName={}\n\n[Network]\nDHCP=ipv4\n\n[DHCPv4]\nClientIdentifier=mac\n",
            link.name
        ),
    }
}

/// Whether the file was written for this link, and only a name or an address keeps it away.
fn is_meant(file: &NetworkFile, links: &[Link], link: &Link, configured: &str) -> bool {
    let by_netplan = |name: &str| file.name() == format!("10-netplan-{name}.network");
    match file.matches(link) {
        Match::MacDiffers { wanted } => {
            let another = links.iter().any(|other| {
                let macs = [other.mac, other.permanent_mac];
                other != link
                    && wanted
                        .iter()
                        .filter_map(|mac| parse_mac(mac))
                        .any(|mac| macs.contains(&Some(mac)))
            });
            let named = file.names(&link.name) || by_netplan(&link.name) || by_netplan(configured);
            named && !another
        }
        // The configured link has another name now.
        Match::Other => link.name != configured && by_netplan(configured) && file.names(configured),
        Match::Matches | Match::Unjudged { .. } => false,
    }
}

#[cfg(test)]
mod tests;
