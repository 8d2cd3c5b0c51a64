//! What becomes of the link, its address, and systemd-networkd.

use super::{Admin, Link, Networkd, Process, World, come};

/// How long networkd takes from its start until it is on the bus, and answers there.
pub const READY_IN: u64 = 200;

/// How long resolved takes at most to hear of the name servers.
const NAMES: u64 = 200;

/// How long it waits for an answer before it asks again: RFC 2131 has it grow to a minute.
const ASKS_AGAIN: u64 = 16_000;

impl World {
    /// Whether the link's file matches it.
    #[must_use]
    pub fn file_matches(&self) -> bool {
        let file = self.networkd.file;
        file.by_name || !(file.pinned || file.missing)
    }

    pub(super) fn boot_network(&mut self) {
        self.link = Link { up: false, address: None, route: false, ..self.link.clone() };
        // Both lie under /run.
        self.networkd.file.by_name = false;
        self.networkd.repeats = false;
        self.link.dropped = false;
        self.link.locked = false;
        self.start_networkd();
    }

    /// systemd-networkd is started, or started anew.
    pub fn start_networkd(&mut self) {
        if self.networkd.masked {
            return;
        }
        self.networkd = Networkd {
            off_bus: false,
            probed: None,
            process: Process::Stopped,
            admin: Admin::Pending,
            lease: false,
            ready: Some(self.now + READY_IN),
            starts: None,
            asks: None,
            ..self.networkd
        };
        self.network_changed();
    }

    /// systemd-networkd ends. What it has configured stays until the lease is over.
    pub fn stop_networkd(&mut self) {
        self.networkd = Networkd {
            process: Process::Stopped,
            lease: false,
            ready: None,
            starts: None,
            asks: None,
            ..self.networkd
        };
    }

    /// networkd configures the link anew. Says whether it could be asked to.
    pub fn configure(&mut self) -> bool {
        if self.networkd.process == Process::Stopped || !self.link.present {
            return false;
        }
        // It keeps the lease of a link that it had given up until the next one.
        self.networkd.lease &= self.networkd.admin == Admin::Failed;
        self.networkd.asks = None;
        if self.file_matches() {
            self.link.up = true;
            self.link.address = None;
            self.link.route = false;
            self.networkd.admin = Admin::Configuring;
            self.ask();
            self.probe_address();
        } else {
            self.networkd.admin = Admin::Unmanaged;
        }
        self.network_changed();
        true
    }

    fn ask(&mut self) {
        if self.link.carrier && self.link.up {
            self.networkd.asks = Some(self.now + self.dhcp.latency);
            self.networkd.answered = false;
        }
    }

    /// Address and route are gone; networkd, if it runs, knows.
    fn lose_address(&mut self) {
        self.link.address = None;
        self.link.route = false;
        if self.networkd.process == Process::Runs {
            self.networkd.lease = false;
            self.networkd.asks = None;
            if self.file_matches() {
                self.networkd.admin = Admin::Configuring;
            }
        }
        self.network_changed();
    }

    /// `ip link set down`: the kernel forgets its routes, and keeps its address.
    pub fn link_down(&mut self) {
        self.link.up = false;
        self.link.route = false;
        self.network_changed();
    }

    /// `ip address flush`: networkd keeps its lease, and does not see it.
    pub fn flush(&mut self) {
        self.link.address = None;
        self.link.route = false;
        self.network_changed();
    }

    /// networkd fails to configure the link, and gives it up.
    pub fn give_link_up(&mut self) {
        if self.networkd.process == Process::Runs {
            self.lose_address();
            self.networkd.admin = Admin::Failed;
            self.networkd.lease = true;
        }
    }

    /// The default route is deleted.
    pub fn drop_route(&mut self) {
        self.link.route = false;
        self.network_changed();
    }

    /// The cable is cut, or plugged in again.
    pub fn plug(&mut self, carrier: bool) {
        if self.link.carrier == carrier {
            return;
        }
        self.link.carrier = carrier;
        if carrier {
            if self.networkd.process == Process::Runs && self.file_matches() && self.link.up {
                self.ask();
                self.probe_address();
            }
            self.network_changed();
        } else {
            self.lose_address();
        }
    }

    /// The link is taken away, or comes.
    pub fn attach_link(&mut self, present: bool) {
        if self.link.present == present {
            return;
        }
        // Rules name the link, and stay without it.
        let Link { dropped, locked, .. } = self.link;
        self.link = Link { present, dropped, locked, ..Link::default() };
        self.networkd.lease = false;
        self.networkd.asks = None;
        self.networkd.admin = Admin::Pending;
        if present && self.networkd.process == Process::Runs {
            self.networkd.starts = Some(self.now + self.networkd.takes_in.unwrap_or(0));
        }
        self.network_changed();
    }

    pub(super) fn next_of_network(&self) -> Option<u64> {
        let Networkd { ready, starts, asks, probed, .. } = self.networkd;
        [ready, starts, asks, probed, self.link.address].into_iter().flatten().min()
    }

    pub(super) fn step_network(&mut self) {
        if come(&mut self.networkd.ready, self.now) {
            self.networkd.process = Process::Runs;
            self.networkd.came = self.now;
            match self.networkd.takes_in {
                Some(time) => self.networkd.starts = Some(self.now + time),
                None => drop(self.configure()),
            }
            self.network_changed();
        }
        if come(&mut self.networkd.starts, self.now) {
            self.configure();
        }
        if come(&mut self.networkd.asks, self.now) {
            self.answer();
        }
        if come(&mut self.networkd.probed, self.now) {
            self.take_address();
        }
        if self.link.address.is_some_and(|until| until <= self.now) {
            self.renew();
        }
    }

    fn answer(&mut self) {
        if !self.link.carrier || !self.link.up {
            return;
        }
        if self.dhcp.away && !self.networkd.answered {
            self.networkd.asks = Some(self.now + ASKS_AGAIN);
            return;
        }
        if self.networkd.fails > 0 {
            self.networkd.fails -= 1;
            // It tries again by itself.
            if self.networkd.fails > 0 {
                self.ask();
            } else {
                self.give_link_up();
            }
            return;
        }
        if self.networkd.sets_in > 0 && !self.networkd.answered {
            self.networkd.answered = true;
            self.networkd.lease = true;
            self.networkd.asks = Some(self.now + self.up_to(self.networkd.sets_in));
            self.network_changed();
            return;
        }
        self.networkd.answered = false;
        self.link.address = Some(self.now + self.dhcp.lease);
        self.link.names_from = self.now + self.chance.u64(..NAMES);
        self.link.route = true;
        self.networkd.lease = true;
        self.networkd.admin = Admin::Configured;
        self.network_changed();
    }

    /// The lease is over: networkd has had it renewed, or could not.
    fn renew(&mut self) {
        let renewed = self.networkd.process == Process::Runs
            && self.networkd.lease
            && self.link.carrier
            && self.link.up
            && !self.dhcp.away;
        if renewed {
            self.link.address = Some(self.now + self.dhcp.lease);
            return;
        }
        self.lose_address();
        if self.networkd.process == Process::Runs && self.file_matches() {
            self.ask();
        }
    }
}
