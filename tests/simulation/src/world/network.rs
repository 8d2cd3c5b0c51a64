//! The link, its DHCP server, and systemd-networkd in between.

use super::{World, come};

/// The link, as the kernel has it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each of them comes about by itself")]
pub struct Link {
    /// It is there.
    pub present: bool,
    /// It is administratively up.
    pub up: bool,
    /// Its other end is there.
    pub carrier: bool,
    /// It has an address, until this time. `None`: it has none.
    pub address: Option<u64>,
    /// A default route leads out of it.
    pub route: bool,
    /// A firewall drops what comes in by it for the server's port.
    pub dropped: bool,
    /// A firewall drops what the guest sends itself for the server's port.
    pub locked: bool,
}

/// The DHCP server.
#[derive(Debug, Clone)]
pub struct Dhcp {
    /// It does not answer.
    pub away: bool,
    /// How long an answer takes.
    pub latency: u64,
    /// How long a lease lives.
    pub lease: u64,
}

/// The process of systemd-networkd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// It runs.
    Runs,
    /// It was stopped, or has failed.
    Stopped,
}

/// Its administrative state of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admin {
    /// udev has not told it of the link yet.
    Pending,
    /// No file matches.
    Unmanaged,
    /// It asks for a lease.
    Configuring,
    /// It is done.
    Configured,
    /// It has given the link up.
    Failed,
}

impl Admin {
    /// networkd's own word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Unmanaged => "unmanaged",
            Self::Configuring => "configuring",
            Self::Configured => "configured",
            Self::Failed => "failed",
        }
    }
}

/// The `.network` file for the link.
#[derive(Debug, Clone, Copy, Default)]
pub struct File {
    /// It wants the MAC address of another pod.
    pub pinned: bool,
    /// It is not there.
    pub missing: bool,
    /// A runtime drop-in, or a whole runtime file, makes the link match in spite of that.
    pub by_name: bool,
}

/// systemd-networkd.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each of them comes about by itself")]
pub struct Networkd {
    /// Whether it runs.
    pub process: Process,
    /// What it goes by.
    pub file: File,
    /// Where it stands with the link.
    pub admin: Admin,
    /// It holds a lease.
    pub lease: bool,
    /// It runs, and is not on the bus any more.
    pub off_bus: bool,
    /// A person masked it.
    pub masked: bool,
    /// How long it waits for udev to tell of a link. In a container there is none.
    pub takes_in: Option<u64>,
    /// A runtime drop-in repeats the last lease.
    pub repeats: bool,
    /// When the address in that is found to be nobody else's.
    pub(super) probed: Option<u64>,
    /// When it is ready to look at links, after its start.
    starts: Option<u64>,
    /// When an answer to its question for a lease comes, or when it asks again.
    asks: Option<u64>,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            present: true,
            up: false,
            carrier: true,
            address: None,
            route: false,
            dropped: false,
            locked: false,
        }
    }
}

impl Default for Dhcp {
    fn default() -> Self {
        Self { away: false, latency: 40, lease: 3_600_000 }
    }
}

impl Default for Networkd {
    fn default() -> Self {
        Self {
            process: Process::Runs,
            file: File::default(),
            admin: Admin::Pending,
            lease: false,
            off_bus: false,
            masked: false,
            takes_in: Some(400),
            repeats: false,
            probed: None,
            starts: None,
            asks: None,
        }
    }
}

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
            process: Process::Runs,
            admin: Admin::Pending,
            lease: false,
            starts: self.networkd.takes_in.map(|time| self.now + time),
            asks: None,
            ..self.networkd
        };
        if self.networkd.takes_in.is_none() {
            self.configure();
        }
        self.network_changed();
    }

    /// systemd-networkd ends. What it has configured stays until the lease is over.
    pub fn stop_networkd(&mut self) {
        self.networkd = Networkd {
            process: Process::Stopped,
            lease: false,
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
        self.networkd.lease = false;
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

    /// `ip link set down`.
    pub fn link_down(&mut self) {
        self.link.up = false;
        self.lose_address();
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
        self.link = Link { present, ..Link::default() };
        self.networkd.lease = false;
        self.networkd.asks = None;
        self.networkd.admin = Admin::Pending;
        if present && self.networkd.process == Process::Runs {
            self.networkd.starts = Some(self.now + self.networkd.takes_in.unwrap_or(0));
        }
        self.network_changed();
    }

    pub(super) fn next_of_network(&self) -> Option<u64> {
        let Networkd { starts, asks, probed, .. } = self.networkd;
        [starts, asks, probed, self.link.address].into_iter().flatten().min()
    }

    pub(super) fn step_network(&mut self) {
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
        if self.dhcp.away {
            self.networkd.asks = Some(self.now + ASKS_AGAIN);
            return;
        }
        self.link.address = Some(self.now + self.dhcp.lease);
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
