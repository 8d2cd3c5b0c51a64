//! Writes a program's manual pages and the shells' completions, for the build scripts: into
//! `manual/PROGRAM` beside the program. The program itself knows nothing of them.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use clap_mangen::Man;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Writes all of it for a command line.
pub(crate) fn write(command: clap::Command) -> io::Result<()> {
    let program = command.get_name().to_owned();
    let directory =
        directory(&program).ok_or_else(|| io::Error::other("cargo names no OUT_DIR"))?;
    fs::create_dir_all(&directory)?;
    // The package takes every page that lies there: also of what can no longer be typed.
    for entry in fs::read_dir(&directory)? {
        fs::remove_file(entry?.path())?;
    }
    let mut command = command.disable_help_subcommand(true);
    command.build();
    pages(&command, &directory)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command, &program, &directory)?;
    }
    Ok(())
}

/// Beside the program: what is packed has to lie where it can be named.
fn directory(program: &str) -> Option<PathBuf> {
    let out = PathBuf::from(env::var_os("OUT_DIR")?);
    // OUT_DIR is PROFILE/build/PACKAGE-HASH/out.
    Some(out.ancestors().nth(3)?.join("manual").join(program))
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
