//! Which fault of the lab is which of the simulation's, and which has no twin there.

use saigak_simulation::fault::Fault as Simulated;

use super::fault::Fault;
use super::model;

/// A fault that both can play.
pub(super) struct Twin {
    /// In a booted guest.
    pub fault: &'static Fault,
    /// In the simulated one.
    pub simulated: Simulated,
}

/// All of them.
pub(super) const TWINS: &[Twin] = &[
    Twin { fault: &model::ALIAS_DELETED, simulated: Simulated::AliasDeleted },
    Twin { fault: &model::MODEL_DELETED, simulated: Simulated::ModelDeleted },
    Twin { fault: &model::BOTH_DELETED, simulated: Simulated::BothDeleted },
];

/// The twin of `fault`.
pub(super) fn of(fault: &Fault) -> Option<&'static Twin> {
    TWINS.iter().find(|twin| twin.fault.what == fault.what)
}

/// Faults of the lab that are held against no simulated one, and why.
#[cfg(test)]
const BOOTED_ALONE: &[(&str, &str)] = &[
    ("link admin-down", CUT_OFF),
    ("address flushed", CUT_OFF),
    ("default route gone", CUT_OFF),
    (
        "networkd stopped, address gone",
        "simulated links wait for udev, and an address comes with its names",
    ),
    ("Ollama killed", BINDS),
    ("Ollama stopped", BINDS),
    ("Ollama frozen", "it counts as busy for a while first, and its end tears an answer"),
    ("Ollama on 127.0.0.1 only", "its unit is restarted; the simulated server is killed"),
    ("Ollama started too often", "five starts take a second, of which the simulated make one"),
    ("runner frozen with a request on its way", UNCOMPARED),
    ("the model's weights rot, and it is loaded anew", "no simulated weights rot"),
    (
        "runner told to stop, and frozen with a request on its way",
        "a simulated runner is not told to stop: to the agent it is the frozen one",
    ),
    ("200,000 files owned by root", UNCOMPARED),
    ("the alias has another context length", UNCOMPARED),
    ("the alias has another template", "played while clients embed: another start"),
    ("data disk owned by root, 5,000 files", "with links that must be left, on another disk"),
    ("ollama's uid changed", "the simulated server has no user"),
    ("the alias's manifest is empty", UNCOMPARED),
    ("the model's manifest is garbage", UNCOMPARED),
    (
        "the file with the alias's template is gone",
        "of what can be wrong with files the simulation plays the cut ones",
    ),
    (
        "all manifests are gone, and the server restarts",
        "of what can be wrong with files the simulation plays the cut ones",
    ),
    (
        "the model's weights are gone",
        "of what can be wrong with files the simulation plays the cut ones",
    ),
    ("the model's weights are cut short", UNCOMPARED),
    (
        "the model's weights are garbage",
        "of what can be wrong with files the simulation plays the cut ones",
    ),
    (
        "the model's weights are an empty file",
        "of what can be wrong with files the simulation plays the cut ones",
    ),
    (
        "a small file that the manifest names is garbage",
        "of what can be wrong with files the simulation plays the cut ones",
    ),
    ("OLLAMA_MODELS leads to the root disk", UNCOMPARED),
    ("networkd gave the link up", UNCOMPARED),
    ("a client that leaves connections open", "simulated connections are not counted"),
    ("Ollama hangs before it listens", "a simulated server listens at once"),
    ("Ollama killed, and systemd told not to restart it", "the simulated unit is always restarted"),
];

