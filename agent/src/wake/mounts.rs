//! Mounts and unmounts: the kernel marks the mount table as having an exceptional condition
//! (`POLLPRI`) once for each time it changes. Waited for on a thread of its own.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::core::Source;
use crate::core::reconcile::Waker;
use crate::guest::concern;

const TABLE: &str = "/proc/self/mountinfo";

/// Starts the thread. Where it cannot be had, the timer sees a change a little later.
pub(super) fn watch(waker: Arc<Waker>) {
    let thread = std::thread::Builder::new().name("mounts".into()).stack_size(64 << 10);
    let started = thread.spawn(move || match follow(&waker) {
        Ok(never) => match never {},
        Err(error) => tracing::warn!(%error, "{TABLE} cannot be watched"),
    });
    if let Err(error) = started {
        tracing::warn!(%error, "no thread to watch {TABLE} with");
    }
}

fn follow(waker: &Waker) -> io::Result<std::convert::Infallible> {
    let table = File::open(TABLE)?;
    loop {
        let mut watched = [PollFd::new(table.as_fd(), PollFlags::POLLPRI)];
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) => {
                waker.wake_by(Source::Mounts, concern::STORAGE);
                waker.wake_by(Source::Mounts, concern::OLLAMA);
            }
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
