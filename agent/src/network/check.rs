//! From the facts of the network to its conditions. Pure.

use std::time::Duration;

use super::facts::{Facts, MatchFile, Networkd, Ours, Standing};
use super::repair::{
    ADDRESS_LOST, CONFIGURATION_FAILED, INITIALIZING, LEASE_BACK, LEASE_GONE, LEFT_OVER, LINK_DOWN,
    MAC_PINNED, NETWORKD_OFF_BUS, NETWORKD_STOPPED, NO_LEASE, NO_ROUTE, SUPERSEDED, UNMANAGED,
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

/// No file of the agent's own stands between the network and its configuration. It works with
/// one; only a person can make it unneeded.
pub static NETWORK_AS_CONFIGURED: Condition = Condition {
    name: "NetworkAsConfigured",
    concern: "network",
    role: Role::Advisory,
    // While something is wrong, the file may be what mends it.
    needs: &["NetworkUp", "AddressAssigned"],
    explained_by: &[],
    grace: Duration::ZERO,
};

static LINK_UP: Reason<Remedy> = Reason::good("LinkUp");
static LINK_MISSING: Reason<Remedy> =
    Reason::fault("LinkMissing", "attach the interface to the VM, or name it in network.link");
static NO_CARRIER: Reason<Remedy> =
    Reason::fault("NoCarrier", "the link's other end is down: look at the launcher pod of this VM");
static NETWORKD_MASKED: Reason<Remedy> = Reason::fault(
    "NetworkdMasked",
    "a person masked it: systemctl unmask systemd-networkd.service",
);
static NETWORKD_OUT_OF_USE: Reason<Remedy> = Reason::fault(
    "NetworkdOutOfUse",
    "systemctl enable --now systemd-networkd.service, or see to whatever runs the network instead",
);
static ASSIGNED: Reason<Remedy> = Reason::good("Assigned");
static REPEATED: Reason<Remedy> = Reason::good("Repeated");
static LEASE_REPEATED: Reason<Remedy> = Reason::fault(
    "LeaseRepeated",
    "no DHCP server answers: look at the launcher pod of this VM; the agent takes its file away then",
);
static AS_CONFIGURED: Reason<Remedy> = Reason::good("AsConfigured");
static OVERRIDDEN: Reason<Remedy> = Reason::fault(
    "Overridden",
    "mend the netplan file and run netplan apply; the agent then takes its own file away",
);
static UNREADABLE: Reason<Remedy> =
    Reason::unknown("Unreadable", "see the permissions of /run/systemd/network");

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
            &NETWORKD_OFF_BUS,
            &NETWORKD_MASKED,
            &NETWORKD_OUT_OF_USE,
            &CONFIGURATION_FAILED,
            &INITIALIZING,
        ],
    ),
    (&ADDRESS_ASSIGNED, &[&ASSIGNED, &REPEATED, &ADDRESS_LOST, &NO_LEASE, &LEASE_GONE, &NO_ROUTE]),
    (
        &NETWORK_AS_CONFIGURED,
        &[
            &AS_CONFIGURED,
            &LEASE_REPEATED,
            &LEASE_BACK,
            &SUPERSEDED,
            &OVERRIDDEN,
            &LEFT_OVER,
            &UNREADABLE,
        ],
    ),
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
    let (reason, message) = as_configured(facts);
    judgements.push(Judgement::new(&NETWORK_AS_CONFIGURED, reason, message));
    judgements
}

fn as_configured(facts: &Facts) -> (&'static Reason<Remedy>, String) {
    match &facts.repeats {
        Some(file) if facts.has_lease() || !facts.may_repeat => {
            return (&LEASE_BACK, format!("{file} is not needed any more"));
        }
        Some(file) if facts.superseded => {
            return (&SUPERSEDED, format!("the link is configured otherwise than by {file}"));
        }
        Some(file) => return (&LEASE_REPEATED, format!("the address stands in {file}")),
        None => {}
    }
    match &facts.ours {
        Ours::None => (&AS_CONFIGURED, "no file of the agent's is in place".into()),
        Ours::Needed(file) => (&OVERRIDDEN, format!("the link depends on {file}")),
        Ours::LeftOver(file) => (&LEFT_OVER, format!("{file} is not needed any more")),
        Ours::Unreadable(why) => (&UNREADABLE, why.clone()),
    }
}

