//! Writes the manual pages and the shells' completions, for whoever packs the program.

#![allow(dead_code, reason = "what is typed is described here, and not read")]

use std::io;

use clap::CommandFactory;

#[path = "../build/manual.rs"]
mod manual;

/// As the program's own modules are laid out, with what its arguments need and no more.
#[path = "src/cli"]
mod cli {
    pub(crate) mod arguments;
}

#[path = "src/lint"]
mod lint {
    mod options;
    mod severity;

    pub(crate) use options::Options;
    pub(crate) use severity::Severity;
}

#[path = "src/render"]
mod render {
    mod options;

    pub(crate) use options::Options;
}

#[path = "src/smoke"]
mod smoke {
    mod options;

    pub(crate) use options::Options;
}

#[path = "src/status"]
mod status {
    mod options;

    /// Whom to ask is not read here.
    mod target {
        #[derive(Debug, Clone)]
        pub(super) struct Target;

        impl Target {
            pub(super) fn parse(text: &str) -> Result<Self, String> {
                Err(text.to_owned())
            }
        }
    }

    pub(crate) use options::Options;
}

fn main() -> io::Result<()> {
    for file in [
        "build.rs",
        "../build/manual.rs",
        "src/cli/arguments.rs",
        "src/lint/options.rs",
        "src/lint/severity.rs",
        "src/render/options.rs",
        "src/smoke/options.rs",
        "src/status/options.rs",
    ] {
        println!("cargo::rerun-if-changed={file}");
    }
    manual::write(cli::arguments::Arguments::command())
}
