//! The link's DHCP lease, as networkd describes it.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::networkd::MANAGER;
use crate::bus::Bus;

/// What a DHCP server gave a link, as far as it takes to be reached without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Lease {
    /// The link's MAC address, to whom it was given.
    pub(crate) mac: [u8; 6],
    /// The address.
    pub(crate) address: Ipv4Addr,
    /// Its prefix length.
    pub(crate) prefix: u8,
    /// The router.
    pub(crate) gateway: Option<Ipv4Addr>,
    /// DNS servers.
    pub(crate) dns: Vec<Ipv4Addr>,
}

/// What a link has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holding {
    /// A lease.
    Lease(Lease),
    /// Another global IPv4 address, and no lease.
    Address(Ipv4Addr),
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
    addresses: Vec<Entry>,
    routes: Vec<Entry>,
    #[serde(rename = "DNS")]
    dns: Vec<Entry>,
}

/// An address, a route or a DNS server.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Entry {
    address: Vec<u8>,
    prefix_length: u8,
    scope_string: String,
    config_source: String,
    destination_prefix_length: u8,
    gateway: Vec<u8>,
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

fn read(text: &str, link: &str) -> Result<Holding, String> {
    let description: Description =
        serde_json::from_str(text).map_err(|error| format!("networkd's Describe: {error}"))?;
    let found = description.interfaces.iter().find(|found| found.name == link);
    let found = found.ok_or_else(|| format!("networkd knows no link {link}"))?;
    let global = || found.addresses.iter().filter(|entry| entry.scope_string == "global");
    let leased = global().find(|entry| entry.config_source == FROM_DHCP);
    let Some((entry, address)) = leased.and_then(|entry| Some((entry, ipv4(&entry.address)?)))
    else {
        let other = global().find_map(|entry| ipv4(&entry.address));
        return Ok(other.map_or(Holding::Nothing, Holding::Address));
    };
    let mac = found.hardware_address.as_slice().try_into();
    let mac = mac.map_err(|_| format!("networkd knows no MAC address of {link}"))?;
    let from_dhcp = |entry: &&Entry| entry.config_source == FROM_DHCP;
    let default =
        |entry: &&Entry| entry.destination_prefix_length == 0 && !entry.gateway.is_empty();
    Ok(Holding::Lease(Lease {
        mac,
        address,
        prefix: entry.prefix_length,
        gateway: found
            .routes
            .iter()
            .filter(from_dhcp)
            .filter(default)
            .find_map(|route| ipv4(&route.gateway)),
        dns: found.dns.iter().filter(from_dhcp).filter_map(|entry| ipv4(&entry.address)).collect(),
    }))
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
            "HardwareAddress":[82,84,0,90,22,162],
            "Addresses":[
                {{"Family":10,"Address":[254,128,0,0,0,0,0,0,80,84,0,255,254,90,22,162],
                  "PrefixLength":64,"ConfigSource":"foreign","ScopeString":"link"}},
                {{"Family":2,"Address":[10,0,2,2],"PrefixLength":24,"ConfigSource":"{source}",
                  "ScopeString":"global","ConfigState":"configured"}}],
            "Routes":[
                {{"Destination":[10,0,2,1],"DestinationPrefixLength":32,"ConfigSource":"DHCPv4"}},
                {{"Destination":[0,0,0,0],"DestinationPrefixLength":0,"Gateway":[10,0,2,1],
                  "ConfigSource":"{source}"}}],
            "DNS":[{{"Family":2,"Address":[10,0,2,1],"ConfigSource":"{source}"}}]}}]}}"#
        )
    }

    #[test]
    fn a_lease_is_told_from_another_address_and_from_none() {
        let lease = Lease {
            mac: [82, 84, 0, 90, 22, 162],
            address: Ipv4Addr::new(10, 0, 2, 2),
            prefix: 24,
            gateway: Some(Ipv4Addr::new(10, 0, 2, 1)),
            dns: vec![Ipv4Addr::new(10, 0, 2, 1)],
        };
        assert_eq!(read(&described("DHCPv4"), "enp1s0"), Ok(Holding::Lease(lease)));
        let other = Holding::Address(Ipv4Addr::new(10, 0, 2, 2));
        assert_eq!(read(&described("static"), "enp1s0"), Ok(other));
        assert_eq!(read(&described("DHCPv4"), "lo"), Ok(Holding::Nothing));
        assert!(read(&described("DHCPv4"), "ens9").is_err());
        assert!(read("{", "enp1s0").is_err());
    }
}
