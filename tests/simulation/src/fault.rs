//! What can be wrong with a guest. Named after the lab's scenarios, which play the same in a
//! booted guest.

mod acts;

use serde::{Deserialize, Serialize};

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// It is full of downloads that were given up.
    Cluttered,
    /// It has no room for the model, and that and its alias are deleted.
    NoRoom,
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
    /// Entries of the tree belong to root, and are immutable.
    Immutable,
    /// A link lies in place of the models' directory, and leads to them.
    Linked,
    /// The server's user is gone.
    UserGone,
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
    /// It is restarted, and ends as soon as it is started.
    Crashes,
    /// Its unit is masked, and the server stopped.
    Masked,
    /// The server's program is gone, and the server is restarted.
    ProgramGone,
    /// The server is stopped, somebody else takes its port, and it is started.
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
    /// The alias has lost weights that its source does not have.
    ForeignWeights,
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
    /// Vectors of the right shape that tell nothing, until the model is loaded anew.
    Unlike,
    /// Errors, until a restart.
    Errors,
    /// Errors, whatever is done.
    ErrorsForGood,
    /// The VM was started without its GPU.
    GpuAbsent,
    /// The guest boots, and the GPU's driver is loaded later than the server.
    DriverLate,
    /// The guest boots into a kernel for which there is no driver.
    DriverMissing,
    /// The guest boots, and nobody makes the GPU's device nodes.
    NodesMissing,
    /// The driver's library is replaced under its module.
    DriverReplaced,
    /// The server is replaced by one that can do nothing with the GPU's driver.
    DriverForeign,
    /// The GPU falls off the bus.
    GpuLost,
    /// The GPU's driver answers nobody who asks for its state.
    DriverHangs,
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
    pub const ALL: [Self; 73] = [
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
        F::Cluttered,
        F::NoRoom,
        F::NoInodes,
        F::ReadOnly,
        F::DiskHangs,
        F::WritesHang,
        F::ParentClosed,
        F::Immutable,
        F::Linked,
        F::UserGone,
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
        F::ForeignWeights,
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
        F::Unlike,
        F::Errors,
        F::ErrorsForGood,
        F::GpuAbsent,
        F::DriverLate,
        F::DriverMissing,
        F::NodesMissing,
        F::DriverReplaced,
        F::DriverForeign,
        F::GpuLost,
        F::DriverHangs,
    ];

    /// Whether it is one of a guest that expects a GPU.
    #[must_use]
    pub fn is_of_gpu(self) -> bool {
        matches!(
            self,
            F::GpuAbsent
                | F::DriverLate
                | F::DriverMissing
                | F::NodesMissing
                | F::DriverReplaced
                | F::DriverForeign
                | F::GpuLost
                | F::DriverHangs
        )
    }

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
            | F::DriverLate
            | F::NodesMissing
            | F::Unlike
            | F::Errors => Mends::Agent,
            F::Killed => Mends::Itself,
            F::Taken
            | F::DnsDead
            | F::NoManifest
            | F::WritesHang
            | F::Immutable
            | F::Linked
            | F::UserGone
            | F::NoInodes
            | F::ModelDeleted
            | F::Drifted
            | F::Full
            | F::Cluttered
            | F::ReadOnly
            | F::Busy
            | F::DriverReplaced
            | F::DriverHangs
            | F::SlowLoad => Mends::Nobody,
            _ => Mends::Person,
        }
    }
}
