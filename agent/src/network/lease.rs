//! The link's DHCP lease, as networkd describes it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::networkd::MANAGER;
use crate::bus::Bus;

/// What a DHCP server gave a link, as far as it takes to be reached without one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Lease {
    /// The link's MAC address, to whom it was given.
    pub(crate) mac: [u8; 6],
    /// The address.
    pub(crate) address: Ipv4Addr,
    /// Its prefix length.
    pub(crate) prefix: u8,
    /// The link's MTU under it, in bytes: the server's or not, the file that the link is
    /// configured by tells.
    pub(crate) mtu: Option<u32>,
    /// The ways out: the router, or what was given in its place (RFC 3442). Those to the link
    /// itself follow from them.
    pub(crate) routes: Vec<Way>,
    /// DNS servers.
    pub(crate) dns: Vec<Ipv4Addr>,
    /// Domains that names are looked for in.
    pub(crate) domains: Vec<String>,
    /// Time servers.
    pub(crate) ntp: Vec<Ipv4Addr>,
}

/// A route over a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Way {
    /// Where to.
    pub(crate) to: Ipv4Addr,
    /// Its prefix length; 0 for everywhere.
    pub(crate) prefix: u8,
    /// The router.
    pub(crate) gateway: Ipv4Addr,
    /// Which of several routes is taken: the one of the least.
    pub(crate) metric: u32,
}

/// What a link has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holding {
    /// A lease.
    Lease(Lease),
    /// Other global IPv4 addresses, at least one, and no lease.
    Addresses {
        /// All of them.
        all: Vec<Ipv4Addr>,
        /// The `.network` file that networkd configures the link by; empty where it tells none.
        file: PathBuf,
    },
    /// None of both.
    Nothing,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    #[serde(default)]
    interfaces: Vec<Interface>,
}

/// Every field may be missing: releases differ.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Interface {
    name: String,
    hardware_address: Vec<u8>,
    network_file: Option<PathBuf>,
    #[serde(rename = "MTU")]
    mtu: Option<u32>,
    addresses: Vec<Entry>,
    routes: Vec<Entry>,
    #[serde(rename = "DNS")]
    dns: Vec<Entry>,
    #[serde(rename = "NTP")]
    ntp: Vec<Entry>,
    search_domains: Vec<Entry>,
}

/// An address, a route, a server or a domain.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Entry {
    address: Vec<u8>,
    prefix_length: u8,
    scope_string: String,
    config_source: String,
    destination: Vec<u8>,
    destination_prefix_length: u8,
    gateway: Vec<u8>,
    priority: u32,
    table: u32,
    domain: String,
}

/// Where networkd says that something came from a DHCP server.
const FROM_DHCP: &str = "DHCPv4";

impl Holding {
    /// Asks networkd for what the link has.
    ///
    /// # Errors
    /// Where networkd does not tell.
    pub(crate) async fn of(link: &str, bus: &Bus) -> Result<Self, String> {
        let text = bus.call::<_, String>(MANAGER, "Describe", &()).await;
        read(&text.map_err(|error| error.to_string())?, link)
    }
}

/// A number that changes with anything that would be noted of the link's lease, as networkd's
/// `Describe` tells it in `text`. `None`: there is no lease.
pub(super) fn fingerprint(text: &str, link: &str) -> Option<u64> {
    let Ok(Holding::Lease(lease)) = read(text, link) else { return None };
    let mut hasher = DefaultHasher::new();
    lease.hash(&mut hasher);
    Some(hasher.finish())
}

fn read(text: &str, link: &str) -> Result<Holding, String> {
    let description: Description =
        serde_json::from_str(text).map_err(|error| format!("networkd's Describe: {error}"))?;
    let found = description.interfaces.iter().find(|found| found.name == link);
    let found = found.ok_or_else(|| format!("networkd knows no link {link}"))?;
    let global = || found.addresses.iter().filter(|entry| entry.scope_string == "global");
    let leased = global().find(|entry| entry.config_source == FROM_DHCP);
    let Some((entry, address)) = leased.and_then(|entry| Some((entry, ipv4(&entry.address)?)))
    else {
        let all: Vec<Ipv4Addr> = global().filter_map(|entry| ipv4(&entry.address)).collect();
        let file = found.network_file.clone().unwrap_or_default();
        let nothing = all.is_empty();
        return Ok(if nothing { Holding::Nothing } else { Holding::Addresses { all, file } });
    };
    let mac = found.hardware_address.as_slice().try_into();
    let mac = mac.map_err(|_| format!("networkd knows no MAC address of {link}"))?;
    let given = |entries: &'_ [Entry]| -> Vec<Ipv4Addr> {
        let given = entries.iter().filter(|entry| entry.config_source == FROM_DHCP);
        given.filter_map(|entry| ipv4(&entry.address)).collect()
    };
    let given_domains =
        found.search_domains.iter().filter(|entry| entry.config_source == FROM_DHCP);
    let mut routes: Vec<Way> = found.routes.iter().filter_map(way).collect();
    // networkd keeps them in no order.
    routes.sort_unstable();
    Ok(Holding::Lease(Lease {
        mac,
        address,
        prefix: entry.prefix_length,
        mtu: found.mtu,
        routes,
        dns: given(&found.dns),
        domains: given_domains.map(|entry| entry.domain.clone()).collect(),
        ntp: given(&found.ntp),
    }))
}

