//! Everything that the agent of one guest has reported, in order.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep};

use super::report::{Repair, Report};

/// A status, and when it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When.
    pub at: Instant,
    /// What.
    pub report: Report,
    /// The line that it was read from.
    pub line: String,
}

/// A moment: what comes after it belongs to what is done next.
#[derive(Clone)]
pub struct Mark {
    /// When.
    pub at: Instant,
    known: HashSet<(String, String)>,
}

/// Where the agent's words come from.
pub enum Source {
    /// The agent's socket in the container whose process 1 that is, as the run numbers it.
    Container(watch::Receiver<Option<i32>>),
    /// The end of a virtual machine's port: a socket with one line for each report.
    Port(PathBuf),
}

/// Follows the agent's socket, through the agent's own restarts and the guest's. A thread of its
/// own does: the one that plays all scenarios may wait for a disk for seconds, and what is said
/// meanwhile would be heard too late or not at all.
pub struct Timeline {
    log: Arc<Log>,
    length: watch::Receiver<usize>,
    /// The thread ends with it.
    _end: oneshot::Sender<()>,
}

/// What the thread writes down.
struct Log {
    seen: Mutex<Vec<Seen>>,
    length: watch::Sender<usize>,
}

impl Timeline {
    /// Starts to follow an agent.
    pub fn follow(source: Source) -> Result<Self> {
        let (sender, length) = watch::channel(0);
        let log = Arc::new(Log { seen: Mutex::default(), length: sender });
        let (end, ended) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start a runtime")?;
        let writes = Arc::clone(&log);
        thread::Builder::new()
            .name("timeline".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = follow(source, &writes) => {}
                        _ = ended => {}
                    }
                });
            })
            .context("cannot start a thread")?;
        Ok(Self { log, length, _end: end })
    }

    /// Changes with every status that arrives.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<usize> {
        self.length.clone()
    }

    /// A moment from which to look.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let seen = self.log.seen();
        let known = seen.iter().flat_map(|seen| &seen.report.repairs).map(identity).collect();
        Mark { at: Instant::now(), known }
    }

    /// The last status, if there was any.
    #[must_use]
    pub fn last(&self) -> Option<Report> {
        self.log.seen().last().map(|seen| seen.report.clone())
    }

    /// All statuses.
    #[must_use]
    pub fn since_start(&self) -> Vec<Seen> {
        self.log.seen().clone()
    }

    /// All statuses that arrived since a moment.
    #[must_use]
    pub fn since(&self, moment: Instant) -> Vec<Seen> {
        self.log.seen().iter().filter(|seen| seen.at >= moment).cloned().collect()
    }

    /// The repairs that ended since a moment, oldest first.
    #[must_use]
    pub fn repairs_since(&self, mark: &Mark) -> Vec<Repair> {
        let mut known = mark.known.clone();
        let mut found: Vec<Repair> = Vec::new();
        for seen in self.since(mark.at) {
            for repair in seen.report.repairs {
                if known.insert(identity(&repair)) {
                    found.push(repair);
                }
            }
        }
        found.sort_by(|left, right| left.started_at.cmp(&right.started_at));
        found
    }

    /// Waits for the first status since a moment that fits; gives up after `within`.
    pub async fn wait_for(
        &self,
        moment: Instant,
        within: Duration,
        fits: impl Fn(&Report) -> bool,
    ) -> Option<Seen> {
        let mut length = self.length.clone();
        let search = async {
            loop {
                let _ = length.borrow_and_update();
                let hit = self.first_since(moment, &fits);
                if hit.is_some() {
                    return hit;
                }
                length.changed().await.ok()?;
            }
        };
        tokio::time::timeout(within, search).await.ok().flatten()
    }

    fn first_since(&self, moment: Instant, fits: impl Fn(&Report) -> bool) -> Option<Seen> {
        let seen = self.log.seen();
        seen.iter().find(|seen| seen.at >= moment && fits(&seen.report)).cloned()
    }
}

impl Log {
    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its moment is taken while nobody looks: who has seen that it was not there yet, and waits
    /// from a moment before that, must not miss it.
    fn keep(&self, report: Report, line: String) {
        let mut seen = self.seen();
        seen.push(Seen { at: Instant::now(), report, line });
        self.length.send_replace(seen.len());
    }
}

async fn follow(mut source: Source, log: &Log) {
    loop {
        // The stream ends when the agent does. Who waits for a status in vain is told about the
        // last one.
        let _ = match &mut source {
            Source::Container(leader) => {
                let Ok(there) = leader.wait_for(Option::is_some).await.map(|leader| *leader) else {
                    return;
                };
                match there {
                    Some(leader) => read(leader, log).await,
                    None => Ok(()),
                }
            }
            Source::Port(socket) => read_port(socket, log).await,
        };
        // A socket in another mount namespace tells nobody when it appears.
        sleep(Duration::from_millis(50)).await;
    }
}

fn identity(repair: &Repair) -> (String, String) {
    (repair.remedy.clone(), repair.started_at.clone())
}

async fn read(leader: i32, log: &Log) -> Result<()> {
    let socket = PathBuf::from(format!("/proc/{leader}/root/run/saigak-agent/agent.sock"));
    let client = reqwest::Client::builder()
        .unix_socket(socket)
        .no_proxy()
        .build()
        .context("cannot make an HTTP client")?;
    let mut response = client.get("http://agent/v1/watch").send().await?.error_for_status()?;
    let mut pending = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        pending.extend_from_slice(&chunk);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            let line = String::from_utf8(line).context("a status is not UTF-8")?;
            let report = serde_json::from_str(&line).context("a status is not in its shape")?;
            log.keep(report, line);
        }
    }
    Ok(())
}

async fn read_port(socket: &Path, log: &Log) -> Result<()> {
    let mut lines = BufReader::new(UnixStream::connect(socket).await?).lines();
    while let Some(line) = lines.next_line().await? {
        // What is no status was cut, with the agent or the machine that wrote it.
        if let Ok(report) = serde_json::from_str(&line) {
            log.keep(report, line);
        }
    }
    Ok(())
}
