//! The daemon's side of the probe: follows what it says, and gives it up when it says nothing.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time;

use super::child::{self, Children, Refused};
use super::probe::Line;
use super::seen::{Driver, Seen};
use crate::config::Place;
use crate::core::reconcile::Waker;
use crate::core::{BootClock, Clock, Source};
use crate::guest::concern;

/// Where the probe of a guest is had: systemd starts one for each connection. One that was given
/// up stays as it is, in a unit of its own.
const SOCKET: &str = "/run/saigak-fix/probe-gpu.sock";

/// How long the probe may say nothing. It speaks every 15 s; a driver that is not kept loaded
/// takes seconds for each GPU when it is first asked.
const SILENCE: Duration = Duration::from_secs(30);

/// More than any line: some kilobytes for 64 GPUs.
const LINE_MAX: u64 = 256 << 10;

/// The pause before the next probe, where the last one had its life, or was refused: it doubles.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// The same where the last one was given up: each may stay in the kernel for ever.
const PAUSE_SILENT: Duration = Duration::from_secs(5);
const LONGEST_SILENT: Duration = Duration::from_secs(600);

/// The probe, as the daemon knows it.
#[derive(Debug, Default)]
pub struct Probe {
    seen: Mutex<Seen>,
    task: Mutex<Option<AbortHandle>>,
    /// Those of a pod, also of a task that is over.
    children: Mutex<Children>,
    /// Asks for the next probe at once.
    again: Notify,
}

/// How one probe ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It closed the connection, and has said something.
    Closed,
    /// It said nothing for too long.
    Silent,
    /// There was none: as many as there may be hang.
    Full,
    /// It could not be had, or said what makes no sense.
    Failed(String),
}

impl Probe {
    /// What it has said so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.lock().clone()
    }

    /// Has a probe at work from now on, or none: a guest's by its socket, a pod's as a child.
    pub fn want(self: &Arc<Self>, wanted: bool, place: Place, waker: &Arc<Waker>) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted == task.is_some() {
            return;
        }
        if let Some(task) = task.take() {
            task.abort();
            *self.lock() = Seen::default();
        } else {
            let run = follow(Arc::clone(self), place, Arc::clone(waker));
            *task = Some(tokio::spawn(run).abort_handle());
        }
    }

    /// Something was done about the driver: it is asked again at once. `refused` is what the
    /// kernel said against its signature, if it did.
    pub(super) fn ask_again(&self, refused: Option<String>) {
        self.lock().refused = refused;
        self.again.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how a probe ended, and says how long to wait for the next. `failures` counts those
    /// in a row that brought nothing.
    fn ended(&self, end: End, failures: &mut u32) -> Duration {
        let mut seen = self.lock();
        let (first, longest) = match end {
            End::Closed if matches!(seen.driver, Driver::Up(_)) => {
                *failures = 0;
                return PAUSE;
            }
            End::Closed => (PAUSE, LONGEST),
            End::Silent => {
                seen.driver = Driver::Silent;
                seen.abandoned += 1;
                (PAUSE_SILENT, LONGEST_SILENT)
            }
            End::Full => {
                seen.driver = Driver::Silent;
                (PAUSE_SILENT, LONGEST_SILENT)
            }
            // As many as there may be hang: systemd takes no more.
            End::Failed(_) if seen.driver == Driver::Silent => (PAUSE_SILENT, LONGEST_SILENT),
            End::Failed(why) => {
                seen.driver = Driver::NoProbe(why);
                (PAUSE, LONGEST)
            }
        };
        let pause = first.saturating_mul(1 << (*failures).min(16)).min(longest);
        *failures = failures.saturating_add(1);
        pause
    }
}

/// Has one probe after the other for ever.
async fn follow(probe: Arc<Probe>, place: Place, waker: Arc<Waker>) {
    let mut failures = 0;
    loop {
        let end = match place {
            Place::Guest => listen(Path::new(SOCKET), &probe, &waker).await,
            Place::Sidecar => raise(&probe, &waker).await,
        };
        if end != End::Closed {
            tracing::warn!(?end, "the GPU's probe");
        }
        let pause = probe.ended(end, &mut failures);
        waker.wake_by(Source::Gpu, concern::GPU);
        let _ = time::timeout(pause, probe.again.notified()).await;
    }
}

