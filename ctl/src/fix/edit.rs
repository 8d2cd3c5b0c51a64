//! Changes of single places in a file.

use std::ops::Range;

use crate::source::{File, Place};
use crate::yaml::Node;

/// One change. It is made only where the file says literally what is expected: what stands inside
/// base64, or was put together by aliases and escapes, is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    place: Place,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// These words become others; quotes stay.
    Words { old: String, new: String },
    /// A scalar becomes one without quotes.
    Bare { old: String, new: String },
    /// A scalar in single quotes gets double ones, and what it holds is read with their escapes.
    Requoted,
    /// Before the first key of a map comes another one. A value with several lines is written
    /// below its key.
    Key { key: &'static str, value: String },
    /// Before the first item of a list comes another one.
    Item { value: &'static str },
}

impl Edit {
    pub(crate) fn words(place: Place, old: &str, new: &str) -> Self {
        Self { place, kind: Kind::Words { old: old.to_owned(), new: new.to_owned() } }
    }

    pub(crate) fn bare(place: Place, old: &str, new: &str) -> Self {
        Self { place, kind: Kind::Bare { old: old.to_owned(), new: new.to_owned() } }
    }

    pub(crate) fn requoted(place: Place) -> Self {
        Self { place, kind: Kind::Requoted }
    }

    /// `value` is YAML on one line; as JSON, where the map is written so, it must be the same.
    pub(crate) fn key(map: &Node, key: &'static str, value: impl Into<String>) -> Self {
        Self { place: map.place, kind: Kind::Key { key, value: value.into() } }
    }

    pub(crate) fn item(list: &Node, value: &'static str) -> Self {
        Self { place: list.place, kind: Kind::Item { value } }
    }

    pub(crate) fn file(&self) -> usize {
        self.place.file
    }

    /// The bytes that go, and what comes instead; `None` where the file does not say what is
    /// expected.
    pub(crate) fn resolve(&self, file: &File) -> Option<(Range<usize>, String)> {
        let range = self.place.start..self.place.end;
        let source = file.text.get(range.clone())?;
        match &self.kind {
            Kind::Words { old, new } => {
                let quote = quote(source, old)?;
                // Words that JSON takes bare, such as true, become others that it does not.
                let json = quote.is_empty() && file.text[..range.start].trim_end().ends_with("\":");
                let quote = if json { "\"" } else { quote };
                Some((range, format!("{quote}{new}{quote}")))
            }
            Kind::Bare { old, new } => quote(source, old).map(|_| (range, new.clone())),
            Kind::Requoted => {
                let inner = source.strip_prefix('\'')?.strip_suffix('\'')?;
                Some((range, format!("\"{}\"", inner.replace("''", "'"))))
            }
            Kind::Key { key, value } => {
                let json = source.starts_with('"');
                let text =
                    if json { format!("\"{key}\": {value}") } else { format!("{key}: {value}") };
                Some((range.start..range.start, before(&text, range.start, file)?))
            }
            Kind::Item { value } => {
                let start = range.start;
                let (line, column) = indent(start, file)?;
                match line.trim_start() {
                    "- " => {
                        let space = &line[..line.len() - 2];
                        let end = line_end(start, file);
                        Some((start..start, format!("{value}{end}{space}- ")))
                    }
                    _ if line.trim_end().ends_with('[') || column == 0 => {
                        let quote = if source.starts_with('"') { "\"" } else { "" };
                        Some((start..start, format!("{quote}{value}{quote}, ")))
                    }
                    _ => None,
                }
            }
        }
    }
}

/// The quotes around a scalar that is written as it is.
fn quote<'a>(source: &'a str, text: &str) -> Option<&'a str> {
    if source == text {
        return Some("");
    }
    let first = source.get(..1).filter(|quote| ["\"", "'"].contains(quote))?;
    let inner = source.strip_prefix(first)?.strip_suffix(first)?;
    (inner == text).then_some(first)
}

/// What stands before a place on its line, and how many characters that are.
fn indent(start: usize, file: &File) -> Option<(&str, usize)> {
    let line = file.line(file.line_at(start))?;
    let before = file.text.get(line.start..start)?;
    Some((before, before.chars().count()))
}

fn line_end(start: usize, file: &File) -> &'static str {
    let line = file.line(file.line_at(start)).unwrap_or_default();
    if file.text[line.end..].starts_with('\r') { "\r\n" } else { "\n" }
}

/// What to write before the first key of a map, so that `text` becomes the key before it.
fn before(text: &str, start: usize, file: &File) -> Option<String> {
    let (line, column) = indent(start, file)?;
    let trimmed = line.trim_end();
    if trimmed.ends_with('{') || trimmed.ends_with(',') {
        return Some(format!("{text}, "));
    }
    // Alone on its line, or the first of an item. Between braces over several lines, a comma
    // must follow.
    let block = line.chars().all(|c| c == ' ' || c == '-');
    let comma = if text.starts_with('"') { "," } else { "" };
    let space = " ".repeat(column);
    block.then(|| format!("{text}{comma}{}{space}", line_end(start, file)))
}
