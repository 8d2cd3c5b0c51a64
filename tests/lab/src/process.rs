//! Child processes with a deadline, whose failure tells what was run and what it said.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// What a finished command left behind.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The exit code; 128 + N where signal N ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A command from a program and its arguments.
#[must_use]
pub fn command<S: AsRef<std::ffi::OsStr>>(program: &str, arguments: &[S]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Runs a command to its end and returns whatever came of it.
pub async fn finish(
    mut command: Command,
    input: Option<Vec<u8>>,
    deadline: Duration,
) -> Result<Finished> {
    let shown = show(&command);
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("cannot start `{shown}`"))?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        // A child that ends without reading its input says why by its exit code.
        tokio::task::spawn_local(async move { stdin.write_all(&input).await });
    }
    let output = timeout(deadline, child.wait_with_output())
        .await
        .with_context(|| format!("`{shown}` was still running after {deadline:?}"))?
        .with_context(|| format!("cannot wait for `{shown}`"))?;
    Ok(Finished {
        code: code(output.status),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Runs a command that must succeed and returns its standard output.
pub async fn run(command: Command, deadline: Duration) -> Result<String> {
    let shown = show(&command);
    let finished = finish(command, None, deadline).await?;
    if finished.code != 0 {
        let said = finished.stderr.trim();
        let said = if said.is_empty() { finished.stdout.trim() } else { said };
        bail!("`{shown}` ended with {}: {said}", finished.code);
    }
    Ok(finished.stdout)
}

/// Runs a command that must succeed, with the terminal as its own.
pub async fn run_on_terminal(mut command: Command) -> Result<()> {
    let shown = show(&command);
    let status = command
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?
        .wait()
        .await
        .with_context(|| format!("cannot wait for `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {}", code(status));
    }
    Ok(())
}

/// The exit code as a shell counts it.
#[must_use]
pub fn code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// A command line, shortened for messages.
fn show(command: &Command) -> String {
    let command = command.as_std();
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    match text.char_indices().nth(300) {
        Some((at, _)) => format!("{} …", &text[..at]),
        None => text,
    }
}
