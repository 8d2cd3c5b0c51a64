//! The command line.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::{explain, lint, manual, render, smoke, status};

/// Finds what keeps a GPU guest from serving, in its manifests and from outside.
#[derive(Debug, Parser)]
#[command(name = "saigakctl", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look for faults in manifests: 0 is clean, 1 found something, 2 could not read everything
    Lint(lint::Options),
    /// Ask a server as a client does: 0 is well, 1 is reached and wrong, 2 is not reached
    Smoke(Box<smoke::Options>),
    /// Say in a line how each guest is: 0 all are ready, 1 some are not, 2 some do not answer
    Status(status::Options),
    /// Make a NoCloud disk, or a VM's secrets, from cloud-init's files
    Render(render::Options),
    /// Write manual pages and the shells' completions below a folder
    Manual(manual::Options),
    /// Say what a rule finds, why that is a fault, and what to do
    Explain {
        /// Such as VM001; without one, all rules are listed
        rule: Option<String>,
    },
}

/// Wrong usage: `EX_USAGE` of sysexits(3).
const EXIT_USAGE: u8 = 64;

/// Runs the command line of this process.
pub(crate) fn main() -> ExitCode {
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
        Command::Lint(options) => lint::lint(&options),
        Command::Smoke(options) => smoke::smoke(&options),
        Command::Status(options) => status::status(options),
        Command::Render(options) => render::render(&options),
        Command::Manual(options) => manual::manual(Arguments::command(), &options),
        Command::Explain { rule } => explain::explain(rule.as_deref()),
    }
}
