//! What a person may type. The build reads this file and the options' too, for the manual pages and
//! the shells: they name nothing of the program but how an argument is read.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{lint, render, smoke, status};

/// Finds what keeps a GPU guest from serving, in its manifests and from outside.
#[derive(Debug, Parser)]
#[command(name = "saigakctl", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Look for faults in manifests: 0 is clean, 1 found something, 2 could not read everything
    Lint(lint::Options),
    /// Ask a server as a client does: 0 is well, 1 is reached and wrong, 2 is not reached
    Smoke(Box<smoke::Options>),
    /// Say in a line how each guest is: 0 all are ready, 1 some are not, 2 some do not answer
    Status(status::Options),
    /// Make a NoCloud disk, or a VM's secrets, from cloud-init's files
    Render(render::Options),
    /// Write manual pages and the shells' completions below a folder
    Manual {
        /// Such as /usr/local/share
        folder: PathBuf,
    },
    /// Say what a rule finds, why that is a fault, and what to do
    Explain {
        /// Such as VM001; without one, all rules are listed
        rule: Option<String>,
    },
}
