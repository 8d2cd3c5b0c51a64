//! The supervisor: starts the inside of a run, and cleans up behind it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::scratch::Scratch;
use crate::paths::write;
use crate::plan::{Plan, Run};
use crate::process;

/// Capabilities that reach beyond any namespace: whoever holds them in a guest sets the clock of
/// the whole machine, loads its modules or reboots it.
pub const DROPPED: &str = "--bounding-set=-sys_time,-sys_module,-sys_boot";

/// Runs a plan to its end. A signal ends it at once, with all that it started.
pub async fn supervise(plan: Plan) -> Result<ExitCode> {
    let scratch = Scratch::make(&plan.lab)?;
    let run = Run { plan, id: scratch.id.clone() };
    let mut signals = Signals::listen()?;
    let mut child = spawn(&run)?;
    record_init(&run.directory(), &child).await?;
    tokio::select! {
        status = child.wait() => {
            let code = process::code(status.context("cannot wait for the run")?);
            Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
        }
        number = signals.next() => {
            child.kill().await.context("cannot end the run")?;
            Ok(ExitCode::from(128 + number))
        }
    }
}

fn spawn(run: &Run) -> Result<Child> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let plan = serde_json::to_string(run).context("cannot write the plan")?;
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", DROPPED])
        .args(["unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"])
        .arg(program)
        .args(["inside", &plan])
        .stdin(std::process::Stdio::null())
        // Ctrl-C reaches the supervisor alone, which ends all the others in the right order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .context("cannot start `setpriv … unshare`")
}

/// Writes down process 1 of the run, as this side numbers it, for `shell`.
async fn record_init(directory: &Path, unshare: &Child) -> Result<()> {
    let Some(unshare) = unshare.id() else { return Ok(()) };
    let children = format!("/proc/{unshare}/task/{unshare}/children");
    // `unshare` tells nobody when it has forked; it takes a millisecond or two.
    for _ in 0..500 {
        let Ok(text) = std::fs::read_to_string(&children) else { break };
        if let Some(init) = text.split_whitespace().next() {
            return write(&directory.join("init"), init);
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    Ok(())
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// The number of the next signal.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
            _ = self.hang_up.recv() => 1,
        }
    }
}
