//! `ollama-runner`, `ollama-stale`: end processes that compute for the server, and nothing else.
//!
//! They run as the server's user, with no right of their own. The server is the process of its
//! unit that listens at its port, whatever it is called and whoever started it: a wrapper's shell
//! may be the unit's main process. A runner is a child of that process, in the unit's control
//! group. Releases call it by different names, so no name is asked for. Where the server cannot
//! be told from others, nothing is ended.

mod process;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Reply;
use super::manager::Unit;
use crate::config::{Config, Ollama};
use crate::model::aside::{blob_of, digest_of};
use crate::ollama::listening;
pub(crate) use process::Process;
use process::{Ended, Processes};

/// How long a runner may take to end after SIGTERM, and then after SIGKILL. One that computes
/// ends within milliseconds; one that hangs in its GPU's driver does not end at all.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends every runner.
pub(super) async fn end_all(config: &Config) -> Reply {
    end(config, |_| true, "has no runner").await
}

/// Ends the runners whose weights are not where they were loaded from any more: they compute with
/// what was set aside, and would be taken for those of the file that comes in its place.
pub(super) async fn end_stale(config: &Config) -> Reply {
    end(config, is_stale, "has no runner whose weights are gone").await
}

async fn end(config: &Config, chosen: impl Fn(&Process) -> bool, none: &str) -> Reply {
    let name = &config.ollama.unit;
    let runners = match runners(&config.ollama).await {
        Ok(runners) => runners,
        Err(reply) => return reply,
    };
    let mut chosen = runners.iter().filter(|runner| chosen(runner)).peekable();
    if chosen.peek().is_none() {
        return Reply::unneeded(format!("{name} {none}"));
    }
    said(chosen.map(|runner| (runner, runner.end(PATIENCE))).collect())
}

/// The processes that compute for the server. The error: why they cannot be told, as an answer.
pub(crate) async fn runners(config: &Ollama) -> Result<Vec<Process>, Reply> {
    let Ollama { unit: name, port, .. } = config;
    let group = control_group_of(name).await?;
    let inodes = listening(*port)
        .map_err(|error| Reply::failed(format!("cannot ask who listens: {error}")))?;
    let all = Processes::read(Path::new("/proc"), &group)
        .map_err(|error| Reply::failed(format!("cannot read /proc: {error}")))?;
    match server(&all, &inodes) {
        Some(server) => Ok(all.children(server).cloned().collect()),
        None => Err(Reply::refused(format!(
            "which process of {name} listens at port {port} is not seen"
        ))),
    }
}

async fn control_group_of(unit: &str) -> Result<String, Reply> {
    let group = Unit::connect(unit).await?.control_group().await?;
    if group.is_empty() { Err(Reply::unneeded(format!("{unit} does not run"))) } else { Ok(group) }
}

/// The server's control group, as a path below the root of all groups.
pub(crate) async fn control_group(config: &Ollama) -> Result<String, String> {
    control_group_of(&config.unit).await.map_err(|reply| reply.message)
}

/// The one process that has a socket open which listens at the server's port.
fn server(all: &Processes, inodes: &BTreeSet<u64>) -> Option<i32> {
    let mut listens = all.iter().filter(|process| process.holds_socket(inodes));
    let first = listens.next()?;
    // A child that has inherited the socket is no server. Two that are not related cannot be told
    // apart.
    listens.all(|other| other.parent == first.pid).then_some(first.pid)
}

fn is_stale(runner: &Process) -> bool {
    let weights = runner.arguments().into_iter().map(PathBuf::from);
    let mut weights = weights.filter(|path| {
        path.is_absolute()
            && path.file_name().and_then(|name| name.to_str()).and_then(digest_of).is_some()
    });
    let gone = weights.any(|path| {
        path.symlink_metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
    });
    // Another file may have their name by now.
    gone || runner.mapped().iter().any(|name| blob_of(name).is_some())
}

/// What came of it, runner by runner.
fn said(ended: Vec<(&Process, std::io::Result<Ended>)>) -> Reply {
    let (mut told, mut failed) = (Vec::new(), false);
    for (runner, ended) in ended {
        let how = match ended {
            Ok(Ended::Gone) => "had ended".to_owned(),
            Ok(Ended::Terminated) => "ended by SIGTERM".to_owned(),
            Ok(Ended::Killed) => "ended by SIGKILL".to_owned(),
            Ok(Ended::Stays) => {
                failed = true;
                "does not even end by SIGKILL: it hangs in the kernel".to_owned()
            }
            Err(error) => {
                failed = true;
                format!("cannot be ended: {error}")
            }
        };
        told.push(format!("{} ({}) {how}", runner.pid, runner.name));
    }
    let message = format!("runner {}", told.join(", "));
    if failed { Reply::failed(message) } else { Reply::done(message) }
}

#[cfg(test)]
mod tests;
