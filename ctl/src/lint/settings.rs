//! What the user has made of the rules' severities.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Options, Profile, Rule, Severity};
use crate::file;
use crate::rules::RULES;

/// The file: `[rules]`, with a severity or `off` for each, and what options say as well.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    rules: BTreeMap<String, Level>,
    /// Whether what is not among the inputs does not exist.
    pub(super) complete: bool,
    pub(super) profile: Option<Profile>,
    /// Files and folders with definitions of objects.
    pub(super) schemas: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Off,
    #[serde(untagged)]
    On(Severity),
}

impl Settings {
    /// Reads a file; an error names it.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let error = |message: &dyn std::fmt::Display| format!("{}: {message}", path.display());
        let text = file::text(path).map_err(|e| error(&e))?;
        let settings: Self = toml::from_str(&text).map_err(|e| error(&e))?;
        let unknown = |id: &&String| !RULES.iter().any(|rule| rule.id == id.as_str());
        match settings.rules.keys().find(unknown) {
            Some(id) => Err(error(&format!("there is no rule {id}"))),
            None => Ok(settings),
        }
    }

    /// What the command line says counts beside the file, or before it.
    pub(super) fn with(mut self, options: &Options) -> Self {
        self.complete |= options.complete;
        self.profile = options.profile.or(self.profile);
        self.schemas.extend_from_slice(&options.schemas);
        self
    }

    /// `None` where the rule is off.
    pub(crate) fn of(&self, rule: &Rule) -> Option<Severity> {
        match self.rules.get(rule.id) {
            None => Some(rule.severity),
            Some(Level::On(severity)) => Some(*severity),
            Some(Level::Off) => None,
        }
    }
}