fn network_up(facts: &Facts, link: &Seen) -> (&'static Reason<Remedy>, String) {
    let name = &link.link.name;
    if facts.works() {
        // It works. Who looks after it is not the agent's business.
        return (&LINK_UP, format!("{name} is up"));
    }
    match &facts.networkd {
        Networkd::NotRunning(standing) => return not_running(standing),
        // Without a carrier there is nothing to be configured.
        Networkd::Running { state, .. } if state == "failed" && (link.carrier || !link.up) => {
            return (&CONFIGURATION_FAILED, format!("networkd has given {name} up"));
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

fn not_running(standing: &Standing) -> (&'static Reason<Remedy>, String) {
    match standing {
        Standing::Startable => (&NETWORKD_STOPPED, "systemd-networkd does not run".into()),
        Standing::OffBus => {
            (&NETWORKD_OFF_BUS, "systemd-networkd runs and has lost the system bus".into())
        }
        Standing::Masked => (&NETWORKD_MASKED, "systemd-networkd is masked".into()),
        Standing::OutOfUse(state) => {
            (&NETWORKD_OUT_OF_USE, format!("systemd-networkd does not run and is {state}"))
        }
    }
}

fn address_assigned(facts: &Facts, link: &Seen) -> (&'static Reason<Remedy>, String) {
    let name = &link.link.name;
    match (facts.address, facts.route) {
        (Some((address, prefix)), Some(route)) => {
            let via = route.gateway.map_or_else(|| "the link".into(), |via| via.to_string());
            if facts.repeats.is_some() && !facts.has_lease() && !facts.superseded {
                let message = format!("{name} keeps {address}/{prefix} via {via} without a lease");
                return (&REPEATED, message);
            }
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
                let reason = if facts.may_repeat { &LEASE_GONE } else { &NO_LEASE };
                (reason, format!("{name} has no IPv4 address; networkd says {state}"))
            }
            Networkd::NotRunning(_) | Networkd::Unreadable(_) => {
                (&NO_LEASE, format!("{name} has no IPv4 address"))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(state: &str, lease: bool) -> Networkd {
        Networkd::Running { state: state.into(), lease }
    }

    fn reasons(facts: &Facts) -> Vec<&'static str> {
        let judgements = check(facts);
        judgements.iter().map(|judgement| judgement.reason.name).collect()
    }

    #[test]
    fn a_healthy_link_is_up_and_assigned() {
        assert_eq!(reasons(&Facts::fake()), ["LinkUp", "Assigned", "AsConfigured"]);
    }

    #[test]
    fn what_works_is_left_alone_whoever_configured_it() {
        for networkd in [
            Networkd::NotRunning(Standing::Masked),
            running("unmanaged", false),
            Networkd::Unreadable("no answer".into()),
        ] {
            assert_eq!(
                reasons(&Facts { networkd, ..Facts::fake() }),
                ["LinkUp", "Assigned", "AsConfigured"]
            );
        }
    }

    #[test]
    fn the_incident_is_a_pinned_mac_and_not_merely_a_link_that_is_down() {
        let mut facts = Facts::fake();
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
        let none = Facts { address: None, route: None, ..Facts::fake() };
        let with = |networkd| {
            let all = reasons(&Facts { networkd, ..none.clone() });
            [all[0], all[1]]
        };
        assert_eq!(with(running("configured", false)), ["LinkUp", "AddressLost"]);
        assert_eq!(with(running("configuring", true)), ["LinkUp", "AddressLost"]);
        assert_eq!(with(running("configuring", false)), ["LinkUp", "NoLease"]);
    }

    #[test]
    fn a_networkd_that_must_not_be_started_is_told_from_one_that_stopped() {
        let none = Facts { address: None, route: None, ..Facts::fake() };
        for (networkd, expected) in [
            (Networkd::NotRunning(Standing::Startable), "NetworkdStopped"),
            (Networkd::NotRunning(Standing::OffBus), "NetworkdOffBus"),
            (Networkd::NotRunning(Standing::Masked), "NetworkdMasked"),
            (Networkd::NotRunning(Standing::OutOfUse("disabled".into())), "NetworkdOutOfUse"),
            (running("failed", false), "ConfigurationFailed"),
        ] {
            assert_eq!(reasons(&Facts { networkd, ..none.clone() })[0], expected);
        }
    }

    #[test]
    fn a_file_of_the_agent_s_own_is_told_and_one_too_many_is_withdrawn() {
        for (ours, expected) in [
            (Ours::Needed("x".into()), "Overridden"),
            (Ours::LeftOver("x".into()), "LeftOver"),
            (Ours::Unreadable("x".into()), "Unreadable"),
        ] {
            assert_eq!(reasons(&Facts { ours, ..Facts::fake() })[2], expected);
        }
    }

    #[test]
    fn a_repeated_lease_is_told_and_ends_with_the_next_one() {
        let repeats = Some("x".to_owned());
        let held = Facts { repeats, may_repeat: true, ..Facts::fake() };
        assert_eq!(reasons(&held), ["LinkUp", "Assigned", "LeaseBack"]);
        let alone = Facts { networkd: running("configured", false), ..held };
        assert_eq!(reasons(&alone), ["LinkUp", "Repeated", "LeaseRepeated"]);
        let other = Facts { superseded: true, ..alone.clone() };
        assert_eq!(reasons(&other), ["LinkUp", "Assigned", "Superseded"]);
        let off = Facts { may_repeat: false, ..alone };
        assert_eq!(reasons(&off), ["LinkUp", "Repeated", "LeaseBack"]);
        let gone = Facts {
            address: None,
            route: None,
            networkd: running("configuring", false),
            may_repeat: true,
            ..Facts::fake()
        };
        assert_eq!(reasons(&gone)[1], "LeaseGone");
    }

    #[test]
    fn without_a_link_there_is_nothing_else_to_say() {
        let facts = Facts { link: Err("no link is named enp1s0".into()), ..Facts::fake() };
        assert_eq!(reasons(&facts), ["LinkMissing"]);
    }
}
