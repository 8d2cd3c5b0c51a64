//! The network's ladders and remedies. The smallest that can help comes first: configure the
//! link anew, free it from a pinned MAC by a runtime file, and only then restart networkd.

use std::time::Duration;

use super::networkd::MANAGER;
use crate::bus::Bus;
use crate::config;
use crate::core::{Budget, Outcome, Reason, Rung};
use crate::fix;
use crate::guest::Remedy as Any;

/// An action on the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// networkd configures the link anew: brings it up, asks for a lease.
    Reconfigure,
    /// A runtime drop-in makes the link match by name, or is withdrawn where it is not needed
    /// any more; networkd reloads, and configures a link that has no address.
    MatchByName,
    /// systemd-networkd is restarted.
    RestartNetworkd,
    /// A runtime drop-in repeats the last lease, or is withdrawn where there is one again, or
    /// the link is configured otherwise.
    RepeatLease,
}

impl Remedy {
    /// Every remedy of this concern.
    pub const ALL: [Self; 4] =
        [Self::Reconfigure, Self::MatchByName, Self::RestartNetworkd, Self::RepeatLease];

    /// `network/…`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reconfigure => "network/Reconfigure",
            Self::MatchByName => "network/MatchByName",
            Self::RestartNetworkd => "network/RestartNetworkd",
            Self::RepeatLease => "network/RepeatLease",
        }
    }

    /// How often it may run. Configuring a link without a lease anew takes nothing from
    /// anyone, so it may go on for as long as a DHCP server is away.
    #[must_use]
    pub fn budget(self) -> Budget {
        match self {
            Self::Reconfigure => Budget::hourly(90),
            Self::MatchByName | Self::RepeatLease => Budget::hourly(12),
            Self::RestartNetworkd => Budget::hourly(4),
        }
    }

    /// How long it may take.
    #[must_use]
    pub fn deadline(self) -> Duration {
        match self {
            // networkd is waited for, see `Bus::act`.
            Self::Reconfigure => Duration::from_secs(25),
            // Their helper, which a guest that boots starts late, and networkd twice.
            Self::MatchByName | Self::RepeatLease => Duration::from_secs(60),
            // The helper waits for systemd's job for 200 s.
            Self::RestartNetworkd => Duration::from_secs(210),
        }
    }
}

const RECONFIGURE: Any = Any::Network(Remedy::Reconfigure);
const MATCH_BY_NAME: Any = Any::Network(Remedy::MatchByName);
const RESTART_NETWORKD: Any = Any::Network(Remedy::RestartNetworkd);
const REPEAT_LEASE: Any = Any::Network(Remedy::RepeatLease);

// networkd takes a link in within a second once udev has seen it.
pub(super) static INITIALIZING: Reason<Any> = Reason::passing(
    "Initializing",
    "see networkctl status and journalctl -u systemd-networkd -u systemd-udevd",
)
.mended_by(30_000, &[Rung::new(RESTART_NETWORKD, 1, 30)]);

pub(super) static LINK_DOWN: Reason<Any> =
    Reason::fault("LinkDown", "see networkctl status and journalctl -u systemd-networkd")
        .mended_by(500, &[Rung::new(RECONFIGURE, 2, 5), Rung::new(RESTART_NETWORKD, 1, 15)]);

pub(super) static MAC_PINNED: Reason<Any> =
    Reason::fault("MacPinned", "remove the MAC from the netplan file, then run netplan apply")
        .mended_by(500, &[Rung::new(MATCH_BY_NAME, 2, 5), Rung::new(RESTART_NETWORKD, 1, 15)]);

pub(super) static UNMANAGED: Reason<Any> = Reason::fault(
    "Unmanaged",
    "no .network file matches the link: see networkctl status and /etc/netplan",
)
.mended_by(3000, &[Rung::new(MATCH_BY_NAME, 2, 5), Rung::new(RESTART_NETWORKD, 1, 15)]);

pub(super) static NETWORKD_STOPPED: Reason<Any> =
    Reason::fault("NetworkdStopped", "see systemctl status systemd-networkd")
        .mended_by(5000, &[Rung::new(RESTART_NETWORKD, 2, 15)]);

// It may just be about to come to the bus, at its start.
pub(super) static NETWORKD_OFF_BUS: Reason<Any> =
    Reason::fault("NetworkdOffBus", "see systemctl status systemd-networkd dbus")
        .mended_by(5000, &[Rung::new(RESTART_NETWORKD, 2, 15)]);

// What stood in its way may have passed: networkd does not try again by itself.
pub(super) static CONFIGURATION_FAILED: Reason<Any> = Reason::fault(
    "ConfigurationFailed",
    "see why in journalctl -u systemd-networkd; then networkctl reconfigure",
)
.mended_by(
    1000,
    &[
        Rung::new(RECONFIGURE, 3, 5),
        Rung::new(RESTART_NETWORKD, 1, 15),
        Rung::forever(RECONFIGURE, 60, 300),
    ],
);

