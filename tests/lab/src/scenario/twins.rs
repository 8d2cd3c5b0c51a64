//! Which fault of the lab is which of the simulation's, and which has no twin there.

#[cfg(test)]
mod alone;

use saigak_simulation::decisions::Compares;
use saigak_simulation::fault::Fault as Simulated;

/// What both can play.
pub(super) struct Twin {
    /// What the lab calls it.
    pub what: &'static str,
    /// In the simulated guest.
    pub simulated: Simulated,
    /// How the two are compared.
    pub compares: Compares,
}

/// Every lane is.
const fn twin(what: &'static str, simulated: Simulated) -> Twin {
    Twin { what, simulated, compares: Compares::Courses }
}

/// What is decided is: what is seen hangs on when somebody looks.
const fn decides(what: &'static str, simulated: Simulated) -> Twin {
    Twin { what, simulated, compares: Compares::Decisions }
}

/// All of them.
pub(super) const TWINS: &[Twin] = &[
    twin("data disk full", Simulated::Full),
    twin("data disk out of inodes", Simulated::NoInodes),
    twin("data disk read-only", Simulated::ReadOnly),
    twin("immutable file of root's on the data disk, and another", Simulated::Immutable),
    twin("a directory above the data disk closed", Simulated::ParentClosed),
    twin("200,000 files owned by root", Simulated::Taken),
    twin("alias deleted", Simulated::AliasDeleted),
    twin("model deleted, alias kept", Simulated::ModelDeleted),
    twin("model and alias deleted", Simulated::BothDeleted),
    decides("link admin-down", Simulated::LinkDown),
    decides("address flushed", Simulated::Flushed),
    decides("default route gone", Simulated::RouteGone),
    decides("networkd stopped, address gone", Simulated::NetworkdStopped),
    decides("networkd gave the link up", Simulated::NetworkdFailed),
    decides("networkd masked", Simulated::NetworkdMasked),
    decides("Ollama frozen", Simulated::Frozen),
    decides("Ollama killed", Simulated::Killed),
    decides("Ollama stopped", Simulated::Stopped),
    decides("Ollama on 127.0.0.1 only", Simulated::Loopback),
    decides("Ollama started too often", Simulated::Limited),
    decides("no HOME for Ollama", Simulated::Crashes),
    decides("Ollama's program missing", Simulated::ProgramGone),
    decides("Ollama's port taken by another unit", Simulated::PortTaken),
    decides("Ollama moved to another port", Simulated::Moved),
    decides("OLLAMA_MODELS leads to the root disk", Simulated::ModelsElsewhere),
    decides("OLLAMA_MODELS set by an environment file", Simulated::ModelsByFile),
    decides("runner frozen with a request on its way", Simulated::RunnerStuck),
    decides("the alias has another context length", Simulated::Drifted),
    decides("the alias's manifest is empty", Simulated::AliasCut),
    decides("the model's manifest is garbage", Simulated::NoManifest),
    decides("the model's weights are cut short", Simulated::WeightsCut),
    decides("the alias's own weights are gone, the source has others", Simulated::ForeignWeights),
    decides("no user ollama", Simulated::UserGone),
    decides("blobs replaced by a symbolic link", Simulated::Linked),
    decides("model and alias deleted, and no room for the model", Simulated::NoRoom),
];

/// What scenarios of their own play, step by step.
pub(super) const STAGED: &[Twin] = &[
    decides("three quarters of the dimensions", Simulated::WrongDimension),
    decides("one number is not a number", Simulated::NotFiniteForGood),
    decides("twice the length", Simulated::NotUnit),
    decides("the port dropped on the link, which nobody feels inside", Simulated::Firewall),
    decides("the data disk is not mounted", Simulated::Unmounted),
    decides("the cable is cut outside of the guest", Simulated::CableCut),
    decides(
        "the registry goes away for a while, model and alias are deleted",
        Simulated::RegistryAway,
    ),
];

/// The twin of what the lab calls so.
pub(super) fn of(what: &str) -> Option<&'static Twin> {
    TWINS.iter().chain(STAGED).find(|twin| twin.what == what)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use saigak_simulation::recorded::Recorded;

    use super::alone::{BOOTED_ALONE, SIMULATED_ALONE};
    use super::*;

    /// The text of each scenario.
    fn scenarios() -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scenario");
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let scenarios = paths.filter(|path| !path.ends_with("twins.rs"));
        scenarios.filter_map(|path| std::fs::read_to_string(path).ok()).collect()
    }

    /// What each `Fault` of the scenarios is called: the line after its first.
    fn played() -> Vec<String> {
        let mut played = Vec::new();
        for text in scenarios() {
            let lines: Vec<&str> = text.lines().collect();
            let begins = |line: &str| {
                line.ends_with(": Fault = Fault {") || line.ends_with(": Matter = Matter {")
            };
            for pair in lines.windows(2).filter(|pair| begins(pair[0])) {
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
        let twins = TWINS.iter().map(|twin| twin.what);
        let mut told: Vec<&str> = twins.chain(BOOTED_ALONE.iter().map(|(what, _)| *what)).collect();
        told.sort_unstable();
        let mut played: Vec<&str> = played.iter().map(String::as_str).collect();
        played.sort_unstable();
        assert_eq!(told, played);
    }

    #[test]
    fn what_scenarios_of_their_own_play_is_in_one_of_them() {
        let scenarios = scenarios();
        for Twin { what, .. } in STAGED {
            let told = format!("\"{what}\"");
            assert_eq!(scenarios.iter().filter(|text| text.contains(&told)).count(), 1, "{what}");
        }
    }

    #[test]
    fn every_simulated_fault_has_a_twin_or_a_reason_why_not() {
        for fault in Simulated::ALL {
            let twins = TWINS.iter().chain(STAGED).filter(|twin| twin.simulated == fault).count();
            let alone = SIMULATED_ALONE.iter().filter(|(alone, _)| *alone == fault).count();
            assert_eq!(twins + alone, 1, "{fault:?}");
        }
    }
    #[test]
    fn every_twin_has_a_course_that_is_recorded_and_compared_alike() {
        let mut recorded: Vec<_> =
            Recorded::all().unwrap().iter().map(|it| (it.fault, it.compares)).collect();
        let twins = TWINS.iter().chain(STAGED).map(|twin| (twin.simulated, twin.compares));
        let mut twins: Vec<_> = twins.collect();
        recorded.sort_unstable_by_key(|(fault, _)| *fault);
        twins.sort_unstable_by_key(|(fault, _)| *fault);
        assert_eq!(recorded, twins);
    }
}
