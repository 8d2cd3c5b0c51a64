//! The server's own pull, followed line by line.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;
use tokio::time::{self, Instant};

use super::failure::Failure;
use super::progress::{Line, Progress};
use super::{Job, stalled};

/// No line of a pull is nearly as long.
const LINE_LIMIT: usize = 64 << 10;

/// No digest is nearly as long: `sha256:` and 64 hex digits.
const DIGEST_LIMIT: usize = 80;

/// No model has nearly as many layers.
const LAYERS: usize = 256;

/// How long the server may hash what it has loaded. It sends one line before and none until
/// it has read every byte again, from a disk that may be slow.
pub(super) const VERIFYING: Duration = Duration::from_secs(30 * 60);

impl Job {
    /// Has the server pull the model `name`. `source` is how that is told.
    pub(super) async fn pull(
        &mut self,
        name: &str,
        insecure: bool,
        source: &str,
    ) -> Result<(), Failure> {
        let stall = self.model.pull_stall;
        let request = json!({ "model": name, "insecure": insecure, "stream": true });
        let response = time::timeout(stall, self.api.post_stream("/api/pull", &request))
            .await
            .map_err(|_| format!("the server did not begin within {} s", stall.as_secs()))?
            .map_err(|error| error.to_string())?;
        let mut stream = response.bytes_stream();
        let mut buffer = Vec::new();
        let mut progress = Progress::new(Instant::now());
        let mut patience = stall;
        loop {
            let chunk = time::timeout_at(progress.moved + patience, stream.next()).await;
            let chunk = match chunk.map_err(|_| stalled(patience))? {
                Some(chunk) => chunk.map_err(|error| format!("the stream broke: {error}"))?,
                None => return Err("the server ended the stream before success".into()),
            };
            buffer.extend_from_slice(&chunk);
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let rest = buffer.split_off(end + 1);
                let text = std::mem::replace(&mut buffer, rest);
                let mut line: Line = serde_json::from_slice(&text)
                    .map_err(|error| format!("malformed line: {error}"))?;
                if line.digest.len() > DIGEST_LIMIT {
                    line.digest.clear();
                }
                if !line.error.is_empty() {
                    return Err(line.error.into());
                }
                if line.status == "success" {
                    return Ok(());
                }
                let announced = progress.remaining();
                if progress.take(&line, Instant::now()) {
                    patience = patience_after(&line, stall);
                }
                if progress.layers() > LAYERS {
                    return Err(format!("a model of more than {LAYERS} layers").into());
                }
                // More than was known of: its first bytes have come at most.
                if progress.remaining() > announced {
                    let first = announced == 0 && !progress.has_gained();
                    self.pull.room.admits(&progress, first)?;
                }
                self.pull.room.lasts(&progress)?;
                self.tell(&progress, source);
            }
            if buffer.len() > LINE_LIMIT {
                return Err(format!("a line of more than {LINE_LIMIT} bytes").into());
            }
            if progress.moved.elapsed() >= patience {
                return Err(stalled(patience));
            }
        }
    }
}

/// How long nothing may move after `line`.
fn patience_after(line: &Line, stall: Duration) -> Duration {
    if line.status.starts_with("verifying") { stall.max(VERIFYING) } else { stall }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashing_may_take_longer_than_loading_may_stand_still() {
        let stall = Duration::from_secs(60);
        let after = |status: &str| {
            patience_after(&Line { status: status.into(), ..Line::default() }, stall)
        };
        assert_eq!(after("pulling ab"), stall);
        assert_eq!(after("verifying sha256 digest"), VERIFYING);
        assert_eq!(after("writing manifest"), stall);
    }
}
