//! Threads that write for the loop. What they write to may hang: a journal that was stopped, a
//! console that nobody reads, a disk. The loop must not, so it hands over and goes on; what does
//! not fit any more is dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Bytes of stack: they only copy and write.
const STACK: usize = 128 << 10;

enum Item<T> {
    Write(T),
    Flush(SyncSender<()>),
}

/// The way into one such thread.
#[derive(Debug)]
pub struct Outlet<T> {
    sender: SyncSender<Item<T>>,
    lost: Arc<AtomicU64>,
}

impl<T> Clone for Outlet<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), lost: Arc::clone(&self.lost) }
    }
}

impl<T: Send + 'static> Outlet<T> {
    /// Starts a thread of that name (15 bytes at most) that calls `write` for each item; up to
    /// `room` items wait for it. Where no thread can be had, all is lost.
    pub fn start(name: &str, room: usize, mut write: impl FnMut(T) + Send + 'static) -> Self {
        Self::start_counted(name, room, move |item| {
            write(item);
            true
        })
    }

    /// The same, where `write` says whether it could: what it could not write is lost as well.
    pub fn start_counted(
        name: &str,
        room: usize,
        mut write: impl FnMut(T) -> bool + Send + 'static,
    ) -> Self {
        let lost = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&lost);
        let write = move |item| {
            if !write(item) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        };
        let (sender, items) = sync_channel(room);
        let thread = thread::Builder::new().name(name.into()).stack_size(STACK);
        // An error drops the receiver: from then on everything is counted as lost.
        drop(thread.spawn(move || serve(&items, write)));
        Self { sender, lost }
    }

    /// Hands an item over. Never waits.
    pub fn put(&self, item: T) {
        if self.sender.try_send(Item::Write(item)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Items that were dropped so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Waits until what was handed over before is written, for `limit` at most.
    pub fn flush(&self, limit: Duration) {
        let (done, waits) = sync_channel(1);
        if self.sender.try_send(Item::Flush(done)).is_ok() {
            // Late or not: there is nothing more to be done about it.
            let _ = waits.recv_timeout(limit);
        }
    }
}

fn serve<T>(items: &Receiver<Item<T>>, mut write: impl FnMut(T)) {
    while let Ok(item) = items.recv() {
        match item {
            Item::Write(item) => write(item),
            Item::Flush(done) => drop(done.try_send(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use super::*;

    #[test]
    fn items_are_written_in_their_order() {
        let (written, read) = channel();
        let outlet = Outlet::start("test", 4, move |n: u32| written.send(n).unwrap());
        for n in 0..3 {
            outlet.put(n);
        }
        outlet.flush(Duration::from_secs(10));
        assert_eq!(read.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(outlet.lost(), 0);
    }

    #[test]
    fn what_could_not_be_written_is_counted() {
        let outlet = Outlet::start_counted("test", 4, |n: u32| n != 1);
        for n in 0..3 {
            outlet.put(n);
        }
        outlet.flush(Duration::from_secs(10));
        assert_eq!(outlet.lost(), 1);
    }

    #[test]
    fn a_writer_that_hangs_holds_nobody_up() {
        let (unblock, blocked) = channel::<()>();
        let outlet = Outlet::start("test", 4, move |_: u32| blocked.recv().unwrap_or(()));
        let begun = Instant::now();
        for n in 0..1000 {
            outlet.put(n);
        }
        outlet.flush(Duration::from_millis(10));
        assert!(begun.elapsed() < Duration::from_secs(5));
        // One is being written, four wait.
        assert!((995..=996).contains(&outlet.lost()), "{}", outlet.lost());
        drop(unblock);
    }
}
