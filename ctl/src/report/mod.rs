//! How findings are printed.

mod json;
mod people;
mod sarif;

use std::fmt::Write as _;
use std::io::{self, Write as _};

use crate::input::Unreadable;
use crate::lint::{Outcome, Severity};
use crate::source::{File, Place};

pub(crate) use json::json;
pub(crate) use people::people;
pub(crate) use sarif::sarif;

/// Text on standard output. Where that is closed, there is nobody to tell.
pub(crate) fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// One line on standard error, the same way.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "saigakctl: {line}");
}

/// `path`, or `path:line:column`.
fn where_is(error: &Unreadable, files: &[File]) -> String {
    let Some(place) = error.place else { return error.path.clone() };
    let position = files.get(place.file).map(|file| file.position(place.start));
    position.map_or_else(
        || error.path.clone(),
        |at| format!("{}:{}:{}", error.path, at.line, at.column),
    )
}

/// First and last line and column, as the formats for machines want them.
fn region(place: Place, files: &[File]) -> [usize; 4] {
    let file = &files[place.file];
    let (start, end) = (file.position(place.start), file.position(place.end));
    [start.line, start.column, end.line, end.column]
}

/// Workflow commands, one a line.
pub(crate) fn github(outcome: &Outcome) {
    let mut text = String::new();
    for finding in &outcome.findings {
        let [line, column, end_line, end_column] = region(finding.place, &outcome.inputs.files);
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Information => "notice",
        };
        let file = property(&outcome.inputs.files[finding.place.file].path);
        let message = data(&finding.message);
        let id = finding.rule.id;
        let _ = writeln!(
            text,
            "::{command} file={file},line={line},col={column},endLine={end_line},\
             endColumn={end_column},title={id}::{message}"
        );
    }
    for error in &outcome.inputs.errors {
        let message = format!("{}: {}", where_is(error, &outcome.inputs.files), error.message);
        let _ = writeln!(text, "::error file={}::{}", property(&error.path), data(&message));
    }
    say(&text);
}

/// What a workflow command's message may not hold as it is.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
