//! `saigakctl manual`: manual pages and completions, where the system looks for them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;

use crate::report::complain;

/// Below `share`, what each shell looks into.
const SHELLS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions"),
    (Shell::Zsh, "zsh/site-functions"),
    (Shell::Fish, "fish/vendor_completions.d"),
];
/// It could not be written: `EX_CANTCREAT` of sysexits(3).
const NOT_WRITTEN: u8 = 73;

/// Writes all of it for this command line.
pub(crate) fn manual(command: Command, share: &Path) -> ExitCode {
    match write(command, share) {
        Ok(()) => ExitCode::SUCCESS,
        Err((path, error)) => {
            complain(&format!("{}: {error}", path.display()));
            ExitCode::from(NOT_WRITTEN)
        }
    }
}

/// The folder that could not be written to comes with the error.
fn write(command: Command, share: &Path) -> Result<(), (PathBuf, io::Error)> {
    // As the build has it.
    let mut command = command.disable_help_subcommand(true);
    let pages = share.join("man/man1");
    let written =
        fs::create_dir_all(&pages).and_then(|()| clap_mangen::generate_to(command.clone(), &pages));
    written.map_err(|error| (pages, error))?;
    for (shell, folder) in SHELLS {
        let folder = share.join(folder);
        let written = fs::create_dir_all(&folder).and_then(|()| {
            let path = clap_complete::generate_to(shell, &mut command, "saigakctl", &folder)?;
            // bash looks for the program's bare name.
            if shell == Shell::Bash { fs::rename(path, folder.join("saigakctl")) } else { Ok(()) }
        });
        written.map_err(|error| (folder, error))?;
    }
    Ok(())
}
