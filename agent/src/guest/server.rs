//! The look at the server.

use std::time::Duration;

use super::concern;
use super::current::Current;
use super::real::Shared;
use crate::core::{BootClock, Clock};
use crate::ollama::{self, Ways};

impl Shared {
    /// Looks at the server at uptime `at`. Where another one answers than before, or at another
    /// address, all that hangs on it is looked at too.
    pub(super) async fn look_at_server(&self, current: &Current, at: Duration) {
        let asleep = BootClock.asleep();
        let (address, before) = {
            let facts = current.facts();
            (facts.address(), facts.remembered(asleep))
        };
        let ways = Ways { bus: &self.bus, client: &self.client };
        let own = || self.own(current);
        let waits = current.wanted(at).is_some();
        let config = &current.config.ollama;
        let value = ollama::look(config, ways, address, waits, before, own, at).await;
        let served = current.facts().server();
        current.facts().take_server(at, asleep, value);
        if current.facts().server() != served {
            self.moved.notify_waiters();
            self.waker.wake(concern::STORAGE);
            self.waker.wake(concern::MODEL);
            self.waker.wake(concern::PROOF);
            self.waker.wake(concern::FIREWALL);
        }
    }
}
