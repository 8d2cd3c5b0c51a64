//! What can be wrong with a guest. Named after the lab's scenarios, which play the same in a
//! booted guest.

use saigak_agent::guest::concern;

use crate::world::{Alias, Bound, Flaw, Load, Process, Runner, Source, Store, World};

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// `ip link set down`.
    LinkDown,
    /// `ip address flush`.
    Flushed,
    /// The default route is deleted.
    RouteGone,
    /// The cable is cut outside of the guest.
    CableCut,
    /// The link is taken away.
    LinkGone,
    /// The DHCP server goes away, and the address with it.
    DhcpAway,
    /// netplan is pinned to the MAC address of a pod that is gone, and the guest boots.
    MacPinned,
    /// No file matches the link any more, and networkd is restarted.
    FileGone,
    /// systemd-networkd is stopped, and the address is flushed.
    NetworkdStopped,
    /// networkd gives the link up.
    NetworkdFailed,
    /// It loses the bus, and the address is flushed.
    NetworkdOffBus,
    /// A person masks it, it is stopped, and the address is flushed.
    NetworkdMasked,
    /// A firewall drops the server's port.
    Firewall,
    /// A firewall drops what the guest itself sends to the server's port.
    LockedOut,
    /// The tree on the data disk belongs to root.
    Taken,
    /// The data disk is unmounted.
    Unmounted,
    /// The data disk is full.
    Full,
    /// The data disk has no inodes left.
    NoInodes,
    /// The data disk turns read-only.
    ReadOnly,
    /// The data disk answers nothing any more.
    DiskHangs,
    /// The data disk takes no writes any more.
    WritesHang,
    /// A directory above the data disk lets nobody pass.
    ParentClosed,
    /// The server is killed.
    Killed,
    /// Its unit is stopped.
    Stopped,
    /// It is stopped by a signal.
    Frozen,
    /// The same, and it does not listen to SIGTERM.
    Deaf,
    /// Its unit runs into the start limit.
    Limited,
    /// It ends as soon as it is started.
    Crashes,
    /// Its unit is masked, and the server stopped.
    Masked,
    /// The server's program is gone, and the server killed.
    ProgramGone,
    /// The server is killed, and somebody else takes its port.
    PortTaken,
    /// It listens on 127.0.0.1 only.
    Loopback,
    /// The same, by an environment file.
    LoopbackForGood,
    /// It listens at another port.
    Moved,
    /// It keeps its models in its home directory.
    ModelsElsewhere,
    /// An environment file has it keep its models elsewhere.
    ModelsByFile,
    /// The process that computes does nothing any more.
    RunnerStuck,
    /// Clients keep it busy: an answer takes 20 seconds.
    Busy,
    /// Its queue is full.
    QueueFull,
    /// A model takes a minute and a half to load.
    SlowLoad,
    /// The alias is deleted.
    AliasDeleted,
    /// The alias is changed.
    Drifted,
    /// The model is deleted, the alias is not.
    ModelDeleted,
    /// Both are deleted.
    BothDeleted,
    /// The model's manifest is cut short.
    NoManifest,
    /// The alias's manifest is cut short.
    AliasCut,
    /// The weights of both are cut short.
    WeightsCut,
    /// Both are deleted, and the registry does not answer.
    RegistryAway,
    /// Both are deleted, and the registry sends nothing.
    RegistrySilent,
    /// Both are deleted, and the registry gives other bytes than it promises.
    RegistryGarbles,
    /// No resolver answers.
    DnsDead,
    /// Both are deleted, and no resolver answers.
    NamelessPull,
    /// Vectors of another dimension.
    WrongDimension,
    /// Vectors of numbers that are none, until a restart.
    NotFinite,
    /// The same, whatever is done.
    NotFiniteForGood,
    /// Vectors that are not of length 1.
    NotUnit,
    /// Errors, until a restart.
    Errors,
    /// Errors, whatever is done.
    ErrorsForGood,
}

/// Who can mend a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mends {
    /// The agent.
    Agent,
    /// It passes by itself.
    Itself,
    /// A person, or whoever runs what is outside of the guest.
    Person,
    /// Nothing has to be mended: the guest serves all the same.
    Nobody,
}

use Fault as F;

