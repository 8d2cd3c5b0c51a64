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

/// Every lane is compared.
const fn twin(what: &'static str, simulated: Simulated) -> Twin {
    Twin { what, simulated, compares: Compares::Courses }
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
];

/// The twin of what the lab calls so.
pub(super) fn of(what: &str) -> Option<&'static Twin> {
    TWINS.iter().find(|twin| twin.what == what)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::alone::{BOOTED_ALONE, SIMULATED_ALONE};
    use super::*;

    /// What each `Fault` of the scenarios is called: the line after its first.
    fn played() -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scenario");
        let mut played = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
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
    fn every_simulated_fault_has_a_twin_or_a_reason_why_not() {
        for fault in Simulated::ALL {
            let twins = TWINS.iter().filter(|twin| twin.simulated == fault).count();
            let alone = SIMULATED_ALONE.iter().filter(|(alone, _)| *alone == fault).count();
            assert_eq!(twins + alone, 1, "{fault:?}");
        }
    }
}
