//! Writes the manual pages and the shells' completions, for the package.

#![allow(dead_code, reason = "what is typed is described here, and not read")]

use std::io;

#[path = "../build/manual.rs"]
mod manual;

/// As the agent's own modules are laid out, with what its arguments need and no more.
#[path = "src/cli"]
mod cli {
    mod arguments;

    pub(super) fn command() -> clap::Command {
        <arguments::Arguments as clap::CommandFactory>::command()
    }

    /// What sockets start is no part of a manual.
    #[derive(Debug, clap::Subcommand)]
    enum Helper {}

    /// What a length means is none either, and none is read here.
    mod length {
        use std::time::Duration;

        pub(super) fn parse(text: &str) -> Result<Duration, String> {
            Err(text.to_owned())
        }

        pub(super) use parse as pause;
    }
}

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=src/cli/arguments.rs");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../build/manual.rs");
    manual::write(cli::command())
}
