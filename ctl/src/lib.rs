//! `saigakctl`: what can be told about a GPU guest from outside, before and after it is deployed.
//!
//! The program is the interface. This is a library for the program, and for what plays broken
//! inputs to its readers.

mod cli;
mod client;
mod explain;
mod file;
mod fix;
pub mod hostile;
mod input;
mod iso;
mod lint;
mod manual;
mod render;
mod report;
mod rules;
mod smoke;
mod source;
mod status;
mod yaml;

use std::process::ExitCode;

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    cli::main()
}
