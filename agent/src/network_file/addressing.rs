//! What a file says of its link's address, as far as a lease that is repeated beside it goes.

use std::net::Ipv4Addr;
use std::path::Path;

use super::{LEASE, NetworkFile};

impl NetworkFile {
    /// The IPv4 addresses that it gives the link without a DHCP server.
    fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        let set = self.assignments.iter().filter(|assignment| {
            matches!(assignment.section.as_str(), "Network" | "Address")
                && assignment.key == "Address"
        });
        set.filter_map(|assignment| assignment.value.split('/').next()?.parse().ok())
    }

    /// Whether it has networkd ask for an IPv4 lease.
    pub(crate) fn asks_for_lease(&self) -> bool {
        let value = self.last(&["Network"], "DHCP");
        // systemd still takes the older names, `v4` and `both`.
        value.is_some_and(|value| matches!(value, "ipv4" | "v4" | "both") || is_true(value))
    }

    /// Whether the link's MTU is the one that the DHCP server gives.
    pub(crate) fn takes_mtu(&self) -> bool {
        let fixed = self.last(&["Link"], "MTUBytes").is_some_and(|value| !value.is_empty());
        // The section had that other name before systemd 243, and netplan still calls it so.
        !fixed && self.last(&["DHCP", "DHCPv4"], "UseMTU").is_some_and(is_true)
    }

    fn last(&self, sections: &[&str], key: &str) -> Option<&str> {
        let found = self.assignments.iter().rfind(|assignment| {
            sections.contains(&assignment.section.as_str()) && assignment.key == key
        });
        found.map(|assignment| assignment.value.as_str())
    }
}

/// As systemd reads a boolean (systemd.syntax(7)).
fn is_true(value: &str) -> bool {
    ["1", "yes", "y", "true", "t", "on"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Whether the lease that `drop_in` repeats is not what its link should have any more: networkd
/// goes by another file by now (`used`, of `files`), or that file asks for no lease any more, and
/// gives the link no address either or one of those that it `has`. An address that networkd has not
/// given it yet counts for nothing, and one beside DHCP is not instead of the lease.
pub(crate) fn superseded(
    drop_in: &Path,
    used: &Path,
    files: &[NetworkFile],
    has: &[Ipv4Addr],
) -> bool {
    let Some(name) = used.file_name() else { return false };
    let mut folder = name.to_owned();
    folder.push(".d");
    if drop_in.parent().and_then(Path::file_name) != Some(&folder) {
        return true;
    }
    let used = files.iter().find(|file| file.path.file_name() == Some(name));
    used.is_some_and(|file| {
        let base = file.without_drop_in(LEASE);
        let mut own = base.addresses().peekable();
        let settled = own.peek().is_none() || own.any(|address| has.contains(&address));
        !base.asks_for_lease() && settled
    })
}

#[cfg(test)]
mod tests {
    use super::super::syntax;
    use super::*;

    const NETPLAN: &str = "/run/systemd/network/10-netplan-enp1s0.network";

    fn file(text: &str) -> NetworkFile {
        let path = Path::new(NETPLAN);
        NetworkFile { path: path.into(), assignments: syntax::parse(path, text) }
    }

    #[test]
    fn a_lease_and_its_mtu_are_taken_where_the_file_says_so() {
        let netplan = file("[Network]\nDHCP=ipv4\n[DHCP]\nRouteMetric=100\nUseMTU=true\n");
        assert!(netplan.asks_for_lease() && netplan.takes_mtu());
        assert!(file("[Network]\nDHCP=yes\n[DHCPv4]\nUseMTU=On\n").takes_mtu());
        for (value, asks) in [("v4", true), ("both", true), ("True", true), ("v6", false)] {
            assert_eq!(
                file(&format!("[Network]\nDHCP={value}\n")).asks_for_lease(),
                asks,
                "{value}"
            );
        }
        assert!(!file("[Network]\nDHCP=ipv6\n").asks_for_lease());
        assert!(!file("[Network]\nDHCP=yes\nDHCP=no\n").asks_for_lease());
        assert!(!file("[Link]\nMTUBytes=9000\n[DHCP]\nUseMTU=true\n").takes_mtu());
        assert!(!file("[Network]\nDHCP=yes\n").takes_mtu());
    }

    #[test]
    fn a_repetition_ends_where_networkd_goes_by_something_else() {
        let drop_in = Path::new("/run/systemd/network/10-netplan-enp1s0.network.d").join(LEASE);
        let (own, leased) = (Ipv4Addr::new(10, 0, 2, 7), Ipv4Addr::new(10, 0, 2, 2));
        let ends = |used: &str, text: &str| {
            let mut file = file(text);
            let repeated = format!("[Address]\nAddress={leased}/24\n");
            file.assignments.extend(syntax::parse(&drop_in, &repeated));
            superseded(&drop_in, Path::new(used), &[file], &[own, leased])
        };
        assert!(!ends(NETPLAN, "[Network]\nDHCP=ipv4\n"));
        assert!(ends(NETPLAN, "[Network]\nAddress=10.0.2.7/24\n"));
        assert!(ends(NETPLAN, "[Address]\nAddress=10.0.2.2/24\n"));
        // A second address beside the lease.
        assert!(!ends(NETPLAN, "[Network]\nDHCP=ipv4\nAddress=10.0.2.7/24\n"));
        // Taken off IPv4 altogether.
        assert!(ends(NETPLAN, "[Network]\nLinkLocalAddressing=ipv6\nAddress=fd00::7/64\n"));
        // Written, and not read by networkd yet.
        assert!(!ends(NETPLAN, "[Network]\nAddress=10.0.2.8/24\n"));
        assert!(ends("/etc/systemd/network/05-person.network", "[Network]\nDHCP=ipv4\n"));
        assert!(!ends("", "[Network]\nDHCP=ipv4\n"));
    }
}