/// Has a guest's probe, and takes in what it says.
async fn listen(socket: &Path, probe: &Probe, waker: &Waker) -> End {
    let from = socket.display().to_string();
    match time::timeout(SILENCE, UnixStream::connect(socket)).await {
        Ok(Ok(stream)) => hear(stream, &from, probe, waker).await,
        Ok(Err(error)) => End::Failed(format!("cannot connect to {from}: {error}")),
        Err(_) => End::Failed(format!("{from} takes no connection")),
    }
}

/// Starts a pod's probe, and takes in what it says.
async fn raise(probe: &Probe, waker: &Waker) -> End {
    let started = {
        let mut children = probe.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.start(child::probe())
    };
    match started {
        Ok(output) => hear(output, "the probe", probe, waker).await,
        Err(Refused::Full) => End::Full,
        Err(Refused::Failed(why)) => End::Failed(why),
    }
}

/// Takes in what one probe says until it ends. Closing the connection is all that is done to it:
/// one that hangs in the kernel cannot be ended, and one that has the GPU open must not be killed.
async fn hear(stream: impl AsyncRead + Unpin, from: &str, probe: &Probe, waker: &Waker) -> End {
    let mut reader = BufReader::new(stream);
    let mut said = false;
    loop {
        let mut text = Vec::new();
        let mut limited = (&mut reader).take(LINE_MAX);
        match time::timeout(SILENCE, limited.read_until(b'\n', &mut text)).await {
            Err(_) => return End::Silent,
            Ok(Err(error)) => return End::Failed(format!("{from}: {error}")),
            Ok(Ok(0)) if said => return End::Closed,
            Ok(Ok(0)) => return End::Failed(format!("{from} closed without an answer")),
            Ok(Ok(_)) => {}
        }
        let line: Line = match serde_json::from_slice(&text) {
            Ok(line) => line,
            Err(error) => return End::Failed(format!("not a line of the probe: {error}")),
        };
        said = true;
        let tells = !matches!(line, Line::Host(_));
        probe.lock().take(line, BootClock.now().uptime);
        if tells {
            waker.wake_by(Source::Gpu, concern::GPU);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::UnixListener;

    use super::super::probe::{Failure, Versions};
    use super::*;

    /// What comes of a probe that says `text` and then closes, or keeps silent.
    async fn heard(text: &str, closes: bool) -> (End, Seen) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("probe.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let text = text.to_owned();
        let speak = async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            if !closes {
                std::future::pending::<()>().await;
            }
        };
        let speaker = tokio::spawn(speak);
        let probe = Probe::default();
        let end = listen(&path, &probe, &Waker::default()).await;
        speaker.abort();
        (end, probe.seen())
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_says_nothing_more_is_given_up() {
        let up = "{\"nvml\":{\"driver\":\"550\",\"library\":\"12.550\"}}\n";
        let (end, seen) = heard(up, false).await;
        assert_eq!(end, End::Silent);
        assert!(matches!(seen.driver, Driver::Up(_)));
        assert_eq!(heard("", false).await.0, End::Silent);
        assert_eq!(heard(up, true).await.0, End::Closed);
        assert!(matches!(heard("", true).await.0, End::Failed(_)));
        assert!(matches!(heard("nonsense\n", false).await.0, End::Failed(_)));
    }

    #[test]
    fn probes_that_hang_come_ever_more_rarely_and_are_counted() {
        let probe = Probe::default();
        let mut failures = 0;
        let pauses: Vec<_> =
            (0..9).map(|_| probe.ended(End::Silent, &mut failures).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        // No more are let in: still the same trouble.
        probe.ended(End::Failed("closed".into()), &mut failures);
        assert_eq!(probe.seen().driver, Driver::Silent);
        probe.lock().driver = Driver::NotAsked;
        assert_eq!(probe.ended(End::Full, &mut failures), LONGEST_SILENT);
        assert_eq!(probe.seen().driver, Driver::Silent);
        assert_eq!(probe.seen().abandoned, 9);
        let versions = Versions { driver: "550".into(), library: None };
        probe.lock().take(Line::Nvml(versions), Duration::ZERO);
        assert_eq!(probe.ended(End::Closed, &mut failures), PAUSE);
        assert_eq!(failures, 0);
    }

    #[test]
    fn a_driver_that_is_down_is_asked_again_within_half_a_minute() {
        let probe = Probe::default();
        probe.lock().driver = Driver::Down(Failure { code: 9, words: String::new() });
        let mut failures = 0;
        let pauses: Vec<_> =
            (0..7).map(|_| probe.ended(End::Closed, &mut failures).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    }
}
