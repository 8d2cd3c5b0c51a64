//! A program beside the client that goes on asking: it prints a line when it sees something else
//! than before, and tells Prometheus all of it.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::client;
use super::namespace::Worker;

/// Where it listens.
pub(super) const PORT: u16 = 7245;
/// An answer takes it no time.
const SHORT: Duration = Duration::from_secs(10);

/// It ends when this is dropped.
pub struct Watch<'a> {
    /// Held for that.
    _child: Child,
    news: Lines<BufReader<ChildStdout>>,
    prometheus: &'a Worker,
    address: &'static str,
}

impl<'a> Watch<'a> {
    /// Starts it. It will listen at that address, which Prometheus reaches.
    pub(super) fn start(
        mut command: Command,
        prometheus: &'a Worker,
        address: &'static str,
    ) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn().context("cannot start a watch")?;
        let news = child.stdout.take().context("a watch without an output")?;
        let news = BufReader::new(news).lines();
        Ok(Self { _child: child, news, prometheus, address })
    }

    /// What Prometheus gets as soon as that has all these lines; looked at after each news.
    pub async fn until(&mut self, lines: &[String], within: Duration) -> Result<String> {
        let mut last = String::new();
        let look = async {
            while self.news.next_line().await.context("cannot read a watch's news")?.is_some() {
                let at = (self.address, PORT);
                last = client::get_from(self.prometheus, at, "/metrics", SHORT).await?.body;
                if lines.iter().all(|line| last.contains(line.as_str())) {
                    return Ok(());
                }
            }
            bail!("the watch has ended")
        };
        let looked = timeout(within, look).await;
        let told = || format!("not all of {lines:?} within {within:?}; the last were\n{last}");
        looked.with_context(told)??;
        Ok(last)
    }
}
