//! Lines of JSON over a socket, as QEMU and its agent in the guest speak them.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Connections to agents so far.
static SYNCED: AtomicU32 = AtomicU32::new(0);

/// A connection.
pub struct Wire {
    lines: Lines<BufReader<OwnedReadHalf>>,
    out: OwnedWriteHalf,
}

impl Wire {
    /// To QEMU's monitor.
    pub async fn to_monitor(socket: &Path) -> Result<Self> {
        let mut wire = Self::open(socket).await?;
        wire.execute("qmp_capabilities", json!({})).await?;
        Ok(wire)
    }

    /// To the agent in the guest. Waits for as long as the guest has none.
    pub async fn to_agent(socket: &Path) -> Result<Self> {
        let mut wire = Self::open(socket).await?;
        // The channel has no ends of its own: what somebody asked before may be answered now, and
        // that may have been the same question.
        let id = SYNCED.fetch_add(1, Ordering::Relaxed);
        let ask = json!({ "execute": "guest-sync", "arguments": { "id": id } });
        wire.send(&ask).await?;
        while wire.next().await?["return"] != id {}
        Ok(wire)
    }

    async fn open(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket)
            .await
            .with_context(|| format!("cannot connect to {}", socket.display()))?;
        let (read, out) = stream.into_split();
        Ok(Self { lines: BufReader::new(read).lines(), out })
    }

    /// Has a command done and returns what it returns.
    pub async fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        self.send(&json!({ "execute": command, "arguments": arguments })).await?;
        loop {
            // Greetings and events come between.
            let mut answer = self.next().await?;
            if let Some(error) = answer.get("error") {
                bail!("{command}: {}", error["desc"].as_str().unwrap_or("an error without words"));
            }
            if answer.get("return").is_some() {
                return Ok(answer["return"].take());
            }
        }
    }

    async fn send(&mut self, message: &Value) -> Result<()> {
        let line = format!("{message}\n");
        self.out.write_all(line.as_bytes()).await.context("QEMU's socket")
    }

    async fn next(&mut self) -> Result<Value> {
        let line = self.lines.next_line().await.context("QEMU's socket")?;
        let line = line.context("QEMU closed its socket")?;
        serde_json::from_str(&line).with_context(|| format!("not JSON: {line}"))
    }
}