/// Faults of the simulation that no booted guest's is held against, and why.
#[cfg(test)]
const SIMULATED_ALONE: &[(Simulated, &str)] = &[
    (Simulated::LinkDown, UNEQUAL),
    (Simulated::Flushed, UNEQUAL),
    (Simulated::RouteGone, UNEQUAL),
    (Simulated::NetworkdStopped, UNEQUAL),
    (Simulated::Taken, UNCOMPARED),
    (Simulated::Killed, UNEQUAL),
    (Simulated::Stopped, UNEQUAL),
    (Simulated::Frozen, UNEQUAL),
    (Simulated::Loopback, UNEQUAL),
    (Simulated::Limited, UNEQUAL),
    (Simulated::RunnerStuck, UNCOMPARED),
    (Simulated::Drifted, UNCOMPARED),
    (Simulated::CableCut, MENDED_OUTSIDE),
    (Simulated::NetworkdFailed, UNCOMPARED),
    (Simulated::NetworkdOffBus, UNCOMPARED),
    (Simulated::NetworkdMasked, MENDED_OUTSIDE),
    (Simulated::LockedOut, MENDED_OUTSIDE),
    (Simulated::NoInodes, MENDED_OUTSIDE),
    (Simulated::WritesHang, MENDED_OUTSIDE),
    (Simulated::ParentClosed, MENDED_OUTSIDE),
    (Simulated::ProgramGone, MENDED_OUTSIDE),
    (Simulated::PortTaken, MENDED_OUTSIDE),
    (Simulated::ModelsElsewhere, UNCOMPARED),
    (Simulated::ModelsByFile, MENDED_OUTSIDE),
    (Simulated::NoManifest, UNCOMPARED),
    (Simulated::AliasCut, UNCOMPARED),
    (Simulated::WeightsCut, UNCOMPARED),
    (Simulated::RegistryGarbles, MENDED_OUTSIDE),
    (Simulated::DnsDead, MENDED_OUTSIDE),
    (Simulated::NamelessPull, MENDED_OUTSIDE),
    (Simulated::LinkGone, MENDED_OUTSIDE),
    (Simulated::DhcpAway, MENDED_OUTSIDE),
    (Simulated::MacPinned, "the guest boots, and its agent with it: the course has no beginning"),
    (Simulated::FileGone, "a deleted file is what a person mends; the incident is a pinned one"),
    (Simulated::Firewall, MENDED_OUTSIDE),
    (Simulated::Unmounted, MENDED_OUTSIDE),
    (Simulated::Full, MENDED_OUTSIDE),
    (Simulated::ReadOnly, MENDED_OUTSIDE),
    (Simulated::DiskHangs, MENDED_OUTSIDE),
    (Simulated::Deaf, "the unit's stop timeout, a minute and a half, is waited for"),
    (Simulated::Crashes, MENDED_OUTSIDE),
    (Simulated::Masked, MENDED_OUTSIDE),
    (Simulated::LoopbackForGood, MENDED_OUTSIDE),
    (Simulated::Moved, MENDED_OUTSIDE),
    (Simulated::Busy, MENDED_OUTSIDE),
    (Simulated::QueueFull, MENDED_OUTSIDE),
    (Simulated::SlowLoad, MENDED_OUTSIDE),
    (Simulated::RegistryAway, MENDED_OUTSIDE),
    (Simulated::RegistrySilent, MENDED_OUTSIDE),
    (Simulated::WrongDimension, MENDED_OUTSIDE),
    (Simulated::NotFinite, SWITCHED),
    (Simulated::NotFiniteForGood, MENDED_OUTSIDE),
    (Simulated::NotUnit, MENDED_OUTSIDE),
    (Simulated::Unlike, SWITCHED),
    (Simulated::Errors, SWITCHED),
    (Simulated::ErrorsForGood, MENDED_OUTSIDE),
    (Simulated::Immutable, MENDED_OUTSIDE),
    (Simulated::Linked, MENDED_OUTSIDE),
    (Simulated::UserGone, MENDED_OUTSIDE),
    (Simulated::ForeignWeights, MENDED_OUTSIDE),
    (Simulated::GpuAbsent, PASSED_THROUGH),
    (Simulated::DriverLate, PASSED_THROUGH),
    (Simulated::DriverMissing, PASSED_THROUGH),
    (Simulated::NodesMissing, PASSED_THROUGH),
    (Simulated::DriverReplaced, PASSED_THROUGH),
    (Simulated::DriverForeign, PASSED_THROUGH),
    (Simulated::GpuLost, PASSED_THROUGH),
    (Simulated::DriverHangs, PASSED_THROUGH),
];

#[cfg(test)]
const CUT_OFF: &str = "equal in some runs only: an address that goes cuts off the looks that are \
    under way, of which the simulated ones take no time";
#[cfg(test)]
const BINDS: &str = "a simulated server has its port as soon as it is started, and finds its GPUs \
    later; the stand-in needs a moment for the one and none for the other";
#[cfg(test)]
const UNEQUAL: &str = "the booted guest takes another course, for the reason that stands there";
#[cfg(test)]
const UNCOMPARED: &str = "both play it, and their courses have not been held against each other";
#[cfg(test)]
const MENDED_OUTSIDE: &str = "a person mends it, when the scenario has seen enough: the course \
    hangs on that moment, and scenarios of their own follow it";
#[cfg(test)]
const PASSED_THROUGH: &str = "the lab's guests have no GPU, and a library in NVIDIA's place: \
    scenarios of their own lead that through each of its answers";
#[cfg(test)]
const SWITCHED: &str = "the stand-in's switch stays as it is when the server restarts";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// What each `Fault` of the scenarios is called: the line after its first.
    fn played() -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scenario");
        let mut played = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let lines: Vec<&str> = text.lines().collect();
            for pair in lines.windows(2).filter(|pair| pair[0].ends_with(": Fault = Fault {")) {
                let what = pair[1].trim().strip_prefix("what: \"").unwrap();
                played.push(what.strip_suffix("\",").unwrap().to_owned());
            }
        }
        played
    }

    #[test]
    fn every_fault_has_a_twin_or_a_reason_why_not() {
        let played = played();
        assert!(played.len() > TWINS.len());
        let twins = TWINS.iter().map(|twin| twin.fault.what);
        let mut told: Vec<&str> = twins.chain(BOOTED_ALONE.iter().map(|(what, _)| *what)).collect();
        told.sort_unstable();
        let mut played: Vec<&str> = played.iter().map(String::as_str).collect();
        played.sort_unstable();
        assert_eq!(told, played);
    }

    #[test]
    fn every_simulated_fault_has_a_twin_or_a_reason_why_not() {
        for fault in Simulated::ALL {
            let twins = TWINS.iter().filter(|twin| twin.simulated == fault).count();
            let alone = SIMULATED_ALONE.iter().filter(|(alone, _)| *alone == fault).count();
            assert_eq!(twins + alone, 1, "{fault:?}");
        }
    }
}
