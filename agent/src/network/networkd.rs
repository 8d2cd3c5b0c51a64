//! What systemd-networkd says of its links, and which file should match one of them.

use serde::Deserialize;

use super::facts::{MatchFile, Networkd};
use crate::bus::{Bus, BusError, Object};
use crate::network_file::{DIRECTORIES, Link, Match, NetworkFile, applying};

/// networkd's manager on the bus.
pub(super) const MANAGER: Object<'static> = Object {
    service: "org.freedesktop.network1",
    path: "/org/freedesktop/network1",
    interface: "org.freedesktop.network1.Manager",
};

/// networkd's answer to `Describe`.
#[derive(Debug)]
pub(super) enum Described {
    NotRunning,
    Unreadable(String),
    Links(Vec<DescribedLink>),
}

/// One link of that answer. Every field may be missing: releases differ.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DescribedLink {
    name: String,
    administrative_state: String,
    #[serde(rename = "DHCPv4Client")]
    dhcpv4_client: DhcpClient,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct DhcpClient {
    /// Only that it is there matters.
    lease: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    #[serde(default)]
    interfaces: Vec<DescribedLink>,
}

/// Asks networkd for all its links.
pub(super) async fn describe(bus: &Bus) -> Described {
    match bus.call::<_, String>(MANAGER, "Describe", &()).await {
        Ok(text) => match serde_json::from_str::<Description>(&text) {
            Ok(description) => Described::Links(description.interfaces),
            Err(error) => Described::Unreadable(format!("networkd's Describe: {error}")),
        },
        Err(BusError::NotRunning(_)) => Described::NotRunning,
        Err(error) => Described::Unreadable(error.to_string()),
    }
}

impl Described {
    /// networkd's view of the link `name`.
    pub(super) fn state_of(&self, name: &str) -> Networkd {
        match self {
            Self::NotRunning => Networkd::NotRunning,
            Self::Unreadable(why) => Networkd::Unreadable(why.clone()),
            Self::Links(links) => {
                let link = links.iter().find(|link| link.name == name);
                Networkd::Running {
                    state: link.map(|link| link.administrative_state.clone()).unwrap_or_default(),
                    lease: link.is_some_and(|link| link.dhcpv4_client.lease.is_some()),
                }
            }
        }
    }
}

/// Which `.network` file is meant for `link`, and whether it matches. Read beside the loop:
/// some of the files lie on the root disk.
pub(super) async fn match_file(link: &Link) -> MatchFile {
    let link = link.clone();
    let read = tokio::task::spawn_blocking(move || match NetworkFile::load_all(&DIRECTORIES) {
        Ok(files) => judge(&files, &link),
        Err(error) => MatchFile::Unreadable(error.to_string()),
    });
    read.await.unwrap_or_else(|error| MatchFile::Unreadable(error.to_string()))
}

fn judge(files: &[NetworkFile], link: &Link) -> MatchFile {
    if applying(files, link).is_some() {
        return MatchFile::Matches;
    }
    let by_netplan = format!("10-netplan-{}.network", link.name);
    let pinned = files.iter().find_map(|file| match file.matches(link) {
        Match::MacDiffers { wanted } if file.names(&link.name) || file.name() == by_netplan => {
            let file = file.path.display().to_string();
            Some(MatchFile::Pinned { file, wanted: wanted.join(" ") })
        }
        _ => None,
    });
    pinned.unwrap_or(MatchFile::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_told_from_a_file_that_is_not_there() {
        let directory = std::env::temp_dir().join(format!("saigak-{}-net", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("10-netplan-enp1s0.network");
        let text = "[Match]\nPermanentMACAddress=52:54:00:aa:bb:01\nName=enp1s0\n";
        std::fs::write(&path, text).unwrap();
        let files = NetworkFile::load_all(&[&directory]).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        let link = Link {
            name: "enp1s0".into(),
            permanent_mac: Some([0x52, 0x54, 0, 0xaa, 0xbb, 2]),
            ..Link::default()
        };
        let pinned = MatchFile::Pinned {
            file: path.display().to_string(),
            wanted: "52:54:00:aa:bb:01".into(),
        };
        assert_eq!(judge(&files, &link), pinned);
        let same = Link { permanent_mac: Some([0x52, 0x54, 0, 0xaa, 0xbb, 1]), ..link.clone() };
        assert_eq!(judge(&files, &same), MatchFile::Matches);
        assert_eq!(judge(&[], &link), MatchFile::Missing);
    }

    #[test]
    fn a_description_with_fields_missing_is_read() {
        let text = r#"{"Interfaces":[{"Index":2,"Name":"enp1s0","AdministrativeState":"configuring",
            "DHCPv4Client":{"Lease":{"LeaseTimestampUSec":5}}},{"Name":"lo"}]}"#;
        let description: Description = serde_json::from_str(text).unwrap();
        let described = Described::Links(description.interfaces);
        let running = |state: &str, lease| Networkd::Running { state: state.into(), lease };
        assert_eq!(described.state_of("enp1s0"), running("configuring", true));
        assert_eq!(described.state_of("lo"), running("", false));
        assert_eq!(described.state_of("eth9"), running("", false));
    }
}
