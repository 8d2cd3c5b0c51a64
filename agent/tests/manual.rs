//! The manual pages and completions that the build script wrote, held against the program itself.

#![expect(clippy::unwrap_used, reason = "all of this is tests")]

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::read::GzDecoder;

/// Where the build script writes: beside the binary, three folders above its own.
fn manual() -> PathBuf {
    Path::new(env!("OUT_DIR")).ancestors().nth(3).unwrap().join("manual/saigak-agent")
}

/// What the program says that one can type.
fn commands() -> Vec<String> {
    let mut help = Command::new(env!("CARGO_BIN_EXE_saigak-agent"));
    let child = help.arg("--help").stdout(Stdio::piped()).spawn().unwrap();
    let help = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = commands.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn everything_that_a_person_types_has_a_page() {
    let commands = commands();
    assert!(commands.iter().any(|name| name == "status"));
    for name in &commands {
        let path = manual().join(format!("saigak-agent-{name}.1.gz"));
        let mut page = String::new();
        GzDecoder::new(File::open(&path).unwrap()).read_to_string(&mut page).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{}: {page}", path.display());
    }
}

#[test]
fn shells_complete_what_a_person_types_and_no_helpers() {
    for file in ["saigak-agent.bash", "_saigak-agent", "saigak-agent.fish"] {
        let text = std::fs::read_to_string(manual().join(file)).unwrap();
        for name in commands() {
            assert!(text.contains(&name), "{file}: {name} is missing");
        }
        for helper in ["gpu-probe", "network-match"] {
            assert!(!text.contains(helper), "{file}: {helper} is for sockets alone");
        }
    }
}
