//! For people: excerpts with carets.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

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
    let mut group = title.element(excerpt(finding.place, None, files));
    for (place, label) in &finding.related {
        group = group.element(excerpt(*place, Some(label), files));
    }
    let notes = finding.notes.iter().map(|note| Level::NOTE.message(note));
    group.elements(notes).element(Level::HELP.message(finding.rule.fix))
}

/// The line of a place. Of one that goes over several, the first is shown.
fn excerpt<'a>(
    place: Place,
    label: Option<&'a str>,
    files: &'a [File],
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let file = &files[place.file];
    let line = file.line_at(place.start);
    let range = file.line(line).unwrap_or_default();
    let start = place.start.clamp(range.start, range.end) - range.start;
    let end = place.end.clamp(range.start + start, range.end) - range.start;
    let kind = if label.is_some() { AnnotationKind::Context } else { AnnotationKind::Primary };
    let mut annotation = kind.span(start..end);
    if let Some(label) = label {
        annotation = annotation.label(label);
    }
    Snippet::source(&file.text[range]).line_start(line + 1).path(&file.path).annotation(annotation)
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
    if outcome.allowed > 0 {
        let _ = write!(text, ", {} allowed", outcome.allowed);
    }
    text
}
