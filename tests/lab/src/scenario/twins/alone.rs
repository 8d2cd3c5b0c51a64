//! What is held against no twin, and why.

use super::Simulated;

/// What the lab plays alone.
pub(super) const BOOTED_ALONE: &[(&str, &str)] = &[
    ("link admin-down", ROUTES),
    ("address flushed", MOMENTS),
    ("networkd stopped, address gone", MOMENTS),
    ("networkd masked", MOMENTS),
    ("Ollama frozen", MOMENTS),
    ("model and alias deleted, and no room for the model", TWO),
    ("the model's weights rot, and it is loaded anew", FILES),
    ("default route gone", ROUTES),
    ("networkd gave the link up", TRIES),
    ("netplan switched to NetworkManager, which is not there", RENDERER),
    ("networkd's directory closed to the agent", VIEW),
    ("link renamed, and another of its driver beside it", ONE_LINK),
    (
        "runner told to stop, and frozen with a request on its way",
        "a simulated runner is not told to stop: to the agent it is the frozen one",
    ),
    ("Ollama killed", STARTS),
    ("Ollama stopped", STARTS),
    ("Ollama on 127.0.0.1 only", JOBS),
    ("Ollama started too often", JOBS),
    ("Ollama's unit masked", JOBS),
    ("Ollama's unit removed", UNITS),
    ("a second ExecStart= in Ollama's unit", UNITS),
    ("Ollama killed, and systemd told not to restart it", UNITS),
    ("no HOME for Ollama", JOBS),
    ("Ollama's program missing", JOBS),
    ("Ollama's program replaced by garbage", PROGRAMS),
    ("Ollama's program not executable", PROGRAMS),
    ("Ollama's port taken by another unit", PORTS),
    ("Ollama moved to another port", JOBS),
    ("another web server at Ollama's old port", PORTS),
    ("another web server at the guest's address", PORTS),
    ("OLLAMA_MODELS leads to the root disk", JOBS),
    ("OLLAMA_MODELS set by an environment file", JOBS),
    ("OLLAMA_MODELS changed, the server not restarted yet", FILES_OF_UNITS),
    ("an environment file that only root may read", FILES_OF_UNITS),
    ("Ollama hangs before it listens", PROGRAMS),
    ("a client that leaves connections open", COUNTED),
    ("runner frozen with a request on its way", IN_FLIGHT),
    ("the alias has another context length", BY_THE_SERVER),
    ("the alias has another template", BUSY),
    ("the alias's manifest is empty", FILES),
    ("the model's manifest is garbage", FILES),
    ("the file with the alias's template is gone", FILES),
    ("all manifests are gone, and the server restarts", FILES),
    ("the model's weights are gone", FILES),
    ("the model's weights are cut short", FILES),
    ("the model's weights are garbage", FILES),
    ("the model's weights are an empty file", FILES),
    ("a small file that the manifest names is garbage", FILES),
    ("neither alias nor source has the declared weights", AGENT),
    ("the alias's own weights are gone, the source has others", FILES),
    ("data disk owned by root, 5,000 files", AGENT_ALSO),
    ("ollama's uid changed", USERS),
    ("no user ollama", USERS),
    ("blobs replaced by a symbolic link", ENTRIES),
    ("manifests closed to writes", ENTRIES),
    ("data disk full, then model and alias gone", TWO),
    ("a directory above the data disk closed, Ollama restarted", TWO),
    ("data disk hangs, and Ollama is silent", TWO),
    ("data disk hangs, and no more probes are let in", PROBES),
    ("the probe of the disk broken", PROBES),
    ("the mount point replaced by a symbolic link", MOUNTS),
    ("cloud-init done, a command of it failed", CLOUD_INIT),
    ("cloud-init's result is torn", CLOUD_INIT),
    ("root disk full", MACHINE),
    ("the guest's memory is nearly used up", MACHINE),
    ("", BASE),
];

