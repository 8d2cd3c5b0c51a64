//! What systemd-networkd says of its links, and which file should match one of them.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zbus::OwnedObjectPath;

use super::facts::{MatchFile, Networkd, Ours, Standing};
use super::lease;
use crate::bus::{Bus, BusError, Object, SYSTEMD};
use crate::config;
use crate::fix::{Plan, is_out_of_use, plan};
use crate::links::Seen;
use crate::network_file::{
    DIRECTORIES, LEASE, Link, Match, NetworkFile, RUNTIME, applying, drop_ins, ours, superseded,
};

/// networkd's manager on the bus.
pub(crate) const MANAGER: Object<'static> = Object {
    service: "org.freedesktop.network1",
    path: "/org/freedesktop/network1",
    interface: "org.freedesktop.network1.Manager",
};

const UNIT: &str = "systemd-networkd.service";

/// networkd's answer to `Describe`.
#[derive(Debug)]
pub(super) enum Described {
    NotRunning(Standing),
    Unreadable(String),
    Links {
        links: Vec<DescribedLink>,
        /// The whole answer.
        text: String,
    },
}

/// One link of that answer. Every field may be missing: releases differ.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DescribedLink {
    name: String,
    administrative_state: String,
    /// The `.network` file that it configures the link by.
    network_file: Option<PathBuf>,
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
            Ok(Description { interfaces: links }) => Described::Links { links, text },
            Err(error) => Described::Unreadable(format!("networkd's Describe: {error}")),
        },
        Err(BusError::NotRunning(_)) => Described::NotRunning(standing(bus).await),
        Err(error) => Described::Unreadable(error.to_string()),
    }
}

/// What systemd says of a networkd that is not on the bus. Where it cannot be asked, the helper that
/// starts it asks again.
async fn standing(bus: &Bus) -> Standing {
    let states = async {
        let path: OwnedObjectPath = bus.call(SYSTEMD, "LoadUnit", &(UNIT,)).await?;
        let interface = "org.freedesktop.systemd1.Unit";
        let unit = Object { path: path.as_str(), interface, ..SYSTEMD };
        let load: String = bus.property(unit, "LoadState").await?;
        let active: String = bus.property(unit, "ActiveState").await?;
        let file: String = bus.property(unit, "UnitFileState").await?;
        Ok::<_, BusError>((load, active, file))
    };
    states.await.map_or(Standing::Startable, |(load, active, file)| judge_unit(load, &active, file))
}

fn judge_unit(load: String, active: &str, file: String) -> Standing {
    match load.as_str() {
        "loaded" if active == "active" => Standing::OffBus,
        "masked" => Standing::Masked,
        "loaded" if is_out_of_use(active, &file) => Standing::OutOfUse(file),
        "loaded" => Standing::Startable,
        _ => Standing::OutOfUse(load),
    }
}

impl Described {
    /// The file that networkd configures the link `name` by; empty where it tells none.
    pub(super) fn file_of(&self, name: &str) -> PathBuf {
        let Self::Links { links, .. } = self else { return PathBuf::new() };
        let link = links.iter().find(|link| link.name == name);
        link.and_then(|link| link.network_file.clone()).unwrap_or_default()
    }

    /// What changes with the lease of the link `name`; none where there is no lease.
    pub(super) fn lease_of(&self, name: &str) -> Option<u64> {
        let Self::Links { text, .. } = self else { return None };
        lease::fingerprint(text, name)
    }

    /// networkd's view of the link `name`.
    pub(super) fn state_of(&self, name: &str) -> Networkd {
        match self {
            Self::NotRunning(standing) => Networkd::NotRunning(standing.clone()),
            Self::Unreadable(why) => Networkd::Unreadable(why.clone()),
            Self::Links { links, .. } => {
                let link = links.iter().find(|link| link.name == name);
                Networkd::Running {
                    state: link.map(|link| link.administrative_state.clone()).unwrap_or_default(),
                    lease: link.is_some_and(|link| link.dhcpv4_client.lease.is_some()),
                }
            }
        }
    }
}

/// What networkd has made of them.
pub(super) struct Used {
    /// The one that it configures the link by; empty where it tells none.
    pub(super) file: PathBuf,
    /// The link's IPv4 addresses.
    pub(super) addresses: Vec<Ipv4Addr>,
}

/// What the `.network` files say of the link.
pub(super) struct Files {
    /// The one that is meant for it.
    pub(super) file: MatchFile,
    /// The agent's own, by which it matches.
    pub(super) ours: Ours,
    /// The agent's own, which repeats a lease.
    pub(super) repeats: Option<String>,
    /// Whether the link is configured otherwise than by that.
    pub(super) superseded: bool,
}

