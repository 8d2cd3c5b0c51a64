//! Commands in a virtual machine, by QEMU's agent in it: the way of KubeVirt's exec probes.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::wire::Wire;
use super::{SHORT, Vm};
use crate::process::{self, Finished};

/// Between two questions whether a command has ended: the agent tells nobody by itself.
const ASKED: Duration = Duration::from_millis(200);
/// An agent that has not answered by then never saw the question: it was not there yet.
const UNHEARD: Duration = Duration::from_secs(20);

impl Vm {
    /// Runs a command as root, whatever comes of it.
    pub async fn exec(&self, arguments: &[&str], patience: Duration) -> Result<Finished> {
        let shown = arguments.join(" ");
        let start = start(arguments, true)?;
        let deadline = Instant::now() + patience;
        let work = async {
            let mut wire = Wire::to_agent(&self.sockets.join("agent")).await?;
            let started = wire.execute("guest-exec", start).await?;
            let question = json!({ "pid": started["pid"] });
            loop {
                let answer = wire.execute("guest-exec-status", question.clone()).await?;
                if answer["exited"] == true {
                    return finished(&answer);
                }
                sleep(ASKED).await;
            }
        };
        tokio::time::timeout_at(deadline, work)
            .await
            .with_context(|| format!("`{shown}` was still running after {patience:?}"))?
    }

    /// Starts a command as root, and asks no more of it: it may end the agent that would tell.
    pub async fn begin(&self, arguments: &[&str]) -> Result<()> {
        let start = start(arguments, false)?;
        let work = async {
            let mut wire = Wire::to_agent(&self.sockets.join("agent")).await?;
            wire.execute("guest-exec", start).await
        };
        let begun = timeout(SHORT, work).await;
        begun.with_context(|| format!("`{}` is not begun", arguments.join(" ")))?.map(drop)
    }

    /// Returns when the agent in the guest answers.
    pub(super) async fn until_it_answers(&self) -> Result<()> {
        let socket = self.sockets.join("agent");
        loop {
            let answer = timeout(UNHEARD, Wire::to_agent(&socket)).await;
            // What the socket says of that is of no use to anybody.
            if let Some(qemu) = self.qemu.borrow_mut().as_mut()
                && let Some(status) = qemu.try_wait().context("cannot wait for QEMU")?
            {
                bail!("QEMU ended with {}: {}", process::code(status), self.said());
            }
            if let Ok(answer) = answer {
                return answer.map(drop);
            }
        }
    }
}

/// What starts a command.
fn start(arguments: &[&str], captures: bool) -> Result<Value> {
    let [program, arguments @ ..] = arguments else { bail!("no command") };
    Ok(json!({ "path": program, "arg": arguments, "capture-output": captures }))
}

fn finished(answer: &Value) -> Result<Finished> {
    let code = match (answer["exitcode"].as_i64(), answer["signal"].as_i64()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => bail!("a command that ended neither way: {answer}"),
    };
    Ok(Finished {
        code: i32::try_from(code).context("an exit code out of range")?,
        stdout: text(&answer["out-data"])?,
        stderr: text(&answer["err-data"])?,
    })
}

fn text(data: &Value) -> Result<String> {
    let Some(data) = data.as_str() else { return Ok(String::new()) };
    let bytes = STANDARD.decode(data).context("output that is not base64")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
