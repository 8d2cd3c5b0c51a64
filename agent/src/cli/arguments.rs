//! What a person may type. The build reads this file too, for the manual pages and the shells: it
//! names nothing of the agent but how a length of time is read, and the helpers.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::{Helper, length};

/// Keeps the embeddings service of this guest alive, and tells the truth about it.
#[derive(Debug, Parser)]
#[command(name = "saigak-agent", version, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Watch this guest, repair it and answer probes, until told to stop
    Run {
        /// In a container of a pod, beside the server's: without systemd, and without repairs but
        /// those by the server's own API
        #[arg(long)]
        sidecar: bool,
    },
    /// Say how this guest is, why, and what happens next
    Status {
        /// The report as JSON, of a versioned shape
        #[arg(long)]
        json: bool,
        /// Go on as it changes: drawn anew on a terminal, else a line for each change
        #[arg(long)]
        watch: bool,
    },
    /// Say what has happened in the last two weeks
    History {
        /// Only of late: 90s, 30m, 12h, 3d
        #[arg(long, value_name = "LENGTH", value_parser = length::parse)]
        since: Option<Duration>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Look once, without the daemon: 0 is ready, 1 is not, 2 could not be told
    Check(CheckOptions),
    /// End with 0 if the guest is ready, with 1 if it is not: for exec probes
    Ready,
    /// Stop all repairs for a while; checks and probes go on
    Pause {
        /// For how long: 90s, 30m, 1h30m; a day at most
        #[arg(value_name = "LENGTH", value_parser = length::pause)]
        length: Duration,
    },
    /// End a pause
    Resume,
    /// Write what a ticket needs into one file, without passwords, tokens and keys
    Report {
        /// The file [default: a new one in the current directory]
        file: Option<PathBuf>,
    },
    /// Look at the configuration
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Have the daemon read its configuration anew
    Reload,
    #[command(flatten)]
    Helper(Helper),
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Say everything that is wrong with the files, a line each, and end with 0 or 78
    Check {
        /// Directories of drop-in files, the weakest first, in place of the agent's own
        #[arg(value_name = "DIR")]
        directories: Vec<PathBuf>,
    },
}

/// How to look once.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct CheckOptions {
    /// Repair what can be repaired; the daemon must not run
    #[arg(long)]
    pub(super) repair: bool,
    /// How long it may take: 90s, 10m [default: 60s, with --repair 10m]
    #[arg(long, value_name = "LENGTH", value_parser = length::parse)]
    pub(super) timeout: Option<Duration>,
    /// The report as JSON, of a versioned shape
    #[arg(long)]
    pub(super) json: bool,
}
