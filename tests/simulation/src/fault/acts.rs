//! What a fault does to the guest, and who mends it does.

use super::Fault;
use crate::world::{Alias, Bound, Flaw, Load, Process, Runner, Source, Store, World, Wrong};

use Fault as F;

impl Fault {
    /// It happens.
    #[expect(clippy::too_many_lines, reason = "one arm for each fault")]
    pub fn strike(self, world: &mut World) {
        match self {
            F::NetworkdFailed => {
                world.networkd.fails = 2;
                world.configure();
            }
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
            F::Immutable => {
                world.disk.foreign += 1;
                world.disk.immutable = 1;
            }
            F::Linked => world.disk.linked = true,
            F::UserGone => world.server.no_user = true,
            F::ProgramGone => {
                world.server.gone = true;
                world.restart_unit();
            }
            F::PortTaken => {
                world.server.port_taken = true;
                world.stop_and_start();
            }
            F::ModelsElsewhere => {
                world.server.store = Store::Home;
                world.server.store_by_drop_in = false;
                world.restart_unit();
            }
            F::ModelsByFile => {
                world.server.store = Store::ByFile;
                world.restart_unit();
            }
            F::NoManifest => world.models.source = Source::NoManifest,
            F::ForeignWeights => world.models.alias = Alias::Foreign,
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
            F::Full => {
                world.disk.free = 1 << 20;
                if world.is_wrong(Wrong::FullDiskEndsServer) {
                    world.server_dies("signal");
                }
            }
            F::Cluttered => {
                world.disk.abandoned += world.disk.free;
                world.disk.free = 0;
            }
            F::NoRoom => {
                world.disk.free = 2 << 30;
                world.registry.bytes = 4 << 30;
                world.delete_models();
            }
            F::ReadOnly => world.disk.read_only = true,
            F::DiskHangs => world.disk.hangs = true,
            F::Killed => world.server_dies("signal"),
            F::Stopped => world.stop_unit(),
            F::Frozen => world.freeze(true),
            F::Deaf => {
                world.freeze(true);
                world.server.deaf = world.server.frozen;
            }
            F::Limited => world.hammer(),
            F::Crashes => {
                world.server.crashes = true;
                world.restart_unit();
            }
            F::Masked => {
                world.unit.load = Load::Masked;
                world.stop_unit();
            }
            F::Loopback => {
                world.server.bound = Bound::Loopback;
                world.server.by_drop_in = false;
                world.restart_unit();
            }
            F::LoopbackForGood => {
                world.server.bound = Bound::Loopback;
                world.server.stubborn = true;
                world.restart_unit();
            }
            F::Moved => {
                world.server.bound = Bound::Elsewhere;
                world.server.stubborn = true;
                world.restart_unit();
            }
            F::RunnerStuck => world.server.runner = Runner::Stuck,
            F::Busy => world.server.queue = 20_000,
            F::QueueFull => world.server.full = true,
            F::SlowLoad => world.server.load = 90_000,
            F::AliasDeleted => world.models.alias = Alias::Missing,
            F::Drifted => world.models.alias = Alias::Drifted,
            F::ModelDeleted if world.is_wrong(Wrong::AliasGoesWithModel) => world.delete_models(),
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
            F::Unlike => world.models.flaw = Some(Flaw::Unlike),
            F::Errors => world.models.flaw = Some(Flaw::Error),
            F::ErrorsForGood => world.models.flaw = Some(Flaw::StillError),
            F::GpuAbsent => {
                world.gpu.attached = false;
                world.boot();
            }
            F::DriverLate => {
                world.gpu.late = true;
                world.boot();
            }
            F::DriverMissing => {
                world.gpu.built = false;
                world.boot();
            }
            F::NodesMissing => {
                world.gpu.bare = true;
                world.boot();
            }
            F::DriverReplaced => world.gpu.replaced = true,
            F::DriverForeign => {
                world.gpu.foreign = true;
                world.restart_unit();
            }
            F::GpuLost => world.gpu.lost = true,
            F::DriverHangs => world.gpu.hangs = true,
        }
    }

    /// A person mends it, or what is outside of the guest. What the agent can mend is left to
    /// it.
    pub fn cure(self, world: &mut World) {
        match self {
            F::NetworkdMasked => world.networkd.masked = false,
            F::LockedOut => world.link.locked = false,
            F::NoInodes => world.disk.no_inodes = false,
            F::WritesHang => world.disk.writes_hang = false,
            F::ParentClosed => world.disk.closed = false,
            F::Immutable => world.disk.foreign += std::mem::take(&mut world.disk.immutable),
            F::Linked => world.disk.linked = false,
            F::UserGone => world.server.no_user = false,
            F::ForeignWeights if world.models.alias == Alias::Foreign => {
                world.models.alias = Alias::Good;
            }
            F::ProgramGone => world.server.gone = false,
            F::PortTaken => world.server.port_taken = false,
            F::ModelsByFile => {
                world.server.store = Store::Inside;
                world.restart_unit();
            }
            F::RegistryGarbles => world.registry.garbles = false,
            F::DnsDead | F::NamelessPull => world.dns_dead = false,
            F::CableCut => world.plug(true),
            F::LinkGone => world.attach_link(true),
            F::DhcpAway => world.dhcp.away = false,
            F::Firewall => world.link.dropped = false,
            F::Unmounted => world.mount(),
            F::Full | F::NoRoom => world.disk.free = crate::world::ROOM,
            F::Cluttered => {
                world.disk.free += std::mem::take(&mut world.disk.abandoned);
            }
            F::ReadOnly => world.disk.read_only = false,
            F::DiskHangs => world.disk.hangs = false,
            F::Crashes => world.server.crashes = false,
            F::Masked => world.unit.load = Load::Loaded,
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
            F::GpuAbsent | F::DriverMissing | F::GpuLost | F::DriverReplaced => {
                world.gpu.attached = true;
                world.gpu.built = true;
                world.boot();
            }
            // Who watched the driver come may have ended since.
            F::DriverLate | F::NodesMissing => world.restart_for_gpu(),
            F::DriverForeign => {
                world.gpu.foreign = false;
                world.restart_for_gpu();
            }
            F::DriverHangs => {
                world.gpu.hangs = false;
                world.restart_for_gpu();
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

    /// Whether networkd runs.
    #[must_use]
    pub fn networkd_runs(&self) -> bool {
        self.networkd.process == Process::Runs
    }
}
