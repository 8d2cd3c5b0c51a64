//! Programs that the tests run, where this machine has them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A program of the PATH, or of the tools' root that `cargo lab tools` makes; `None`, said aloud,
/// where there is neither.
pub(crate) fn tool(name: &str) -> Option<Command> {
    let found = quiet(name);
    if found.is_none() {
        eprintln!("skipped: no {name} in PATH; `cargo lab tools` brings one");
    }
    found
}

/// The same, for a program that another can stand in for.
pub(crate) fn quiet(name: &str) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([lab_tools()])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .map(Command::new)
}

/// A program of the tools' root; `None`, said aloud, where it is not there.
pub(crate) fn lab_tool(name: &str) -> Option<Command> {
    let program = lab_tools().join(name);
    if !program.is_file() {
        eprintln!("skipped: `cargo lab tools` brings {name}");
        return None;
    }
    Some(Command::new(program))
}

fn lab_tools() -> PathBuf {
    target().join("lab/manifest-tools/usr/bin")
}

/// `saigakctl` of this checkout, built where it is not up to date.
pub(crate) fn saigakctl() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--locked", "--package=saigakctl"]);
        build.arg("--target-dir").arg(target());
        assert!(build.current_dir(repository()).status().unwrap().success(), "saigakctl is built");
        target().join("debug/saigakctl")
    });
    Command::new(program)
}

/// The checkout's root: this package lies two folders deep in it.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Cargo's target directory, which holds this very program.
fn target() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    // target/debug/deps/program
    own.ancestors().nth(3).unwrap().to_owned()
}
