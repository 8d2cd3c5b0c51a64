//! From the facts of the network to its conditions. Pure.

use std::time::Duration;

use super::facts::{Facts, MatchFile, Networkd};
use super::repair::{
    ADDRESS_LOST, INITIALIZING, LINK_DOWN, MAC_PINNED, NETWORKD_STOPPED, NO_LEASE, NO_ROUTE,
    UNMANAGED,
};
use crate::core::{Condition, Judgement, Reason, Role};
use crate::guest::{Declared, Remedy};
use crate::links::Seen;

/// The link exists, is up, has a carrier and is looked after.
pub static NETWORK_UP: Condition = Condition {
    name: "NetworkUp",
    concern: "network",
    role: Role::Required,
    needs: &[],
    explained_by: &[],
    grace: Duration::from_secs(30),
};

/// The link has an address and a way out.
pub static ADDRESS_ASSIGNED: Condition = Condition {
    name: "AddressAssigned",
    concern: "network",
    role: Role::Required,
    needs: &["NetworkUp"],
    explained_by: &[],
    grace: Duration::from_secs(30),
};

static LINK_UP: Reason<Remedy> = Reason::good("LinkUp");
static LINK_MISSING: Reason<Remedy> =
    Reason::fault("LinkMissing", "attach the interface to the VM, or name it in network.link");
static NO_CARRIER: Reason<Remedy> =
    Reason::fault("NoCarrier", "the link's other end is down: look at the launcher pod of this VM");
static ASSIGNED: Reason<Remedy> = Reason::good("Assigned");

/// The conditions, and all that can be said of each.
pub static REASONS: &[Declared] = &[
    (
        &NETWORK_UP,
        &[
            &LINK_UP,
            &LINK_MISSING,
            &LINK_DOWN,
            &NO_CARRIER,
            &MAC_PINNED,
            &UNMANAGED,
            &NETWORKD_STOPPED,
            &INITIALIZING,
        ],
    ),
    (&ADDRESS_ASSIGNED, &[&ASSIGNED, &ADDRESS_LOST, &NO_LEASE, &NO_ROUTE]),
];

/// Judges the network.
#[must_use]
pub fn check(facts: &Facts) -> Vec<Judgement<Remedy>> {
    let link = match &facts.link {
        Ok(link) => link,
        Err(why) => return vec![Judgement::new(&NETWORK_UP, &LINK_MISSING, why.as_str())],
    };
    let (up, message) = network_up(facts, link);
    let mut judgements = vec![Judgement::new(&NETWORK_UP, up, message)];
    let (assigned, message) = address_assigned(facts, link);
    judgements.push(Judgement::new(&ADDRESS_ASSIGNED, assigned, message));
    judgements
}

fn network_up(facts: &Facts, link: &Seen) -> (&'static Reason<Remedy>, String) {
    let name = &link.link.name;
    if link.up && link.carrier && facts.address.is_some() && facts.route.is_some() {
        // It works. Who looks after it is not the agent's business.
        return (&LINK_UP, format!("{name} is up"));
    }
    match &facts.networkd {
        Networkd::NotRunning => {
            return (&NETWORKD_STOPPED, "systemd-networkd does not run".into());
        }
        Networkd::Running { state, .. } if state == "unmanaged" => {
            return match &facts.file {
                MatchFile::Pinned { file, wanted } => {
                    (&MAC_PINNED, format!("{file} wants MAC {wanted}, which {name} has not"))
                }
                _ => (&UNMANAGED, format!("networkd leaves {name} alone: no file matches it")),
            };
        }
        Networkd::Running { state, .. }
            if matches!(state.as_str(), "pending" | "initialized" | "") =>
        {
            return (&INITIALIZING, format!("networkd takes {name} in"));
        }
        Networkd::Running { .. } | Networkd::Unreadable(_) => {}
    }
    if !link.up {
        (&LINK_DOWN, format!("{name} is administratively down"))
    } else if link.carrier {
        (&LINK_UP, format!("{name} is up"))
    } else {
        (&NO_CARRIER, format!("{name} has no carrier"))
    }
}

