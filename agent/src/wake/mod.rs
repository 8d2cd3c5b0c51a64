//! Event sources. An event only asks for a look: what it says is not believed, so a lost, a
//! doubled or a forged one changes nothing but the time at which something is seen.
//!
//! Each source runs until the agent ends. One that breaks is opened anew after a pause, and
//! a look is asked for, since something may have been missed meanwhile.

mod bus;
mod mounts;
mod netlink;

use std::sync::Arc;
use std::time::Duration;

use crate::bus::Bus;
use crate::core::reconcile::Waker;

/// The pause before a broken source is opened anew.
const PAUSE: Duration = Duration::from_secs(5);

/// Starts all sources. `unit` is the server's.
pub fn start(waker: &Arc<Waker>, bus: &Arc<Bus>, unit: &str) {
    tokio::spawn(netlink::watch(Arc::clone(waker)));
    mounts::watch(Arc::clone(waker));
    tokio::spawn(bus::watch(Arc::clone(waker), Arc::clone(bus), unit.to_owned()));
}
