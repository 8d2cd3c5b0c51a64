//! Everything that can be said of the guest: each condition with all its reasons. What a person
//! reads in `docs/conditions.md`, and what the lab's scenarios are held against.

use super::Remedy;
use crate::core::{Condition, Reason};
use crate::{bootstrap, further, gpu, model, names, network, ollama, storage, system};

/// A condition and every reason that may be given for its status.
pub type Declared = (&'static Condition, &'static [&'static Reason<Remedy>]);

/// The concerns' tables.
static TABLES: [&[Declared]; 9] = [
    bootstrap::REASONS,
    network::REASONS,
    storage::REASONS,
    ollama::REASONS,
    names::REASONS,
    model::REASONS,
    further::REASONS,
    gpu::REASONS,
    system::REASONS,
];

/// All conditions with their reasons, in the order of the concerns.
pub fn declared() -> impl Iterator<Item = &'static Declared> {
    TABLES.iter().flat_map(|table| table.iter())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::guest::CONDITIONS;

    #[test]
    fn every_condition_is_declared_once() {
        let declared: Vec<_> = declared().map(|(condition, _)| condition.name).collect();
        let unique: BTreeSet<_> = declared.iter().collect();
        assert_eq!(unique.len(), declared.len());
        let known: BTreeSet<_> = CONDITIONS.iter().map(|condition| &condition.name).collect();
        assert_eq!(unique, known);
    }

    #[test]
    fn the_reasons_of_one_condition_have_names_of_their_own() {
        for (condition, reasons) in declared() {
            let names: BTreeSet<_> = reasons.iter().map(|reason| reason.name).collect();
            assert_eq!(names.len(), reasons.len(), "{}", condition.name);
        }
    }

    /// The names that reasons are made with in the sources below `folder`.
    fn written(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "core") {
                    written(&path, names);
                }
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for kind in ["good", "unknown", "fault", "passing"] {
                for after in text.split(&format!("Reason::{kind}(")).skip(1) {
                    if let Some(quoted) = after.trim_start().strip_prefix('"') {
                        names.insert(quoted.split('"').next().unwrap().to_owned());
                    }
                }
            }
        }
    }

    #[test]
    fn no_reason_in_the_sources_is_left_out() {
        let mut names = BTreeSet::new();
        written(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
        assert!(names.len() > 30, "{names:?}");
        for (_, reasons) in declared() {
            for reason in *reasons {
                names.remove(reason.name);
            }
        }
        assert!(names.is_empty(), "not in any REASONS: {names:?}");
    }
}