/// The kernel's number for its main table of routes (`RT_TABLE_MAIN`).
const MAIN: u32 = 254;

/// A route that came with the lease and leads over a router.
fn way(entry: &Entry) -> Option<Way> {
    (entry.config_source == FROM_DHCP && entry.table == MAIN).then_some(())?;
    Some(Way {
        to: ipv4(&entry.destination)?,
        prefix: entry.destination_prefix_length,
        gateway: ipv4(&entry.gateway)?,
        metric: entry.priority,
    })
}

fn ipv4(bytes: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As systemd 257 writes it, less what is not read.
    fn described(source: &str) -> String {
        format!(
            r#"{{"Interfaces":[{{"Name":"lo"}},{{"Name":"enp1s0",
            "HardwareAddress":[82,84,0,90,22,162],"MTU":1400,
            "NetworkFile":"/run/systemd/network/a.network",
            "Addresses":[
                {{"Family":10,"Address":[254,128,0,0,0,0,0,0,80,84,0,255,254,90,22,162],
                  "PrefixLength":64,"ConfigSource":"foreign","ScopeString":"link"}},
                {{"Family":2,"Address":[10,0,2,2],"PrefixLength":24,"ConfigSource":"{source}",
                  "ScopeString":"global","ConfigState":"configured"}}],
            "Routes":[
                {{"Destination":[10,0,2,1],"DestinationPrefixLength":32,"ConfigSource":"DHCPv4",
                  "Table":254,"Priority":100}},
                {{"Destination":[0,0,0,0],"DestinationPrefixLength":0,"Gateway":[10,0,2,1],
                  "ConfigSource":"{source}","Table":254,"Priority":100}},
                {{"Destination":[192,0,2,0],"DestinationPrefixLength":24,"Gateway":[10,0,2,1],
                  "ConfigSource":"static","Table":254,"Priority":0}}],
            "NTP":[{{"Server":"time.example","ConfigSource":"static"}}],
            "SearchDomains":[{{"Domain":"vm.example","ConfigSource":"{source}"}},
                {{"Domain":"other.example","ConfigSource":"static"}}],
            "DNS":[{{"Family":2,"Address":[10,0,2,1],"ConfigSource":"{source}"}}]}}]}}"#
        )
    }

    #[test]
    fn a_lease_is_told_from_another_address_and_from_none() {
        let lease = Lease {
            mac: [82, 84, 0, 90, 22, 162],
            address: Ipv4Addr::new(10, 0, 2, 2),
            prefix: 24,
            mtu: Some(1400),
            routes: vec![Way {
                to: Ipv4Addr::UNSPECIFIED,
                prefix: 0,
                gateway: Ipv4Addr::new(10, 0, 2, 1),
                metric: 100,
            }],
            dns: vec![Ipv4Addr::new(10, 0, 2, 1)],
            domains: vec!["vm.example".into()],
            ntp: Vec::new(),
        };
        assert_eq!(read(&described("DHCPv4"), "enp1s0"), Ok(Holding::Lease(lease)));
        let other = Holding::Addresses {
            all: vec![Ipv4Addr::new(10, 0, 2, 2)],
            file: "/run/systemd/network/a.network".into(),
        };
        assert_eq!(read(&described("static"), "enp1s0"), Ok(other));
        assert_eq!(read(&described("DHCPv4"), "lo"), Ok(Holding::Nothing));
        assert!(read(&described("DHCPv4"), "ens9").is_err());
        assert!(read("{", "enp1s0").is_err());
    }

    #[test]
    fn a_renewal_that_brings_anything_else_has_another_fingerprint() {
        let text = described("DHCPv4");
        let given = fingerprint(&text, "enp1s0");
        assert!(given.is_some());
        assert_eq!(fingerprint(&text, "enp1s0"), given);
        for (old, new) in [
            (
                r#""DNS":[{"Family":2,"Address":[10,0,2,1]"#,
                r#""DNS":[{"Family":2,"Address":[10,0,2,3]"#,
            ),
            ("vm.example", "other.vm.example"),
            (r#""MTU":1400"#, r#""MTU":1500"#),
        ] {
            let renewed = text.replace(old, new);
            assert_ne!(renewed, text, "{old}");
            assert_ne!(fingerprint(&renewed, "enp1s0"), given, "{new}");
        }
        // Not the lease's.
        let text = text.replace("time.example", "other.example");
        assert_eq!(fingerprint(&text, "enp1s0"), given);
        assert_eq!(fingerprint(&described("static"), "enp1s0"), None);
    }
}
