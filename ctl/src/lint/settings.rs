//! What the user has made of the rules' severities.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{Rule, Severity};
use crate::rules::RULES;

/// The file: `[rules]`, with a severity or `off` for each.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(default)]
    rules: BTreeMap<String, Level>,
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
        let text = std::fs::read_to_string(path).map_err(|e| error(&e))?;
        let settings: Self = toml::from_str(&text).map_err(|e| error(&e))?;
        let unknown = |id: &&String| !RULES.iter().any(|rule| rule.id == id.as_str());
        match settings.rules.keys().find(unknown) {
            Some(id) => Err(error(&format!("there is no rule {id}"))),
            None => Ok(settings),
        }
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
