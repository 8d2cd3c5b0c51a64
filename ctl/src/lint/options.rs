//! Options of `saigakctl lint`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::Severity;

/// Options of `saigakctl lint`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Files, folders, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Format::People)]
    pub(super) format: Format,
    /// The least severity that makes the exit status 1
    #[arg(long, value_enum, default_value_t = Severity::Warning, value_name = "SEVERITY")]
    pub(super) fail_on: Severity,
    /// Severities of rules, and these options: a TOML file
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What to compare with: a file or folder, or a git revision of the same paths
    #[arg(long, value_name = "PATH|REV")]
    pub(super) base: Option<PathBuf>,
    /// There is nothing else: what is referred to and not among the inputs is missing
    #[arg(long)]
    pub(super) complete: bool,
    /// What the nodes run, where the manifests do not show it
    #[arg(long, value_enum, value_name = "NAME")]
    pub(super) profile: Option<Profile>,
    /// Check objects against these definitions of custom resources, or JSON schemas, too
    #[arg(long, value_name = "PATH")]
    pub(super) schemas: Vec<PathBuf>,
    /// Mend what needs no decision, in the files
    #[arg(long)]
    pub(super) fix: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Format {
    /// Excerpts of the sources
    People,
    /// One object, of a versioned shape
    Json,
    /// Annotations of a workflow run
    Github,
    /// SARIF 2.1.0
    Sarif,
}

/// What the cluster's nodes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Profile {
    /// Talos Linux
    Talos,
}
