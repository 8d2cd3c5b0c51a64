//! Runs the program.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// What came of a run.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs it with this on its standard input.
pub(crate) fn run(arguments: &[&str], input: impl AsRef<[u8]>) -> Ran {
    finish(Command::new(env!("CARGO_BIN_EXE_saigakctl")).args(arguments), input.as_ref())
}

/// The same, with no more than this much of the processor's time, in seconds, and of memory, in
/// KiB. One that wants more is killed, which fails the test. How long it waits does not count: the
/// machine may be busy.
pub(crate) fn run_within(
    seconds: u32,
    memory: u32,
    arguments: &[&str],
    input: impl AsRef<[u8]>,
) -> Ran {
    let script = format!("ulimit -t {seconds} && ulimit -v {memory} && exec \"$0\" \"$@\"");
    let program = env!("CARGO_BIN_EXE_saigakctl");
    let mut command = Command::new("sh");
    finish(command.args(["-c", script.as_str(), program]).args(arguments), input.as_ref())
}

fn finish(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended without reading all of it.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Ran {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs it and reads its answer.
pub(crate) fn json(arguments: &[&str]) -> serde_json::Value {
    let ran = run(arguments, "");
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|e| panic!("{arguments:?}: {e}: {}", ran.stderr))
}
