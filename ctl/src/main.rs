//! `saigakctl`: what can be told about a GPU guest from outside, before and after it is deployed.

mod cli;
mod explain;
mod fix;
mod input;
mod lint;
mod report;
mod rules;
mod smoke;
mod source;
mod yaml;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