/// Which `.network` file is meant for a link of `links`, whether it matches, and what the agent
/// itself has put beside it. Read beside the loop: some of the files lie on the root disk.
pub(super) async fn files(
    links: &[Seen],
    chosen: &Seen,
    config: &config::Network,
    used: Used,
) -> Files {
    let links: Vec<Link> = links.iter().map(|seen| seen.link.clone()).collect();
    let (link, configured) = (chosen.link.clone(), config.link.clone());
    let read = tokio::task::spawn_blocking(move || match NetworkFile::load_all(&DIRECTORIES) {
        Ok(files) => {
            let plan = plan(&files, &links, &link, &configured);
            let runtime = Path::new(RUNTIME);
            let repeats = drop_ins(runtime, LEASE).unwrap_or_default();
            let unneeded = |path: &&PathBuf| superseded(path, &used.file, &files, &used.addresses);
            let left = repeats.iter().find(unneeded);
            Files {
                file: judge(&files, &link),
                ours: judge_ours(&plan, runtime),
                repeats: left.or(repeats.first()).map(|path| path.display().to_string()),
                superseded: left.is_some(),
            }
        }
        Err(error) => unreadable(&error.to_string()),
    });
    read.await.unwrap_or_else(|error| unreadable(&error.to_string()))
}

fn unreadable(why: &str) -> Files {
    Files {
        file: MatchFile::Unreadable(why.into()),
        ours: Ours::Unreadable(why.into()),
        repeats: None,
        superseded: false,
    }
}

/// The agent's files in `runtime`, held against those that should be there.
fn judge_ours(plan: &Plan, runtime: &Path) -> Ours {
    let found = match ours(runtime) {
        Ok(found) => found,
        Err(error) => return Ours::Unreadable(format!("{}: {error}", runtime.display())),
    };
    let wanted = match plan {
        Plan::Nothing(_) => None,
        Plan::One { path, .. } => Some(runtime.join(path)),
    };
    match found.iter().find(|path| wanted.as_ref() != Some(path)) {
        Some(path) => Ours::LeftOver(path.display().to_string()),
        None => found.first().map_or(Ours::None, |path| Ours::Needed(path.display().to_string())),
    }
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
    fn a_masked_or_unwanted_networkd_is_told_from_a_stopped_one() {
        let with = |load: &str, active, file: &str| judge_unit(load.into(), active, file.into());
        // What netplan's generator wants is `enabled-runtime`.
        assert_eq!(with("loaded", "inactive", "enabled-runtime"), Standing::Startable);
        assert_eq!(with("loaded", "failed", "disabled"), Standing::Startable);
        assert_eq!(with("loaded", "active", "enabled-runtime"), Standing::OffBus);
        assert_eq!(with("masked", "inactive", "masked"), Standing::Masked);
        assert_eq!(with("masked", "inactive", "masked-runtime"), Standing::Masked);
        let unused = |state: &str| Standing::OutOfUse(state.into());
        assert_eq!(with("loaded", "inactive", "disabled"), unused("disabled"));
        assert_eq!(with("not-found", "inactive", ""), unused("not-found"));
    }

    #[test]
    fn a_file_of_ours_that_no_link_needs_is_left_over() {
        let directory = tempfile::tempdir().unwrap();
        let runtime = directory.path();
        let needed = Plan::One { path: "a.network.d/50-saigak.conf".into(), text: String::new() };
        let unneeded = Plan::Nothing("a.network".into());
        assert_eq!(judge_ours(&needed, runtime), Ours::None);
        let file = runtime.join("a.network.d/50-saigak.conf");
        std::fs::create_dir(runtime.join("a.network.d")).unwrap();
        std::fs::write(&file, "").unwrap();
        let name = file.display().to_string();
        assert_eq!(judge_ours(&needed, runtime), Ours::Needed(name.clone()));
        assert_eq!(judge_ours(&unneeded, runtime), Ours::LeftOver(name.clone()));
        let other = Plan::One { path: "95-saigak-ens3.network".into(), text: String::new() };
        assert_eq!(judge_ours(&other, runtime), Ours::LeftOver(name));
        let file = runtime.join("a.network.d");
        assert!(matches!(judge_ours(&needed, &file.join("50-saigak.conf")), Ours::Unreadable(_)));
    }

    #[test]
    fn a_description_with_fields_missing_is_read() {
        let text = r#"{"Interfaces":[{"Index":2,"Name":"enp1s0","AdministrativeState":"configuring",
            "NetworkFile":"/run/systemd/network/a.network","DHCPv4Client":{"Lease":{"LeaseTimestampUSec":5}}},{"Name":"lo"}]}"#;
        let description: Description = serde_json::from_str(text).unwrap();
        let described = Described::Links { links: description.interfaces, text: text.into() };
        let running = |state: &str, lease| Networkd::Running { state: state.into(), lease };
        assert_eq!(described.state_of("enp1s0"), running("configuring", true));
        assert_eq!(described.state_of("lo"), running("", false));
        assert_eq!(described.state_of("eth9"), running("", false));
        assert_eq!(described.file_of("enp1s0"), Path::new("/run/systemd/network/a.network"));
        assert_eq!(described.file_of("lo"), Path::new(""));
        assert_eq!(described.lease_of("enp1s0"), None);
    }
}
