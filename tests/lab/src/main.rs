//! `cargo lab`: see the library for what it does.

use std::process::ExitCode;

fn main() -> ExitCode {
    saigak_lab::main()
}
