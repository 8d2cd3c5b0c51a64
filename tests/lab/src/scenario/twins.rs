//! Which fault of the lab is which of the simulation's, and which has no twin there.

use saigak_simulation::fault::Fault as Simulated;

use super::fault::Fault;
use super::{model, network};

/// A fault that both can play.
pub(super) struct Twin {
    /// In a booted guest.
    pub fault: &'static Fault,
    /// In the simulated one.
    pub simulated: Simulated,
}

/// All of them.
pub(super) const TWINS: &[Twin] = &[
    Twin { fault: &network::DOWN, simulated: Simulated::LinkDown },
    Twin { fault: &network::FLUSHED, simulated: Simulated::Flushed },
    Twin { fault: &network::UNROUTED, simulated: Simulated::RouteGone },
    Twin { fault: &model::ALIAS_DELETED, simulated: Simulated::AliasDeleted },
    Twin { fault: &model::MODEL_DELETED, simulated: Simulated::ModelDeleted },
    Twin { fault: &model::BOTH_DELETED, simulated: Simulated::BothDeleted },
];

/// The twin of `fault`.
pub(super) fn of(fault: &Fault) -> Option<&'static Twin> {
    TWINS.iter().find(|twin| twin.fault.what == fault.what)
}

/// Faults of the lab that the simulation does not play, and why.
#[cfg(test)]
const BOOTED_ALONE: &[(&str, &str)] = &[
    ("networkd stopped, address gone", "simulated links wait for udev, and names always resolve"),
    ("Ollama killed", BINDS),
    ("Ollama stopped", BINDS),
    ("Ollama frozen", BINDS),
    ("Ollama on 127.0.0.1 only", BINDS),
    ("Ollama started too often", "five starts take a second, of which the simulated make one"),
    ("runner frozen with a request on its way", "that request is no simulated one"),
    (
        "200,000 files owned by root",
        "root is at it for seconds, and simulated files change at once",
    ),
    ("the alias has another context length", "the simulated alias has another template"),
    ("the alias has another template", "played while clients embed: another start"),
    ("data disk owned by root, 5,000 files", "with links that must be left, on another disk"),
    ("ollama's uid changed", "the simulated server has no user"),
    ("the alias's manifest is empty", "simulated models have no files"),
    ("the model's manifest is garbage", "simulated models have no files"),
    ("the file with the alias's template is gone", "simulated models have no files"),
    ("all manifests are gone, and the server restarts", "simulated models have no files"),
    ("the model's weights are gone", "simulated models have no files"),
    ("the model's weights are cut short", "simulated models have no files"),
    ("the model's weights are garbage", "simulated models have no files"),
    ("the model's weights are an empty file", "simulated models have no files"),
    ("a small file that the manifest names is garbage", "simulated models have no files"),
    ("OLLAMA_MODELS leads to the root disk", "the simulated guest has one disk"),
    ("networkd gave the link up", "networkd never fails there"),
    ("a client that leaves connections open", "simulated connections are not counted"),
    ("Ollama hangs before it listens", "a simulated server listens at once"),
    ("Ollama killed, and systemd told not to restart it", "the simulated unit is always restarted"),
];

/// Faults of the simulation that the lab does not play as a [`Fault`], and why.
#[cfg(test)]
const SIMULATED_ALONE: &[(Simulated, &str)] = &[
    (Simulated::NetworkdStopped, PLAYED_APART),
    (Simulated::Taken, PLAYED_APART),
    (Simulated::Killed, PLAYED_APART),
    (Simulated::Stopped, PLAYED_APART),
    (Simulated::Frozen, PLAYED_APART),
    (Simulated::Loopback, PLAYED_APART),
    (Simulated::Limited, PLAYED_APART),
    (Simulated::RunnerStuck, PLAYED_APART),
    (Simulated::Drifted, PLAYED_APART),
    (Simulated::CableCut, MENDED_OUTSIDE),
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
    (Simulated::Errors, SWITCHED),
    (Simulated::ErrorsForGood, MENDED_OUTSIDE),
];

#[cfg(test)]
const BINDS: &str = "a simulated server has its port as soon as it is started, and finds its GPUs \
    later; the stand-in needs a moment for the one and none for the other";
#[cfg(test)]
const PLAYED_APART: &str = "the booted guest takes another course: see the faults played there";
#[cfg(test)]
const MENDED_OUTSIDE: &str = "a person mends it, when the scenario has seen enough: the course \
    hangs on that moment, and scenarios of their own follow it";
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
