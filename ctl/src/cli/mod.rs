//! The command line.

mod arguments;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::{explain, lint, manual, render, smoke, status};
use arguments::{Arguments, Command};

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
        Command::Manual { folder } => manual::manual(Arguments::command(), &folder),
        Command::Explain { rule } => explain::explain(rule.as_deref()),
    }
}
