//! Writes the manual pages and the shells' completions, for the package: `manual/` beside the
//! binary. The binary itself knows nothing of them.

#![allow(dead_code, reason = "what is typed is described here, and not read")]

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use clap_mangen::Man;
use flate2::Compression;
use flate2::write::GzEncoder;

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
    let directory = directory().ok_or_else(|| io::Error::other("cargo names no OUT_DIR"))?;
    fs::create_dir_all(&directory)?;
    // The package takes every page that lies there: also of what can no longer be typed.
    for entry in fs::read_dir(&directory)? {
        fs::remove_file(entry?.path())?;
    }
    write(&directory)
}

/// Beside the binary: what is packed has to lie where it can be named.
fn directory() -> Option<PathBuf> {
    let out = PathBuf::from(env::var_os("OUT_DIR")?);
    // OUT_DIR is PROFILE/build/PACKAGE-HASH/out.
    Some(out.ancestors().nth(3)?.join("manual"))
}

fn write(directory: &Path) -> io::Result<()> {
    let mut command = cli::command().disable_help_subcommand(true);
    command.build();
    pages(&command, directory)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command, "saigak-agent", directory)?;
    }
    Ok(())
}

/// A page for the command and for each below it, packed as Debian wants it: as well as can be, and
/// without a name or a time, so that the same page gives the same bytes.
fn pages(command: &clap::Command, directory: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages(below, directory)?;
    }
    let page = Man::new(command.clone());
    let file = File::create(directory.join(format!("{}.gz", page.get_filename())))?;
    let mut packed = GzEncoder::new(file, Compression::best());
    page.render(&mut packed)?;
    packed.finish().map(drop)
}
