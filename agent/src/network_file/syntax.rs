//! The syntax of systemd's configuration files: sections, `key=value`, comments, and lines that
//! go on after a backslash.

use std::path::Path;
use std::sync::Arc;

/// One `key=value` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The file that it stands in.
    pub source: Arc<Path>,
    /// The section, without brackets.
    pub section: String,
    /// The key.
    pub key: String,
    /// The value, trimmed. Empty: what earlier lines gave this key is cleared.
    pub value: String,
}

pub(super) fn parse(source: &Path, text: &str) -> Vec<Assignment> {
    let source: Arc<Path> = Arc::from(source);
    let mut section = String::new();
    let mut assignments = Vec::new();
    for line in logical_lines(text) {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, value)) = line.split_once('=')
            && !section.is_empty()
        {
            assignments.push(Assignment {
                source: Arc::clone(&source),
                section: section.clone(),
                key: key.trim_end().to_owned(),
                value: value.trim_start().to_owned(),
            });
        }
    }
    assignments
}

/// Lines without comments, continued ones joined by a space. A comment may stand between the
/// parts of a continued line.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let mut joined = open.take().unwrap_or_default();
        if let Some(part) = line.strip_suffix('\\') {
            joined.push_str(part);
            joined.push(' ');
            open = Some(joined);
        } else {
            joined.push_str(line);
            lines.push(joined);
        }
    }
    lines.extend(open);
    lines
}