fn address_assigned(facts: &Facts, link: &Seen) -> (&'static Reason<Remedy>, String) {
    let name = &link.link.name;
    match (facts.address, facts.route) {
        (Some((address, prefix)), Some(route)) => {
            let via = route.gateway.map_or_else(|| "the link".into(), |via| via.to_string());
            (&ASSIGNED, format!("{name} has {address}/{prefix} via {via}"))
        }
        (Some((address, prefix)), None) => {
            (&NO_ROUTE, format!("{name} has {address}/{prefix} and no default route"))
        }
        (None, _) => match &facts.networkd {
            Networkd::Running { lease: true, .. } => {
                (&ADDRESS_LOST, format!("networkd holds a lease for {name}, which has no address"))
            }
            Networkd::Running { state, .. } if state == "configured" => {
                (&ADDRESS_LOST, format!("networkd holds {name} for configured; it has no address"))
            }
            Networkd::Running { state, .. } => {
                (&NO_LEASE, format!("{name} has no IPv4 address; networkd says {state}"))
            }
            Networkd::NotRunning | Networkd::Unreadable(_) => {
                (&NO_LEASE, format!("{name} has no IPv4 address"))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::facts::Route;
    use super::*;
    use crate::network_file::Link;

    fn healthy() -> Facts {
        Facts {
            link: Ok(Seen {
                link: Link { name: "enp1s0".into(), ..Link::default() },
                index: 2,
                up: true,
                carrier: true,
                loopback: false,
            }),
            address: Some((Ipv4Addr::new(10, 0, 2, 2), 24)),
            route: Some(Route { gateway: Some(Ipv4Addr::new(10, 0, 2, 1)) }),
            networkd: running("configured", true),
            file: MatchFile::Matches,
        }
    }

    fn running(state: &str, lease: bool) -> Networkd {
        Networkd::Running { state: state.into(), lease }
    }

    fn reasons(facts: &Facts) -> Vec<&'static str> {
        let judgements = check(facts);
        judgements.iter().map(|judgement| judgement.reason.name).collect()
    }

    #[test]
    fn a_healthy_link_is_up_and_assigned() {
        assert_eq!(reasons(&healthy()), ["LinkUp", "Assigned"]);
    }

    #[test]
    fn what_works_is_left_alone_whoever_configured_it() {
        for networkd in [
            Networkd::NotRunning,
            running("unmanaged", false),
            Networkd::Unreadable("no answer".into()),
        ] {
            assert_eq!(reasons(&Facts { networkd, ..healthy() }), ["LinkUp", "Assigned"]);
        }
    }

    #[test]
    fn the_incident_is_a_pinned_mac_and_not_merely_a_link_that_is_down() {
        let mut facts = healthy();
        facts.address = None;
        facts.route = None;
        facts.networkd = running("unmanaged", false);
        facts.file = MatchFile::Pinned {
            file: "/run/systemd/network/10-netplan-enp1s0.network".into(),
            wanted: "52:54:00:aa:bb:01".into(),
        };
        if let Ok(link) = &mut facts.link {
            link.up = false;
        }
        assert_eq!(reasons(&facts).first(), Some(&"MacPinned"));
        facts.file = MatchFile::Missing;
        assert_eq!(reasons(&facts).first(), Some(&"Unmanaged"));
    }

    #[test]
    fn a_lost_address_is_told_from_one_that_never_came() {
        let none = Facts { address: None, route: None, ..healthy() };
        let with = |networkd| reasons(&Facts { networkd, ..none.clone() });
        assert_eq!(with(running("configured", false)), ["LinkUp", "AddressLost"]);
        assert_eq!(with(running("configuring", true)), ["LinkUp", "AddressLost"]);
        assert_eq!(with(running("configuring", false)), ["LinkUp", "NoLease"]);
    }

    #[test]
    fn without_a_link_there_is_nothing_else_to_say() {
        let facts = Facts { link: Err("no link is named enp1s0".into()), ..healthy() };
        assert_eq!(reasons(&facts), ["LinkMissing"]);
    }
}
