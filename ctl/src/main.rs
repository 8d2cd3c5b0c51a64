//! `saigakctl`: what can be told about a GPU guest from outside, before and after it is deployed.

use std::process::ExitCode;

fn main() -> ExitCode {
    saigakctl::main()
}
