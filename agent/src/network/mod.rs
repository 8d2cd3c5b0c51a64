//! The guest's link to the cluster.
//!
//! Facts: the link and its addresses and routes by netlink (never by /sys, which shows
//! another namespace's links in a container), systemd-networkd's view of it by D-Bus, and
//! the `.network` file that should match it.
//!
//! | condition | holds when |
//! |---|---|
//! | `NetworkUp` | the link exists, is up, has a carrier, and networkd manages it or it works without |
//! | `AddressAssigned` | it has a global IPv4 address and a default route leads out of it |
//! | `NetworkAsConfigured` | no file of the agent's own is needed for that, or left over |

mod check;
mod facts;
mod lease;
mod networkd;
mod repair;

pub use check::{ADDRESS_ASSIGNED, NETWORK_AS_CONFIGURED, NETWORK_UP, REASONS, check};
pub use facts::{Facts, MatchFile, Networkd, Ours, Route, Standing, look};
pub(crate) use lease::{Holding, Lease, Way};
pub(crate) use networkd::MANAGER;
pub use repair::{Remedy, apply};
