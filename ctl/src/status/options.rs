//! Options of `saigakctl status`.

use clap::Args;

use super::target::Target;

/// Options of `saigakctl status`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Agents: HOST, HOST:PORT, or a whole URL; the port is 7244 unless given
    #[arg(required = true, value_name = "URL", value_parser = Target::parse)]
    pub(super) targets: Vec<Target>,
    /// Go on as it changes: drawn anew on a terminal, else a line for each change
    #[arg(long)]
    pub(super) watch: bool,
    /// One object, of a versioned shape; with --watch, one a line for each change of a guest
    #[arg(long)]
    pub(super) json: bool,
    /// For how long each guest is waited for, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5,
          value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(super) within: u64,
    /// Between two looks, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2, requires = "watch",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) every: u64,
}