/// What the simulation plays alone.
pub(super) const SIMULATED_ALONE: &[(Simulated, &str)] = &[
    (Simulated::LinkDown, ROUTES),
    (Simulated::Flushed, MOMENTS),
    (Simulated::NetworkdStopped, MOMENTS),
    (Simulated::NetworkdMasked, MOMENTS),
    (Simulated::Frozen, MOMENTS),
    (Simulated::RouteGone, ROUTES),
    (Simulated::Killed, STARTS),
    (Simulated::Stopped, STARTS),
    (Simulated::Loopback, JOBS),
    (Simulated::Limited, JOBS),
    (Simulated::RunnerStuck, IN_FLIGHT),
    (Simulated::Drifted, BY_THE_SERVER),
    (Simulated::CableCut, OUTSIDE),
    (Simulated::NetworkdFailed, TRIES),
    (Simulated::NetworkdOffBus, BUS),
    (Simulated::LockedOut, OUTSIDE),
    (Simulated::WritesHang, OUTSIDE),
    (Simulated::ProgramGone, JOBS),
    (Simulated::PortTaken, PORTS),
    (Simulated::ModelsElsewhere, JOBS),
    (Simulated::ModelsByFile, JOBS),
    (Simulated::NoManifest, FILES),
    (Simulated::AliasCut, FILES),
    (Simulated::WeightsCut, FILES),
    (Simulated::RegistryGarbles, OUTSIDE),
    (Simulated::DnsDead, OUTSIDE),
    (Simulated::NamelessPull, OUTSIDE),
    (Simulated::LinkGone, OUTSIDE),
    (Simulated::DhcpAway, OUTSIDE),
    (Simulated::MacPinned, BOOTS),
    (Simulated::FileGone, DELETED),
    (Simulated::Firewall, OUTSIDE),
    (Simulated::Unmounted, OUTSIDE),
    (Simulated::DiskHangs, OUTSIDE),
    (Simulated::Deaf, WAITS),
    (Simulated::Crashes, JOBS),
    (Simulated::Masked, JOBS),
    (Simulated::LoopbackForGood, JOBS),
    (Simulated::Moved, JOBS),
    (Simulated::Busy, OUTSIDE),
    (Simulated::QueueFull, OUTSIDE),
    (Simulated::SlowLoad, OUTSIDE),
    (Simulated::RegistryAway, OUTSIDE),
    (Simulated::RegistrySilent, OUTSIDE),
    (Simulated::Cluttered, OUTSIDE),
    (Simulated::NoRoom, OUTSIDE),
    (Simulated::WrongDimension, OUTSIDE),
    (Simulated::NotFinite, SWITCHED),
    (Simulated::NotFiniteForGood, OUTSIDE),
    (Simulated::NotUnit, OUTSIDE),
    (Simulated::Unlike, OUTSIDE),
    (Simulated::Errors, SWITCHED),
    (Simulated::ErrorsForGood, OUTSIDE),
    (Simulated::Linked, ENTRIES),
    (Simulated::UserGone, USERS),
    (Simulated::ForeignWeights, FILES),
    (Simulated::GpuAbsent, PASSED_THROUGH),
    (Simulated::DriverLate, PASSED_THROUGH),
    (Simulated::DriverMissing, PASSED_THROUGH),
    (Simulated::NodesMissing, PASSED_THROUGH),
    (Simulated::DriverReplaced, PASSED_THROUGH),
    (Simulated::DriverForeign, PASSED_THROUGH),
    (Simulated::GpuLost, PASSED_THROUGH),
    (Simulated::DriverHangs, PASSED_THROUGH),
];

/// Conditions are held apart from one another already, each in a lane of its own, whatever their
/// order. Within one a busy guest says more than the simulated one at any of its moments, or less,
/// and a comparison that lets that pass lets other physics pass as well.
const MOMENTS: &str = "equal on a machine at rest, and another course on a busy one: what is seen \
    hangs on when somebody looks";
const ROUTES: &str = "not seen equal yet: the address outlives the route, and what is asked there \
    until networkd takes it is answered or not by microseconds";
const TRIES: &str = "equal in one run, and not held: how often networkd tries by itself hangs on \
    the script that is in its way";
const RENDERER: &str = "needs a guest: netplan's generator decides whose the link is, and the \
    simulation has no generators";
const VIEW: &str = "needs a guest: a directory's mode, of which the simulation has none";
const ONE_LINK: &str = "needs a guest: the simulated guest has one link";
const STARTS: &str = "the verdict's order differs: how long the server's start can be seen is the \
    machine's own time";
const JOBS: &str = "the courses differ: between the end of a server and its start systemd has \
    states of its own, which last for microseconds, and the simulated one has none";
const UNITS: &str = "needs a guest: what makes a unit unusable is systemd's to say";
const PROGRAMS: &str = "needs a guest: it is about what the kernel makes of a file";
const PORTS: &str = "needs a guest: another server answers in words of its own";
const FILES_OF_UNITS: &str = "needs a guest: it is about which file systemd reads when";
const COUNTED: &str = "needs a guest: connections are counted by the kernel";
const IN_FLIGHT: &str = "not compared: a client's own request holds the runner, and the \
    simulation's clients ask for nothing one by one";
const BY_THE_SERVER: &str = "not compared: the server creates the alias anew for whoever broke \
    it, while looks go on";
const BUSY: &str = "played while clients embed, which begins a look at any time";
const FILES: &str = "not compared: what a server says of a store with damaged files is its own, \
    one version after the other";
const AGENT: &str = "the agent is started anew for it, and its course has no beginning";
const AGENT_ALSO: &str = "a server is stopped and started on another disk, with links that must \
    be left";
const USERS: &str = "needs a guest: it is about what libc makes of the users' files";
const ENTRIES: &str = "needs a guest: it is about single files, of which the simulated disk keeps \
    counts";
const TWO: &str = "two faults at once, of which the one has begun before: random histories play \
    such";
const PROBES: &str = "needs a guest: it is about systemd's sockets, and the helpers behind them";
const MOUNTS: &str = "needs a guest: it is about what systemd makes of a mount point";
const CLOUD_INIT: &str = "no guest of the simulation has a cloud-init that fails: it holds \
    repairs for its time and no more";
const MACHINE: &str = "needs a guest: the simulated one has all that it needs";
const BASE: &str = "what others are made of";
const BUS: &str = "needs a guest: the bus is restarted, and with it more than networkd";
const BOOTS: &str = "the guest boots, and its agent with it: the course has no beginning";
const DELETED: &str = "a deleted file is what a person mends; the incident is a pinned one";
const WAITS: &str = "the unit's stop timeout, a minute and a half, is waited for";
const SWITCHED: &str = "the stand-in's switch stays as it is when the server restarts";
const OUTSIDE: &str = "scenarios of their own follow it step by step, with what is outside of the \
    guest";
const PASSED_THROUGH: &str = "the lab's guests have no GPU, and a library in NVIDIA's place: \
    scenarios of their own lead that through each of its answers";
