//! Options of `saigakctl render`.

use std::path::PathBuf;

use clap::Args;

/// Options of `saigakctl render`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Holds user-data, network-config and meta-data
    pub(super) folder: PathBuf,
    /// What this guest has of its own: a TOML file
    #[arg(long, value_name = "FILE")]
    pub(super) values: Option<PathBuf>,
    /// Write the image of a NoCloud disk
    #[arg(long, value_name = "FILE", required_unless_present = "secrets")]
    pub(super) iso: Option<PathBuf>,
    /// Print the secrets of a KubeVirt VM
    #[arg(long, conflicts_with = "iso")]
    pub(super) secrets: bool,
}
