//! The command line.

mod actor;
mod check;
mod history;
mod length;
mod pause;
mod ready;
mod report;
mod run;
mod settings;
mod socket;
mod status;
mod user;
mod watch;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::config::{self, Config, ConfigError};
use crate::{fix, gpu, probe};

/// Keeps the embeddings service of this guest alive, and tells the truth about it.
#[derive(Debug, Parser)]
#[command(name = "saigak-agent", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch this guest, repair it and answer probes, until told to stop
    Run,
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
    Check(check::Options),
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
    /// Carry out one repair with the privileges it needs; started by its socket unit
    #[command(hide = true)]
    Fix {
        /// The repair
        name: fix::Name,
    },
    /// Tell of NVIDIA's GPUs in lines of JSON; started by its socket unit
    #[command(hide = true)]
    GpuProbe,
    /// Look where the daemon may not; started by its socket unit
    #[command(hide = true)]
    Probe {
        /// What to look at
        what: What,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say everything that is wrong with the files, a line each, and end with 0 or 78
    Check {
        /// Directories of drop-in files, the weakest first, in place of the agent's own
        #[arg(value_name = "DIR")]
        directories: Vec<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    /// The data disk
    Storage,
    /// Whether this user can write to it
    Write,
    /// What the firewall does with clients
    Firewall,
    /// What computes for the server, and what that has used
    Runner,
    /// The files that the models are made of
    Blobs,
}

/// Wrong usage: `EX_USAGE` of sysexits(3).
const EXIT_USAGE: u8 = 64;

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors.
            let code = if error.use_stderr() { EXIT_USAGE } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match arguments.command {
        Command::Run => run::run(config::load(&config::DIRECTORIES)),
        Command::Status { json, watch: true } => watch::watch(json),
        Command::Status { json, watch: false } => status::status(json),
        Command::History { since, json } => history::history(since, json),
        Command::Check(options) => with_config(|config| check::check(config, options)),
        Command::Ready => ready::ready(),
        Command::Pause { length } => pause::pause(length),
        Command::Resume => pause::resume(),
        Command::Config { what: ConfigCommand::Check { directories } } => {
            settings::check(&directories)
        }
        Command::Report { file } => report::report(file),
        Command::Reload => settings::reload(),
        // A helper answers whoever asked for it, also where its settings cannot be read.
        Command::Fix { name } => fix::run(name, &config::load(&config::DIRECTORIES)),
        Command::GpuProbe => gpu::probe::run(),
        Command::Probe { what: What::Storage } => {
            probe::storage(&config::load(&config::DIRECTORIES))
        }
        Command::Probe { what: What::Firewall } => {
            probe::firewall(&config::load(&config::DIRECTORIES))
        }
        Command::Probe { what: What::Blobs } => probe::blobs(&config::load(&config::DIRECTORIES)),
        Command::Probe { what: What::Runner } => probe::runner(&config::load(&config::DIRECTORIES)),
        Command::Probe { what: What::Write } => probe::write(&config::load(&config::DIRECTORIES)),
    }
}

fn with_config(then: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    match config::load(&config::DIRECTORIES) {
        Ok(config) => then(config),
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(ConfigError::EXIT_STATUS)
        }
    }
}

/// One line on standard error. Where that is closed, there is nobody to tell.
fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "saigak-agent: {line}");
}

/// Text on standard output, the same way.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
