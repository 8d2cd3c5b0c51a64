//! What is held against no twin, and why.

use super::Simulated;

/// What the lab plays alone.
pub(super) const BOOTED_ALONE: &[(&str, &str)] = &[
    ("netplan switched to NetworkManager, which is not there", RENDERER),
    ("networkd's directory closed to the agent", VIEW),
    ("link renamed, and another of its driver beside it", ONE_LINK),
    (
        "runner told to stop, and frozen with a request on its way",
        "a simulated runner is not told to stop: to the agent it is the frozen one",
    ),
    ("Ollama's unit masked", MASKED),
    ("Ollama's unit removed", UNITS),
    ("a second ExecStart= in Ollama's unit", UNITS),
    ("Ollama killed, and systemd told not to restart it", UNITS),
    ("Ollama's program replaced by garbage", PROGRAMS),
    ("Ollama's program not executable", PROGRAMS),
    ("another web server at Ollama's old port", PORTS),
    ("another web server at the guest's address", PORTS),
    ("OLLAMA_MODELS changed, the server not restarted yet", FILES_OF_UNITS),
    ("an environment file that only root may read", FILES_OF_UNITS),
    ("Ollama hangs before it listens", PROGRAMS),
    ("a client that leaves connections open", COUNTED),
    ("the alias has another template", BUSY),
    ("the file with the alias's template is gone", FILES),
    ("all manifests are gone, and the server restarts", FILES),
    ("the model's weights are gone", FILES),
    ("the model's weights are garbage", ALIKE),
    ("the model's weights are an empty file", ALIKE),
    ("a small file that the manifest names is garbage", FILES),
    ("the model's weights rot, and it is loaded anew", ROT),
    ("neither alias nor source has the declared weights", AGENT),
    ("data disk owned by root, 5,000 files", AGENT_ALSO),
    ("ollama's uid changed", USERS),
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
    (Simulated::LockedOut, LOCKED),
    (Simulated::NetworkdOffBus, BUS),
    (Simulated::WritesHang, NOT_DENIED),
    (Simulated::RegistrySilent, REGISTRY),
    (Simulated::RegistryGarbles, REGISTRY),
    (Simulated::DnsDead, NAMES),
    (Simulated::NamelessPull, NAMES),
    (Simulated::LinkGone, RENAMED),
    (Simulated::DhcpAway, FLUSHED_TOO),
    (Simulated::MacPinned, BOOTS),
    (Simulated::FileGone, DELETED),
    (Simulated::DiskHangs, NOT_DENIED),
    (Simulated::Deaf, WAITS),
    (Simulated::Masked, MASKED),
    (Simulated::LoopbackForGood, BY_FILE),
    (Simulated::Busy, NOT_DENIED),
    (Simulated::QueueFull, NOT_DENIED),
    (Simulated::SlowLoad, NOT_DENIED),
    (Simulated::Cluttered, SETTINGS),
    (Simulated::Unlike, ROT),
    (Simulated::NotFinite, LOADED_ANEW),
    (Simulated::Errors, SWITCHED),
    (Simulated::ErrorsForGood, ERRORS),
    (Simulated::GpuAbsent, PASSED_THROUGH),
    (Simulated::DriverLate, PASSED_THROUGH),
    (Simulated::DriverMissing, PASSED_THROUGH),
    (Simulated::NodesMissing, PASSED_THROUGH),
    (Simulated::DriverReplaced, PASSED_THROUGH),
    (Simulated::DriverForeign, PASSED_THROUGH),
    (Simulated::GpuLost, PASSED_THROUGH),
    (Simulated::DriverHangs, PASSED_THROUGH),
];

const RENDERER: &str = "needs a guest: netplan's generator decides whose the link is, and the \
    simulation has no generators";
const VIEW: &str = "needs a guest: a directory's mode, of which the simulation has none";
const ONE_LINK: &str = "needs a guest: the simulated guest has one link";
const MASKED: &str = "equal in one run, and not in the next: between the end of the unit's file and \
    its mask the models seem to lie elsewhere for a moment, and the simulated unit is masked at \
    once";
const UNITS: &str = "needs a guest: what makes a unit unusable is systemd's to say";
const PROGRAMS: &str = "needs a guest: it is about what the kernel makes of a file";
const PORTS: &str = "needs a guest: another server answers in words of its own";
const FILES_OF_UNITS: &str = "needs a guest: it is about which file systemd reads when";
const COUNTED: &str = "needs a guest: connections are counted by the kernel";
const BUSY: &str = "played while clients embed, and drifted as the alias with another context \
    length, which is compared";
const FILES: &str = "needs a guest: it is about single files of a store, of which the simulation \
    knows manifests and weights as a whole";
const ALIKE: &str = "to the simulation the same as weights that are cut short";
const ROT: &str = "the courses differ: weights that rot are rotten after they are loaded anew, \
    and have to be pulled; the simulated flaw lies in what is loaded, and goes with it";
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
const LOCKED: &str = "the lab's rule drops what clients send as well: two of the simulation's \
    faults at once";
const BUS: &str = "needs a guest: the bus is restarted, and with it more than networkd";
const NOT_DENIED: &str = "nothing is denied: the guest stays ready, or does not know, and that is \
    what its scenario asserts";
const REGISTRY: &str = "it begins while no agent runs, and the agent that is started then remembers \
    nothing: the course has no beginning";
const NAMES: &str = "resolved hears of its name servers when it likes, so what is said of names is \
    not compared";
const RENAMED: &str = "no scenario takes the link away: one renames it, which the agent mends";
const FLUSHED_TOO: &str = "the repairs differ: the lab flushes the address of a lease that lasts, \
    for which the link is reconfigured first, and the simulated lease has run out";
const BOOTS: &str = "the guest boots, and its agent with it: the course has no beginning";
const DELETED: &str = "a deleted file is what a person mends; the incident is a pinned one";
const WAITS: &str = "the unit's stop timeout, a minute and a half, is waited for";
const BY_FILE: &str = "no scenario sets the address by an environment file: the models' place is, \
    and is compared";
const SETTINGS: &str = "the removal of what was given up is switched on meanwhile: simulated \
    settings stay as they are";
const LOADED_ANEW: &str = "the repairs differ: the lab's numbers are good again once the model is \
    loaded anew, and the simulated ones once the server is started anew";
const SWITCHED: &str = "the stand-in's switch stays as it is when the server restarts";
const ERRORS: &str = "the stand-in gives no such errors for an embedding: a load that fails is \
    mended by its scenario before anything is repaired";
const PASSED_THROUGH: &str = "the lab's guests have no GPU, and a library in NVIDIA's place: \
    scenarios of their own lead that through each of its answers";