impl Fault {
    /// All of them.
    pub const ALL: [Self; 58] = [
        F::LinkDown,
        F::Flushed,
        F::RouteGone,
        F::CableCut,
        F::LinkGone,
        F::DhcpAway,
        F::MacPinned,
        F::FileGone,
        F::NetworkdStopped,
        F::NetworkdFailed,
        F::NetworkdOffBus,
        F::NetworkdMasked,
        F::Firewall,
        F::LockedOut,
        F::Taken,
        F::Unmounted,
        F::Full,
        F::NoInodes,
        F::ReadOnly,
        F::DiskHangs,
        F::WritesHang,
        F::ParentClosed,
        F::Killed,
        F::Stopped,
        F::Frozen,
        F::Deaf,
        F::Limited,
        F::Crashes,
        F::Masked,
        F::ProgramGone,
        F::PortTaken,
        F::Loopback,
        F::LoopbackForGood,
        F::Moved,
        F::ModelsElsewhere,
        F::ModelsByFile,
        F::RunnerStuck,
        F::Busy,
        F::QueueFull,
        F::SlowLoad,
        F::AliasDeleted,
        F::Drifted,
        F::ModelDeleted,
        F::BothDeleted,
        F::NoManifest,
        F::AliasCut,
        F::WeightsCut,
        F::RegistryAway,
        F::RegistrySilent,
        F::RegistryGarbles,
        F::DnsDead,
        F::NamelessPull,
        F::WrongDimension,
        F::NotFinite,
        F::NotFiniteForGood,
        F::NotUnit,
        F::Errors,
        F::ErrorsForGood,
    ];

    /// Who can mend it.
    #[must_use]
    pub fn mends(self) -> Mends {
        match self {
            F::LinkDown
            | F::NetworkdFailed
            | F::NetworkdOffBus
            | F::ModelsElsewhere
            | F::AliasCut
            | F::WeightsCut
            | F::Flushed
            | F::RouteGone
            | F::MacPinned
            | F::FileGone
            | F::NetworkdStopped
            | F::Stopped
            | F::Frozen
            | F::Deaf
            | F::Limited
            | F::Loopback
            | F::RunnerStuck
            | F::AliasDeleted
            | F::BothDeleted
            | F::NotFinite
            | F::Errors => Mends::Agent,
            F::Killed => Mends::Itself,
            F::Taken
            | F::DnsDead
            | F::NoManifest
            | F::WritesHang
            | F::NoInodes
            | F::ModelDeleted
            | F::Drifted
            | F::Full
            | F::ReadOnly
            | F::Busy
            | F::SlowLoad => Mends::Nobody,
            _ => Mends::Person,
        }
    }

    /// It happens.
    pub fn strike(self, world: &mut World) {
        match self {
            F::NetworkdFailed => world.give_link_up(),
            F::NetworkdOffBus => {
                world.networkd.off_bus = true;
                world.flush();
            }
            F::NetworkdMasked => {
                world.networkd.masked = true;
                world.stop_networkd();
                world.flush();
            }
            F::LockedOut => world.link.locked = true,
            F::NoInodes => world.disk.no_inodes = true,
            F::WritesHang => world.disk.writes_hang = true,
            F::ParentClosed => world.disk.closed = true,
            F::ProgramGone => {
                world.server.gone = true;
                world.server_dies("exit-code");
            }
            F::PortTaken => {
                world.server.port_taken = true;
                world.server_dies("exit-code");
            }
            F::ModelsElsewhere => {
                world.server.store = Store::Home;
                world.server.store_by_drop_in = false;
                world.server_dies("signal");
            }
            F::ModelsByFile => {
                world.server.store = Store::ByFile;
                world.server_dies("signal");
            }
            F::NoManifest => world.models.source = Source::NoManifest,
            F::AliasCut => world.models.alias = Alias::NoManifest,
            F::WeightsCut => world.damage(),
            F::RegistryGarbles => {
                world.registry.garbles = true;
                world.delete_models();
            }
            F::DnsDead => world.dns_dead = true,
            F::NamelessPull => {
                world.dns_dead = true;
                world.delete_models();
            }
            F::LinkDown => world.link_down(),
            F::Flushed => world.flush(),
            F::RouteGone => world.drop_route(),
            F::CableCut => world.plug(false),
            F::LinkGone => world.attach_link(false),
            F::DhcpAway => {
                world.dhcp.away = true;
                world.lose_lease();
            }
            F::MacPinned => {
                world.networkd.file.pinned = true;
                world.boot();
            }
            F::FileGone => {
                world.networkd.file.missing = true;
                world.networkd.file.by_name = false;
                world.lose_lease();
                world.start_networkd();
            }
            F::NetworkdStopped => {
                world.stop_networkd();
                world.flush();
            }
            F::Firewall => world.link.dropped = true,
            F::Taken => world.disk.foreign = 5000,
            F::Unmounted => {
                world.disk.attached = false;
                world.unmount();
            }
            F::Full => world.disk.free = 1 << 20,
            F::ReadOnly => world.disk.read_only = true,
            F::DiskHangs => world.disk.hangs = true,
            F::Killed => world.server_dies("signal"),
            F::Stopped => world.stop_unit(),
            F::Frozen => world.freeze(true),
            F::Deaf => {
                world.freeze(true);
                world.server.deaf = world.server.frozen;
            }
            F::Limited => world.hit_limit(),
            F::Crashes => {
                world.server.crashes = true;
                world.server_dies("exit-code");
            }
            F::Masked => {
                world.unit.load = Load::Masked;
                world.stop_unit();
            }
            F::Loopback => {
                world.server.bound = Bound::Loopback;
                world.server.by_drop_in = false;
                world.server_dies("signal");
            }
            F::LoopbackForGood => {
                world.server.bound = Bound::Loopback;
                world.server.stubborn = true;
                world.server_dies("signal");
            }
            F::Moved => {
                world.server.bound = Bound::Elsewhere;
                world.server.stubborn = true;
                world.server_dies("signal");
            }
            F::RunnerStuck => world.server.runner = Runner::Stuck,
            F::Busy => world.server.queue = 20_000,
            F::QueueFull => world.server.full = true,
            F::SlowLoad => world.server.load = 90_000,
            F::AliasDeleted => world.models.alias = Alias::Missing,
            F::Drifted => world.models.alias = Alias::Drifted,
            F::ModelDeleted => world.models.source = Source::Missing,
            F::BothDeleted => world.delete_models(),
            F::RegistryAway => {
                world.registry.away = true;
                world.delete_models();
            }
            F::RegistrySilent => {
                world.registry.silent = true;
                world.delete_models();
            }
            F::WrongDimension => world.models.flaw = Some(Flaw::Dimension),
            F::NotFinite => world.models.flaw = Some(Flaw::NotFinite),
            F::NotFiniteForGood => world.models.flaw = Some(Flaw::StillNotFinite),
            F::NotUnit => world.models.flaw = Some(Flaw::NotUnit),
            F::Errors => world.models.flaw = Some(Flaw::Error),
            F::ErrorsForGood => world.models.flaw = Some(Flaw::StillError),
        }
    }

