//! The linter: rules over everything that was read.

mod allow;
mod finding;
mod rule;
mod settings;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::input::Inputs;
use crate::report;
use crate::rules::RULES;

pub(crate) use finding::{Finding, Found};
pub(crate) use rule::{Rule, Severity};
use settings::Settings;

/// Options of `saigakctl lint`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Files, folders, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Format::People)]
    format: Format,
    /// The least severity that makes the exit status 1
    #[arg(long, value_enum, default_value_t = Severity::Warning, value_name = "SEVERITY")]
    fail_on: Severity,
    /// Severities of rules: a TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The manifests as they were before: a file or folder to compare with
    #[arg(long, value_name = "PATH")]
    base: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Excerpts of the sources
    People,
    /// One object, of a versioned shape
    Json,
    /// Annotations of a workflow run
    Github,
    /// SARIF 2.1.0
    Sarif,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) inputs: Inputs,
    /// In the order of their places.
    pub(crate) findings: Vec<Finding>,
    /// How many were allowed by a comment.
    pub(crate) allowed: usize,
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
        Ok(settings) => settings.unwrap_or_default(),
        Err(message) => {
            report::complain(&message);
            return ExitCode::from(UNREADABLE);
        }
    };
    let outcome = check(&options.paths, options.base.as_ref(), &settings);
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

fn check(paths: &[PathBuf], base: Option<&PathBuf>, settings: &Settings) -> Outcome {
    let mut inputs = Inputs::read(paths);
    if let Some(base) = base {
        let mut before = Inputs::read(std::slice::from_ref(base));
        inputs.errors.append(&mut before.errors);
        inputs.base = Some(Box::new(before));
    }
    let mut findings = Vec::new();
    for rule in RULES {
        let Some(severity) = settings.of(rule) else { continue };
        let mut found = Found::new(rule, severity);
        (rule.check)(&inputs, &mut found);
        findings.extend(found.findings);
    }
    findings.sort_by_key(|finding| (finding.place.file, finding.place.start, finding.rule.id));
    findings
        .dedup_by(|a, b| a.rule.id == b.rule.id && a.place == b.place && a.message == b.message);
    let before = findings.len();
    findings.retain_mut(|finding| !allow::allowed(finding, &inputs.files));
    let allowed = before - findings.len();
    Outcome { inputs, findings, allowed }
}
