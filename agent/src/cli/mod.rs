//! The command line.

mod actor;
mod arguments;
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
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use arguments::{Arguments, Command, ConfigCommand};

use crate::config::{self, Config, ConfigError, Place};
use crate::{fix, gpu, probe};

/// What sockets start, and no person.
#[derive(Debug, Subcommand)]
enum Helper {
    /// Carry out one repair with the privileges it needs; started by its socket unit
    #[command(hide = true)]
    Fix {
        /// The repair
        name: fix::Name,
    },
    /// Tell of NVIDIA's GPUs in lines of JSON; started by its socket unit
    #[command(hide = true)]
    GpuProbe {
        /// In a container of a pod
        #[arg(long)]
        sidecar: bool,
    },
    /// Look where the daemon may not; started by its socket unit
    #[command(hide = true)]
    Probe {
        /// What to look at
        what: What,
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
        Command::Run { sidecar } => run::run(config::load(&config::DIRECTORIES), place(sidecar)),
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
        Command::Helper(helper) => help(&helper),
    }
}

fn place(sidecar: bool) -> Place {
    if sidecar { Place::Sidecar } else { Place::Guest }
}

/// A helper answers whoever asked for it, also where its settings cannot be read.
fn help(helper: &Helper) -> ExitCode {
    let config = || config::load(&config::DIRECTORIES);
    match *helper {
        Helper::Fix { name } => fix::run(name, &config()),
        Helper::GpuProbe { sidecar } => gpu::probe::run(place(sidecar)),
        Helper::Probe { what: What::Storage } => probe::storage(&config()),
        Helper::Probe { what: What::Firewall } => probe::firewall(&config()),
        Helper::Probe { what: What::Write } => probe::write(&config()),
        Helper::Probe { what: What::Runner } => probe::runner(&config()),
        Helper::Probe { what: What::Blobs } => probe::blobs(&config()),
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
