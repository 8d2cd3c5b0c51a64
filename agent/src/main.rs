//! The `saigak-agent` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    saigak_agent::cli::main()
}