    /// A person mends it, or what is outside of the guest. What the agent can mend is left to
    /// it.
    pub fn cure(self, world: &mut World) {
        match self {
            F::NetworkdMasked => {
                world.networkd.masked = false;
                world.start_networkd();
            }
            F::LockedOut => world.link.locked = false,
            F::NoInodes => world.disk.no_inodes = false,
            F::WritesHang => world.disk.writes_hang = false,
            F::ParentClosed => world.disk.closed = false,
            F::ProgramGone => world.server.gone = false,
            F::PortTaken => world.server.port_taken = false,
            F::ModelsByFile => {
                world.server.store = Store::Inside;
                world.restart_unit();
            }
            F::RegistryGarbles => world.registry.garbles = false,
            F::DnsDead => world.dns_dead = false,
            F::NamelessPull => world.dns_dead = false,
            F::CableCut => world.plug(true),
            F::LinkGone => world.attach_link(true),
            F::DhcpAway => world.dhcp.away = false,
            F::Firewall => world.link.dropped = false,
            F::Unmounted => world.mount(),
            F::Full => world.disk.free = crate::world::ROOM,
            F::ReadOnly => world.disk.read_only = false,
            F::DiskHangs => world.disk.hangs = false,
            F::Crashes => world.server.crashes = false,
            F::Masked => {
                world.unit.load = Load::Loaded;
                world.start_unit();
            }
            F::LoopbackForGood | F::Moved => {
                world.server.bound = Bound::All;
                world.server.stubborn = false;
                world.restart_unit();
            }
            F::Busy => world.server.queue = 0,
            F::QueueFull => world.server.full = false,
            F::SlowLoad => world.server.load = 1500,
            F::RegistryAway => world.registry.away = false,
            F::RegistrySilent => world.registry.silent = false,
            F::WrongDimension | F::NotFiniteForGood | F::NotUnit | F::ErrorsForGood => {
                world.models.flaw = None;
            }
            _ => {}
        }
    }
}

impl World {
    fn delete_models(&mut self) {
        self.models.source = Source::Missing;
        self.models.alias = Alias::Missing;
    }

    /// The DHCP server takes the address back: its lease is over.
    fn lose_lease(&mut self) {
        if self.link.address.is_some() {
            self.link.address = Some(self.now);
        }
    }

    /// Somebody starts the unit again and again until systemd has had enough.
    fn hit_limit(&mut self) {
        if self.unit.load == Load::Loaded && self.disk.mounted {
            self.exhaust_starts();
            self.event(concern::OLLAMA);
        }
    }

    /// Whether networkd runs.
    #[must_use]
    pub fn networkd_runs(&self) -> bool {
        self.networkd.process == Process::Runs
    }
}
