//! From the server's settings to `ModelsOnDataDisk`. Pure.
//!
//! A server that keeps its models elsewhere lists none and serves none, and a pull would fill
//! the root disk. It is judged by what the unit tells the server.

use std::path::Path;

use super::environment::{Setting, Settings};
use super::repair::ELSEWHERE;
use super::unit::Unit;
use crate::core::{Reason, Status};
use crate::guest::Remedy;

pub(super) static INSIDE: Reason<Remedy> = Reason::good("Inside");
// A drop-in does not win over a file.
pub(super) static SET_BY_FILE: Reason<Remedy> =
    Reason::fault("SetByFile", "take OLLAMA_MODELS out of that file, then restart the server");
pub(super) static UNREAD: Reason<Remedy> = Reason::unknown(
    "Unreadable",
    "let everybody read the server's EnvironmentFile=; set in the unit what PassEnvironment= names",
);

/// Judges where models are kept that belong on the disk at `disk`. `None`: there is no unit.
pub(super) fn judge(
    settings: &Settings,
    unit: &Unit,
    disk: &Path,
) -> Option<(&'static Reason<Remedy>, String)> {
    if !matches!(unit.load_state.as_str(), "loaded" | "merged") {
        return None;
    }
    if let Some(what) = &settings.unread {
        return Some((&UNREAD, format!("{what} cannot be read")));
    }
    if settings.keeps_models_in(disk) {
        let path = settings.models_path().unwrap_or_else(|| disk.to_owned());
        return Some((&INSIDE, format!("models are kept in {}", path.display())));
    }
    let place = match (settings.models_path(), settings.mounted_below(disk)) {
        (Some(path), Some(mount)) => {
            format!("{}, and {} is another disk", path.display(), mount.display())
        }
        (Some(path), None) => path.display().to_string(),
        (None, _) => "the home directory".into(),
    };
    Some(match &settings.models {
        Some(Setting { value, file: Some(file) }) => {
            (&SET_BY_FILE, format!("{} sets OLLAMA_MODELS={value}", file.display()))
        }
        Some(Setting { file: None, .. }) => {
            (&ELSEWHERE, format!("OLLAMA_MODELS is {place}, not {}", disk.display()))
        }
        None => (&ELSEWHERE, format!("OLLAMA_MODELS is not set: models are kept in {place}")),
    })
}

/// Why nothing may be written to the server's store, if so.
pub(super) fn held(settings: &Settings, unit: &Unit, disk: &Path) -> Option<String> {
    let (reason, message) = judge(settings, unit, disk)?;
    (reason.status != Status::True).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: &str = "/var/lib/ollama";

    fn settings(models: Option<(&str, Option<&str>)>) -> Settings {
        let models =
            models.map(|(value, file)| Setting { value: value.into(), file: file.map(Into::into) });
        Settings { models, ..Settings::default() }
    }

    fn name(settings: &Settings, unit: &Unit) -> &'static str {
        judge(settings, unit, Path::new(DISK)).map_or("-", |(reason, _)| reason.name)
    }

    #[test]
    fn models_elsewhere_are_told_from_models_on_the_disk() {
        let unit = Unit::fake();
        assert_eq!(name(&settings(Some((DISK, None))), &unit), "Inside");
        assert_eq!(name(&settings(Some(("/srv", None))), &unit), "Elsewhere");
        assert_eq!(name(&settings(None), &unit), "Elsewhere");
        let file = Some("/etc/default/ollama");
        assert_eq!(name(&settings(Some(("/srv", file))), &unit), "SetByFile");
        assert_eq!(name(&settings(Some((DISK, file))), &unit), "Inside");
        let missing = Unit { load_state: "not-found".into(), ..unit };
        assert_eq!(name(&settings(None), &missing), "-");
    }

    #[test]
    fn what_cannot_be_read_allows_no_pull() {
        let (unit, disk) = (Unit::fake(), Path::new(DISK));
        let unread = Settings { unread: Some("/etc/x".into()), ..settings(Some((DISK, None))) };
        assert_eq!(name(&unread, &unit), "Unreadable");
        assert!(held(&unread, &unit, disk).is_some());
        assert!(held(&settings(None), &unit, disk).is_some());
        assert_eq!(held(&settings(Some((DISK, None))), &unit, disk), None);
    }
}
