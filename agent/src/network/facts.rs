//! Reads the link, its addresses and routes, and networkd's view of it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};

use super::networkd;
use crate::bus::Bus;
use crate::config;
use crate::links::{self, Netlink, Seen};

/// What was seen of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The serving link; or why there is none, for a person.
    pub link: Result<Seen, String>,
    /// Its first global IPv4 address, with the prefix length.
    pub address: Option<(Ipv4Addr, u8)>,
    /// The default route out of it.
    pub route: Option<Route>,
    /// systemd-networkd's view.
    pub networkd: Networkd,
    /// A number that changes with anything that its lease gives it; none without a lease.
    pub lease: Option<u64>,
    /// The `.network` file that should match it.
    pub file: MatchFile,
    /// What the agent has put beside that file.
    pub ours: Ours,
    /// The agent's own file that repeats a lease, where there is one.
    pub repeats: Option<String>,
    /// Whether the link is configured otherwise by now, so that nothing hangs on that file.
    pub superseded: bool,
    /// Whether it may write one.
    pub may_repeat: bool,
}

impl Facts {
    /// Whether networkd holds a lease for it.
    #[must_use]
    pub fn has_lease(&self) -> bool {
        matches!(self.networkd, Networkd::Running { lease: true, .. })
    }

    /// Whether the link is up and has an address and a way out, whoever gave them to it.
    #[must_use]
    pub fn works(&self) -> bool {
        let up = self.link.as_ref().is_ok_and(|seen| seen.up && seen.carrier);
        up && self.address.is_some() && self.route.is_some()
    }
}

#[cfg(test)]
impl Facts {
    /// A link that networkd gave a lease.
    pub(crate) fn fake() -> Self {
        Self {
            link: Ok(Seen {
                link: crate::network_file::Link { name: "enp1s0".into(), ..Default::default() },
                index: 2,
                up: true,
                carrier: true,
                loopback: false,
            }),
            address: Some((Ipv4Addr::new(10, 0, 2, 2), 24)),
            route: Some(Route { gateway: Some(Ipv4Addr::new(10, 0, 2, 1)) }),
            networkd: Networkd::Running { state: "configured".into(), lease: true },
            lease: Some(1),
            file: MatchFile::Matches,
            ours: Ours::None,
            repeats: None,
            superseded: false,
            may_repeat: false,
        }
    }
}

/// A default route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Gateway; none where the link itself is the target.
    pub gateway: Option<Ipv4Addr>,
}

/// systemd-networkd's view of the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Networkd {
    /// It is not on the bus.
    NotRunning(Standing),
    /// It could not be asked, and why.
    Unreadable(String),
    /// It runs.
    Running {
        /// Its administrative state of the link: `configured`, `configuring`, `unmanaged`,
        /// `failed`, … Empty where it does not know the link.
        state: String,
        /// Whether it holds a DHCPv4 lease for the link.
        lease: bool,
    },
}

/// How a systemd-networkd stands that is not on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It may, or systemd could not be asked.
    Startable,
    /// It runs, and is not on the bus: networkd does not come back to one that was started anew.
    OffBus,
    /// It is masked.
    Masked,
    /// It is not there, or nobody wants it: the state of the unit or of its file.
    OutOfUse(String),
}

/// The agent's own files beside the network's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ours {
    /// There is none.
    None,
    /// The link depends on this one.
    Needed(String),
    /// This one is there, and the link would be matched without it.
    LeftOver(String),
    /// They could not be read, and why.
    Unreadable(String),
}

/// The `.network` file that should match the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchFile {
    /// It matches.
    Matches,
    /// It is meant for the link and demands another MAC.
    Pinned {
        /// Path.
        file: String,
        /// The MAC that it demands.
        wanted: String,
    },
    /// No file is meant for the link.
    Missing,
    /// It could not be read, and why.
    Unreadable(String),
}

/// Looks at the network.
///
/// # Errors
/// Where netlink cannot be asked.
pub async fn look(config: &config::Network, bus: &Bus) -> Result<Facts, String> {
    let netlink = Netlink::connect().map_err(|error| format!("netlink: {error}"))?;
    let handle = &netlink.handle;
    let links = netlink.links(Path::new("/sys")).await;
    let links = links.map_err(|error| format!("netlink: links: {error}"))?;
    let link = links::choose(&links, config).cloned().map_err(|why| {
        let names = links.iter().filter(|seen| !seen.loopback).map(|seen| seen.link.name.as_str());
        format!("{why}; links here: {}", names.collect::<Vec<_>>().join(", "))
    });
    let Ok(seen) = &link else {
        let networkd = networkd::describe(bus).await.state_of("");
        return Ok(Facts {
            link,
            address: None,
            route: None,
            networkd,
            lease: None,
            file: MatchFile::Missing,
            ours: Ours::None,
            repeats: None,
            superseded: false,
            may_repeat: config.repeat_lease,
        });
    };
    let request = handle.address().get().set_link_index_filter(seen.index);
    let addresses: Vec<AddressMessage> = collect("addresses", request.execute()).await?;
    let all = rtnetlink::RouteMessageBuilder::<Ipv4Addr>::new().build();
    let routes: Vec<RouteMessage> = collect("routes", handle.route().get(all).execute()).await?;
    let addresses: Vec<(Ipv4Addr, u8)> = addresses.iter().filter_map(global_ipv4).collect();
    let described = networkd::describe(bus).await;
    let used = networkd::Used {
        file: described.file_of(&seen.link.name),
        addresses: addresses.iter().map(|(address, _)| *address).collect(),
    };
    let networkd::Files { file, ours, repeats, superseded } =
        networkd::files(&links, seen, config, used).await;
    Ok(Facts {
        address: addresses.first().copied(),
        route: routes.iter().find_map(|found| default_route(found, seen.index)),
        networkd: described.state_of(&seen.link.name),
        lease: described.lease_of(&seen.link.name),
        file,
        ours,
        repeats,
        superseded,
        may_repeat: config.repeat_lease,
        link,
    })
}

async fn collect<T>(
    what: &str,
    answers: impl futures_util::TryStream<Ok = T, Error = rtnetlink::Error>,
) -> Result<Vec<T>, String> {
    answers.try_collect().await.map_err(|error| format!("netlink: {what}: {error}"))
}

fn global_ipv4(message: &AddressMessage) -> Option<(Ipv4Addr, u8)> {
    if message.header.scope != AddressScope::Universe {
        return None;
    }
    // On a point-to-point link `Address` is the peer's and `Local` one's own.
    let own = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let named = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Address(address) => Some(*address),
        _ => None,
    });
    match own.or(named)? {
        IpAddr::V4(address) if !address.is_link_local() => {
            Some((address, message.header.prefix_len))
        }
        _ => None,
    }
}

fn default_route(message: &RouteMessage, index: u32) -> Option<Route> {
    let leads_out = message
        .attributes
        .iter()
        .any(|attribute| matches!(attribute, RouteAttribute::Oif(link) if *link == index));
    let default = message.header.address_family == AddressFamily::Inet
        && message.header.destination_prefix_length == 0;
    let gateway = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => Some(*gateway),
        _ => None,
    });
    (default && leads_out).then_some(Route { gateway })
}