// Patience: a person who mends the netplan file may be at work on it.
pub(super) static LEFT_OVER: Reason<Any> =
    Reason::fault("LeftOver", "systemctl start saigak-fix-network-match, then networkctl reload")
        .mended_by(3000, &[Rung::new(MATCH_BY_NAME, 3, 5)]);

pub(super) static ADDRESS_LOST: Reason<Any> =
    Reason::fault("AddressLost", "see networkctl status and journalctl -u systemd-networkd")
        .mended_by(500, &[Rung::new(RECONFIGURE, 2, 5), Rung::new(RESTART_NETWORKD, 1, 15)]);

pub(super) static NO_LEASE: Reason<Any> = Reason::fault(
    "NoLease",
    "no DHCP server answers on this link: look at the launcher pod of this VM",
)
.mended_by(
    10_000,
    &[
        Rung::new(RECONFIGURE, 2, 10),
        Rung::new(RESTART_NETWORKD, 1, 15),
        Rung::forever(RECONFIGURE, 30, 60),
    ],
);

// As above where `network.repeat_lease` is on. That the address is nobody else's takes networkd
// seven seconds to find out (RFC 5227).
pub(super) static LEASE_GONE: Reason<Any> = Reason::fault(
    "LeaseGone",
    "no DHCP server answers on this link: look at the launcher pod of this VM",
)
.mended_by(
    10_000,
    &[
        Rung::new(RECONFIGURE, 1, 10),
        Rung::new(REPEAT_LEASE, 2, 15),
        Rung::new(RESTART_NETWORKD, 1, 15),
        Rung::forever(RECONFIGURE, 30, 60),
    ],
);

pub(super) static LEASE_BACK: Reason<Any> =
    Reason::fault("LeaseBack", "systemctl start saigak-fix-network-lease, then networkctl reload")
        .mended_by(1000, &[Rung::new(REPEAT_LEASE, 3, 5)]);

// As with a file that is left over: whoever configures the link may be at work on it.
pub(super) static SUPERSEDED: Reason<Any> =
    Reason::fault("Superseded", "systemctl start saigak-fix-network-lease, then networkctl reload")
        .mended_by(3000, &[Rung::new(REPEAT_LEASE, 3, 5)]);

pub(super) static NO_ROUTE: Reason<Any> =
    Reason::fault("NoRoute", "see ip route and networkctl status")
        .mended_by(2000, &[Rung::new(RECONFIGURE, 2, 5), Rung::new(RESTART_NETWORKD, 1, 15)]);

/// Carries out one remedy.
pub async fn apply(remedy: Remedy, config: &config::Network, bus: &Bus) -> Outcome {
    match remedy {
        Remedy::Reconfigure => reconfigure(config, bus).await,
        Remedy::MatchByName => match fix::call(fix::Name::NetworkMatch).await.into() {
            Outcome::Succeeded(wrote) => {
                if let Err(error) = bus.act(MANAGER, "Reload", &()).await {
                    return Outcome::Failed(error.to_string());
                }
                // A link that works is not disturbed: to configure it anew takes its address
                // away for a moment.
                if super::look(config, bus).await.is_ok_and(|facts| facts.works()) {
                    return Outcome::Succeeded(wrote);
                }
                match reconfigure(config, bus).await {
                    Outcome::Succeeded(_) => Outcome::Succeeded(wrote),
                    other => other,
                }
            }
            other => other,
        },
        Remedy::RepeatLease => match fix::call(fix::Name::NetworkLease).await.into() {
            Outcome::Succeeded(wrote) => match bus.act(MANAGER, "Reload", &()).await {
                Ok(()) => Outcome::Succeeded(wrote),
                Err(error) => Outcome::Failed(error.to_string()),
            },
            other => other,
        },
        Remedy::RestartNetworkd => fix::call(fix::Name::NetworkRestart).await.into(),
    }
}

async fn reconfigure(config: &config::Network, bus: &Bus) -> Outcome {
    // The link is looked up anew: its index may have changed since it was seen.
    let link = match super::look(config, bus).await {
        Ok(facts) => facts.link,
        Err(error) => return Outcome::Failed(error),
    };
    let link = match link {
        Ok(link) => link,
        Err(why) => return Outcome::Refused(why),
    };
    let Ok(index) = i32::try_from(link.index) else {
        return Outcome::Failed(format!("link index {} is out of range", link.index));
    };
    match bus.act(MANAGER, "ReconfigureLink", &(index,)).await {
        Ok(()) => Outcome::Succeeded(format!("networkd configures {} anew", link.link.name)),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}
