//! For people: excerpts with carets.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use super::{complain, say, where_is};
use crate::lint::{Finding, Outcome, Severity};
use crate::source::{File, Place};

pub(crate) fn people(outcome: &Outcome) {
    let styled = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
    let files = &outcome.inputs.files;
    let mut text = String::new();
    for finding in &outcome.findings {
        let _ = writeln!(text, "{}\n", renderer.render(&[group(finding, files)]));
    }
    let _ = writeln!(text, "{}", summary(outcome));
    say(&text);
    for error in &outcome.inputs.errors {
        complain(&format!("{}: {}", where_is(error, files), error.message));
    }
}

fn group<'a>(finding: &'a Finding, files: &'a [File]) -> Group<'a> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Information => Level::INFO,
    };
    let title = level.primary_title(&finding.message).id(finding.rule.id);
    let mut group = title.elements(excerpt(finding.place, None, files));
    for (place, label) in &finding.related {
        group = group.elements(excerpt(*place, Some(label), files));
    }
    let notes = finding.notes.iter().map(|note| Level::NOTE.message(note));
    group.elements(notes).element(Level::HELP.message(finding.rule.fix))
}

/// The longest line that is shown as a whole, in bytes. A whole cluster can stand on one.
const LINE: usize = 500;
/// Of a longer one, how much around a place.
const AROUND: usize = 60;

/// The line of a place. Of one that goes over several, the first is shown.
fn excerpt<'a>(
    place: Place,
    label: Option<&'a str>,
    files: &'a [File],
) -> impl Iterator<Item = Element<'a>> {
    let file = &files[place.file];
    let line = file.line_at(place.start);
    let range = file.line(line).unwrap_or_default();
    let start = place.start.clamp(range.start, range.end) - range.start;
    let end = place.end.clamp(range.start + start, range.end) - range.start;
    let kind = if label.is_some() { AnnotationKind::Context } else { AnnotationKind::Primary };
    let text = &file.text[range];
    let whole = text.len() <= LINE;
    let cut = if whole {
        0..text.len()
    } else {
        let last = end.min(start + LINE) + AROUND;
        text.floor_char_boundary(start.saturating_sub(AROUND))..text.ceil_char_boundary(last)
    };
    let span = start - cut.start..end.min(cut.end) - cut.start;
    let mut annotation = kind.span(span);
    if let Some(label) = label {
        annotation = annotation.label(label);
    }
    let snippet = Snippet::source(&text[cut]).line_start(line + 1).annotation(annotation);
    if whole {
        return [None, Some(snippet.path(&file.path).into())].into_iter().flatten();
    }
    // In a part of the line, columns are others.
    let at = file.position(place.start);
    let origin = Origin::path(&file.path).line(at.line).char_column(at.column);
    [Some(origin.into()), Some(snippet.into())].into_iter().flatten()
}

fn summary(outcome: &Outcome) -> String {
    let count = |severity| outcome.findings.iter().filter(|f| f.severity == severity).count();
    let mut text = format!(
        "{} objects in {} files: {} errors, {} warnings, {} for information",
        outcome.inputs.objects.len(),
        outcome.inputs.files.len(),
        count(Severity::Error),
        count(Severity::Warning),
        count(Severity::Information),
    );
    if outcome.left_out > 0 {
        let _ = write!(text, ", {} more left out", outcome.left_out);
    }
    if outcome.allowed > 0 {
        let _ = write!(text, ", {} allowed", outcome.allowed);
    }
    text
}
