//! The linter: rules over everything that was read.

mod allow;
mod finding;
mod options;
mod revision;
mod rule;
mod settings;
mod severity;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::fix::mend;
use crate::input::{Inputs, Unreadable, replaced};
use crate::report;
use crate::rules::RULES;

pub(crate) use finding::{Finding, Found};
use options::Format;
pub(crate) use options::{Options, Profile};
use revision::Revision;
pub(crate) use rule::Rule;
use settings::Settings;
pub(crate) use severity::Severity;

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) inputs: Inputs,
    /// In the order of their places.
    pub(crate) findings: Vec<Finding>,
    /// How many were allowed by a comment.
    pub(crate) allowed: usize,
    /// How many there are beside these, of rules that find very many.
    pub(crate) left_out: usize,
}

/// Nothing was found.
const CLEAN: u8 = 0;
/// Something was found.
const FOUND: u8 = 1;
/// Something could not be read.
const UNREADABLE: u8 = 2;

/// Reads, checks and prints.
pub(crate) fn lint(options: &Options) -> ExitCode {
    let settings = match options.config.as_deref().map(Settings::read).transpose() {
        Ok(settings) => settings.unwrap_or_default().with(options),
        Err(message) => {
            report::complain(&message);
            return ExitCode::from(UNREADABLE);
        }
    };
    let mut outcome = check(&options.paths, options.base.as_ref(), &settings);
    if options.fix {
        // A mended file may show what was hidden; what mends nothing ends it.
        for _ in 0..FIX_ROUNDS {
            let mended = mend(&outcome.findings, &outcome.inputs);
            for line in &mended.done {
                report::complain(line);
            }
            if mended.done.is_empty() {
                for line in &mended.refused {
                    report::complain(line);
                }
                break;
            }
            outcome = check(&options.paths, options.base.as_ref(), &settings);
        }
    }
    match options.format {
        Format::People => report::people(&outcome),
        Format::Json => report::json(&outcome),
        Format::Github => report::github(&outcome),
        Format::Sarif => report::sarif(&outcome),
    }
    ExitCode::from(if !outcome.inputs.errors.is_empty() {
        UNREADABLE
    } else if outcome.findings.iter().any(|finding| finding.severity >= options.fail_on) {
        FOUND
    } else {
        CLEAN
    })
}

/// More than any file needs; an end for files that someone else changes at the same time.
const FIX_ROUNDS: usize = 10;

/// Whether anything in there is certainly wrong, or cannot be read. It is said on standard error.
pub(crate) fn has_errors(path: &Path) -> bool {
    let outcome = check(&[path.to_path_buf()], None, &Settings::default());
    for error in &outcome.inputs.errors {
        report::complain(&format!("{}: {}", error.path, error.message));
    }
    let errors = || outcome.findings.iter().filter(|found| found.severity == Severity::Error);
    for Finding { rule, place, message, .. } in errors() {
        let file = &outcome.inputs.files[place.file];
        let line = file.position(place.start).line;
        report::complain(&format!("{}:{line}: {}: {message}", file.path, rule.id));
    }
    !outcome.inputs.errors.is_empty() || errors().next().is_some()
}

fn check(paths: &[PathBuf], base: Option<&PathBuf>, settings: &Settings) -> Outcome {
    let mut inputs = Inputs::read(paths);
    inputs.complete = settings.complete;
    inputs.talos = settings.profile == Some(Profile::Talos);
    if let Some(base) = base {
        match before(base, paths) {
            Ok(mut before) => {
                inputs.errors.append(&mut before.errors);
                inputs.base = Some(Box::new(before));
            }
            Err(message) => {
                let path = base.to_string_lossy().into_owned();
                inputs.errors.push(Unreadable { path, place: None, message });
            }
        }
    }
    if !settings.schemas.is_empty() {
        let mut schemas = beside(&settings.schemas);
        inputs.errors.append(&mut schemas.errors);
        inputs.schemas = Some(Box::new(schemas));
    }
    judge(inputs, settings)
}

/// Applies the rules.
fn judge(inputs: Inputs, settings: &Settings) -> Outcome {
    let mut findings = Vec::new();
    let mut left_out = 0;
    for rule in RULES {
        let Some(severity) = settings.of(rule) else { continue };
        let mut found = Found::new(rule, severity);
        (rule.check)(&inputs, &mut found);
        findings.extend(found.findings);
        left_out += found.left_out;
    }
    let replaced = replaced(&inputs);
    findings.retain(|finding| !replaced.contains(&finding.place));
    findings.sort_by_key(|finding| (finding.place.file, finding.place.start, finding.rule.id));
    findings
        .dedup_by(|a, b| a.rule.id == b.rule.id && a.place == b.place && a.message == b.message);
    let before = findings.len();
    findings.retain_mut(|finding| !allow::allowed(finding, &inputs.files));
    let allowed = before - findings.len();
    Outcome { inputs, findings, allowed, left_out }
}

/// How many findings there are, with all rules as they are.
pub(crate) fn findings(inputs: Inputs) -> usize {
    judge(inputs, &Settings::default()).findings.len()
}

/// What was before, from a path or from git.
fn before(base: &Path, paths: &[PathBuf]) -> Result<Inputs, String> {
    if base.exists() {
        return Ok(beside(&[base.to_owned()]));
    }
    let name = base.to_str().ok_or("neither a path nor a revision")?;
    let revision = Revision::read(name, paths)?;
    let mut inputs = beside(&revision.paths);
    for error in &mut inputs.errors {
        error.path = revision.named(&error.path, name);
    }
    Ok(inputs)
}

/// Reads what is not linted itself. Its errors are reported beside the others, which places in
/// its files would not survive.
fn beside(paths: &[PathBuf]) -> Inputs {
    let mut inputs = Inputs::read(paths);
    for error in &mut inputs.errors {
        if let Some(place) = error.place.take() {
            let position = inputs.files[place.file].position(place.start);
            error.message =
                format!("line {}, column {}: {}", position.line, position.column, error.message);
        }
    }
    inputs
}
