//! The parts of the network: the link, its DHCP server, and systemd-networkd in between.

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
    /// When resolved knows the name servers that came with it.
    pub names_from: u64,
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
    /// It has given the link up, with a lease that it had got.
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
    /// So often what it configures fails.
    pub fails: u8,
    /// A person masked it.
    pub masked: bool,
    /// How long it waits for udev to tell of a link. In a container there is none.
    pub takes_in: Option<u64>,
    /// A runtime drop-in repeats the last lease.
    pub repeats: bool,
    /// When the address in that is found to be nobody else's.
    pub(super) probed: Option<u64>,
    /// When it is on the bus, after its start.
    pub(super) ready: Option<u64>,
    /// When udev tells it of the link.
    pub(super) starts: Option<u64>,
    /// How long it takes at most from a lease to its address.
    pub sets_in: u64,
    /// When it came to run.
    pub came: u64,
    /// When an answer to its question for a lease comes, or when it asks again.
    pub(super) asks: Option<u64>,
    /// The answer has come, and what is waited for is the address.
    pub(super) answered: bool,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            present: true,
            up: false,
            carrier: true,
            address: None,
            names_from: 0,
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
            fails: 0,
            masked: false,
            takes_in: Some(400),
            repeats: false,
            probed: None,
            ready: None,
            starts: None,
            asks: None,
            sets_in: 0,
            came: 0,
            answered: false,
        }
    }
}
