//! What is known of the data disk, and of what the server keeps there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Facts;
use crate::core::SetAsideReport;
use crate::probe::DiskFacts;
use crate::{model, storage};

impl Facts {
    /// What was seen of the data disk.
    pub(in crate::guest) fn disk(&self) -> Option<&storage::Facts> {
        self.storage.as_ref()?.value.as_ref().ok()
    }

    /// The blobs that repairs have set aside on the data disk, where that is known.
    pub(in crate::guest) fn set_aside(&self) -> Option<SetAsideReport> {
        let found = self.disk()?.on_disk()?.set_aside;
        Some(SetAsideReport { files: found.files, bytes: found.bytes })
    }

    /// Where the server keeps its models, below the data disk at `path`: in that directory itself
    /// where it is not known, and where it is to be brought from elsewhere.
    pub(in crate::guest) fn store(&self, path: &Path) -> PathBuf {
        let server = self.ollama.as_ref().map(|seen| &seen.value);
        let store = server.and_then(|server| server.store(path).ok()?);
        store.unwrap_or_default()
    }

    /// What the data disk at `path` tells of the alias's weights.
    pub(in crate::guest) fn recorded(&self, path: &Path) -> model::Recorded {
        self.recorded_of(path, |disk| Some(&disk.alias_weights))
    }

    /// The same for a further model with that alias.
    pub(in crate::guest) fn recorded_further(&self, path: &Path, alias: &str) -> model::Recorded {
        self.recorded_of(path, |disk| disk.further_weights.get(alias))
    }

    fn recorded_of(
        &self,
        path: &Path,
        weights: impl Fn(&DiskFacts) -> Option<&BTreeMap<PathBuf, String>>,
    ) -> model::Recorded {
        let server = self.ollama.as_ref().ok_or("the server is looked at first")?;
        let Some(store) = server.value.store(path)? else { return Ok(None) };
        let probe = self.disk().and_then(|disk| disk.probe.as_ref());
        match probe.ok_or("the data disk is looked at first")? {
            Ok(seen) => {
                let by_store = seen.disk.as_ref().and_then(weights);
                Ok(by_store.and_then(|weights| weights.get(&store)).cloned())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Seen;
    use super::*;
    use crate::ollama::{self, Answer, Unit};

    #[test]
    fn models_that_no_helper_looks_for_are_not_told_to_be_missing() {
        let disk = Path::new("/var/lib/ollama");
        let kept = |place: &str| {
            let settings = ollama::Settings { home_path: Some(place.into()), ..Default::default() };
            let before = Default::default();
            let own = ollama::Own::default();
            let unit = Ok(Unit::fake());
            let value =
                ollama::Facts::of(unit, None, Answer::Silent, None, before, own, Duration::ZERO);
            let value = ollama::Facts { settings, ..value };
            let store = value.store(disk);
            let facts =
                Facts { ollama: Some(Seen { at: Duration::ZERO, value }), ..Facts::default() };
            (store, facts.recorded(disk))
        };
        assert_eq!(kept("/home"), (Ok(None), Ok(None)));
        let (store, recorded) = kept("/var/lib/ollama");
        assert_eq!(store, Ok(Some(".ollama/models".into())));
        assert_eq!(recorded.unwrap_err(), "the data disk is looked at first");
        let (store, recorded) = kept("/var/lib/ollama/home");
        let why = "models are kept in /var/lib/ollama/home/.ollama/models, which is not looked at";
        assert_eq!((store.unwrap_err(), recorded.unwrap_err()), (why.into(), why.into()));
    }
}
