//! The runner's process: start, ping, stop.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, Uri};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::{LoadError, Target, llama_server};
use crate::{client, go};

/// How long a runner may take to answer a ping, and then to end when it is told to.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running child. Killed when dropped; a server that is killed itself cannot drop, so its
/// children outlive it, as a real one's do.
#[derive(Debug)]
pub(super) struct Runner {
    process: Child,
    pub(super) port: u16,
    /// Bytes on a GPU.
    pub(super) vram: u64,
}

impl Runner {
    /// Starts a child and waits until it listens, which is when the model is loaded.
    ///
    /// `None` where `cancelled` came first; the child is ended then.
    pub(super) async fn start(
        target: &Target,
        gpus: &[String],
        limit: Duration,
        cancelled: impl Future<Output = ()>,
    ) -> Result<Option<Self>, LoadError> {
        let mut process = spawn(target, gpus).map_err(|error| {
            failed(format!("error starting llama-server: {}", go::io_text(&error)))
        })?;
        let Some(stdout) = process.stdout.take() else {
            return Err(failed("error starting llama-server: no output".to_owned()));
        };
        let ended = tokio::select! {
            loaded = listening(stdout) => match loaded {
                Some((port, vram)) => return Ok(Some(Self { process, port, vram })),
                None => return Err(failed(last_words(process).await)),
            },
            () = sleep(limit) => {
                Err(failed("timed out waiting for llama-server to start - ".to_owned()))
            }
            () = cancelled => Ok(None),
        };
        let _ = process.kill().await;
        ended
    }

    /// Whether it is alive and answers.
    pub(super) async fn answers(&mut self) -> bool {
        if !matches!(self.process.try_wait(), Ok(None)) {
            return false;
        }
        let Ok(uri) = format!("http://127.0.0.1:{}/health", self.port).parse::<Uri>() else {
            return false;
        };
        let ping = client::send(Method::GET, &uri, &[], Bytes::new());
        matches!(timeout(PATIENCE, ping).await, Ok(Ok(_)))
    }

    /// Asks it to end, and ends it where it does not listen.
    pub(super) async fn stop(&mut self) {
        let id = self.process.id().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id
            && kill(Pid::from_raw(id), Signal::SIGTERM).is_ok()
            && timeout(PATIENCE, self.process.wait()).await.is_ok()
        {
            return;
        }
        let _ = self.process.kill().await;
    }
}

fn spawn(target: &Target, gpus: &[String]) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg0(llama_server::NAME)
        .arg("--model")
        .arg(&target.file)
        // The child picks a free port and says which.
        .args(["--port", "0", "--host", "127.0.0.1", "-c"])
        .arg(target.num_ctx.to_string())
        .args(["--size", &target.shown.size.to_string()])
        .args(gpus.iter().flat_map(|uuid| ["--device", uuid]))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if target.embeds {
        command.arg("--embedding");
    }
    command.spawn()
}

/// Reads until the line that says where the child listens, and on the way how much of the model
/// it has put on a GPU; `None` where it ended before.
async fn listening(stdout: impl AsyncRead + Unpin) -> Option<(u16, u64)> {
    let mut lines = BufReader::new(stdout).lines();
    let mut vram = 0;
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(port) = line.strip_prefix(llama_server::LISTENING) {
            return Some((port.parse().ok()?, vram));
        }
        if let Some(bytes) = line.strip_prefix(llama_server::OFFLOADED) {
            vram = bytes.parse().ok()?;
        }
    }
    None
}

async fn last_words(mut process: Child) -> String {
    let mut text = String::new();
    if let Some(mut stderr) = process.stderr.take() {
        let _ = stderr.read_to_string(&mut text).await;
    }
    let status = match process.wait().await {
        Ok(status) => status_text(status),
        Err(error) => go::io_text(&error),
    };
    let separator = if text.is_empty() { "" } else { ": " };
    format!("llama-server process has terminated: {status}{separator}{}", text.trim_end())
}

/// As Go prints how a process ended.
fn status_text(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(6)) => "signal: aborted".to_owned(),
        (None, Some(9)) => "signal: killed".to_owned(),
        (None, Some(15)) => "signal: terminated".to_owned(),
        (None, signal) => format!("signal: {}", signal.unwrap_or_default()),
    }
}

fn failed(text: String) -> LoadError {
    LoadError::Failed(text)
}
