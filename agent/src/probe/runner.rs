//! What the processes that compute for the server have used. The control group's CPU time alone
//! does not tell a runner that stands still from one that computes, as long as clients keep the
//! server itself at work by asking.

use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};
use serde::{Deserialize, Serialize};

use crate::config::Ollama;
use crate::fix::runners;

/// The runners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerFacts {
    /// Each of them.
    pub runners: Vec<Runner>,
}

/// One process that computes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Runner {
    /// Its number.
    pub pid: i32,
    /// What it calls itself.
    pub name: String,
    /// What it does: see [`proc_pid_stat(5)`](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html).
    pub state: String,
    /// CPU time that it has used.
    pub cpu_milliseconds: u64,
    /// Bytes that it has read.
    pub read_bytes: u64,
    /// When it was started, in milliseconds since the boot.
    pub started_milliseconds: u64,
}

/// Reads them, for the helper, which may.
pub(super) async fn facts(config: &Ollama) -> Result<RunnerFacts, String> {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|n| u64::try_from(n).ok());
    let ticks =
        ticks.filter(|n| *n > 0).ok_or("the kernel does not tell how long its ticks are")?;
    let milliseconds = |n: u64| n.saturating_mul(1000) / ticks;
    let runners = runners(config).await.map_err(|reply| reply.message)?;
    let found = runners.len();
    let known = runners.into_iter().filter_map(|runner| {
        let used = runner.used()?;
        Some(Runner {
            pid: runner.pid,
            name: runner.name,
            state: used.state,
            cpu_milliseconds: milliseconds(used.ticks),
            read_bytes: used.read,
            started_milliseconds: milliseconds(used.started),
        })
    });
    let runners: Vec<_> = known.collect();
    // One that does nothing would pass for none, and the other way round.
    if runners.is_empty() && found > 0 {
        return Err(format!("what {found} runners have used cannot be read"));
    }
    Ok(RunnerFacts { runners })
}

/// How long the helper may take: it reads a few files that are no files.
const DEADLINE: Duration = Duration::from_secs(3);

/// Asks the helper.
pub(crate) async fn ask() -> Result<RunnerFacts, String> {
    match tokio::time::timeout(DEADLINE, super::read(super::RUNNER)).await {
        Ok(facts) => facts.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", DEADLINE.as_secs())),
    }
}
