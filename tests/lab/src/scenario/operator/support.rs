//! What these scenarios share.

use anyhow::{Context, Result, ensure};

use crate::guest::Guest;
use crate::net::client::AGENT_PORT;
use crate::process::Finished;

/// Fails unless a command ended with that status and said that.
pub(super) fn exits(finished: &Finished, code: i32, said: &str) -> Result<()> {
    let text = format!("{}{}", finished.stdout, finished.stderr);
    ensure!(
        finished.code == code && text.contains(said),
        "ended with {} instead of {code}, or does not say {said:?}: {text}",
        finished.code
    );
    Ok(())
}

impl Guest {
    /// The value of one metric, with its labels if it has any, as it is written.
    pub(in crate::scenario) async fn metric(&self, name: &str) -> Result<String> {
        let answer = self.get(AGENT_PORT, "/metrics").await?;
        let line = answer.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map(str::to_owned).with_context(|| format!("no {name} in\n{}", answer.body))
    }
}
