//! Processes of one control group, as `/proc` tells of them, and their end.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(super) parent: i32,
    /// What it calls itself: 15 bytes at most.
    pub(crate) name: String,
    /// Its directory in `/proc`.
    directory: PathBuf,
    /// The control group that it was found in.
    group: String,
}

/// What a process has used since it was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Used {
    /// What it does, as one letter: `R` runs, `S` sleeps, `D` waits in the kernel, `T` was stopped.
    pub(crate) state: String,
    /// CPU time, in the kernel's ticks.
    pub(crate) ticks: u64,
    /// When it was started, in ticks since the boot.
    pub(crate) started: u64,
    /// Bytes.
    pub(crate) read: u64,
}

/// The name and the fields after it, from `stat`'s `pid (name) state parent …`. The name may hold
/// anything.
fn split(stat: &str) -> Option<(&str, Vec<&str>)> {
    let (head, tail) = stat.rsplit_once(')')?;
    Some((head.split_once('(')?.1, tail.split_ascii_whitespace().collect()))
}

/// How a process that was to end has done so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was gone before, and another may have its number.
    Gone,
    /// By SIGTERM.
    Terminated,
    /// By SIGKILL.
    Killed,
    /// It has not.
    Stays,
}

/// The processes of one control group.
pub(super) struct Processes(Vec<Process>);

impl Processes {
    /// Those of `group` that the directory `proc` tells of.
    pub(super) fn read(proc: &Path, group: &str) -> io::Result<Self> {
        let mut found = Vec::new();
        for entry in fs::read_dir(proc)? {
            let directory = entry?.path();
            let Some(pid) = directory.file_name().and_then(|name| name.to_str()?.parse().ok())
            else {
                continue;
            };
            // One that cannot be read is another user's, or gone.
            found.extend(Process::read(&directory, pid, group));
        }
        found.sort_by_key(|process| process.pid);
        Ok(Self(found))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Process> {
        self.0.iter()
    }

    pub(super) fn children(&self, parent: i32) -> impl Iterator<Item = &Process> {
        self.iter().filter(move |process| process.parent == parent)
    }
}

impl Process {
    /// `None`: it is not there, not in that group, or has ended and waits for its parent.
    fn read(directory: &Path, pid: i32, group: &str) -> Option<Self> {
        let groups = fs::read_to_string(directory.join("cgroup")).ok()?;
        // `hierarchy:controllers:path`; of older hierarchies the path is the same.
        let mut paths = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
        let below = |path: &str| {
            path.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if group.is_empty() || !paths.any(below) {
            return None;
        }
        let stat = fs::read_to_string(directory.join("stat")).ok()?;
        let (name, fields) = split(&stat)?;
        let name = name.to_owned();
        let alive = !matches!(*fields.first()?, "Z" | "X");
        let parent = fields.get(1)?.parse().ok()?;
        let (directory, group) = (directory.to_owned(), group.to_owned());
        alive.then_some(Self { pid, parent, name, directory, group })
    }

    /// Whether it has one of these sockets open, by the numbers of their inodes.
    pub(super) fn holds_socket(&self, inodes: &BTreeSet<u64>) -> bool {
        let open = fs::read_dir(self.directory.join("fd")).into_iter().flatten().flatten();
        let mut targets = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        targets.any(|target| {
            let inode = target.to_str().and_then(|target| {
                target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
            });
            inode.is_some_and(|inode| inodes.contains(&inode))
        })
    }

    /// What it has used since it was started. `None`: it has ended.
    pub(crate) fn used(&self) -> Option<Used> {
        let stat = fs::read_to_string(self.directory.join("stat")).ok()?;
        let (_, fields) = split(&stat)?;
        let number = |field: usize| fields.get(field)?.parse::<u64>().ok();
        // What it has read by calls, and what was read for it where files are mapped.
        let io = fs::read_to_string(self.directory.join("io")).ok()?;
        let read =
            |name: &str| io.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        let read = |name| -> u64 { read(name).unwrap_or_default() };
        Some(Used {
            state: (*fields.first()?).to_owned(),
            ticks: number(11)? + number(12)?,
            started: number(19)?,
            read: read("rchar:") + read("read_bytes:"),
        })
    }

    /// Its command line, its own name first.
    pub(super) fn arguments(&self) -> Vec<String> {
        let line = fs::read(self.directory.join("cmdline")).unwrap_or_default();
        let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    /// The names that the files mapped into its memory have now, where they may be read.
    pub(super) fn mapped(&self) -> Vec<String> {
        let maps = fs::read(self.directory.join("maps")).unwrap_or_default();
        let maps = String::from_utf8_lossy(&maps).into_owned();
        // Nothing before the path has a slash; a mark comes after that of a file without a name.
        let paths = maps.lines().filter_map(|line| line.find('/').and_then(|at| line.get(at..)));
        let paths = paths.map(|path| path.trim_end_matches(" (deleted)"));
        paths.filter_map(|path| path.rsplit('/').next()).map(str::to_owned).collect()
    }

    /// Ends it: SIGTERM, and SIGKILL where it is still there after `patience`.
    ///
    /// A descriptor is taken first and then looked whose it is: from then on no other process can
    /// come to have its number, and a signal to one that has ended is an error.
    pub(super) fn end(&self, patience: Duration) -> io::Result<Ended> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(Ended::Gone) };
        let process = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) => process,
            Err(Errno::SRCH) => return Ok(Ended::Gone),
            Err(error) => return Err(error.into()),
        };
        if Self::read(&self.directory, self.pid, &self.group).as_ref() != Some(self) {
            return Ok(Ended::Gone);
        }
        let signal = |signal| match pidfd_send_signal(&process, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(io::Error::from(error)),
        };
        signal(Signal::TERM)?;
        // One that was stopped by a signal takes no other before this.
        signal(Signal::CONT)?;
        if ends(&process, patience)? {
            return Ok(Ended::Terminated);
        }
        signal(Signal::KILL)?;
        Ok(if ends(&process, patience)? { Ended::Killed } else { Ended::Stays })
    }
}

/// Waits until the process ends, for so long at most: its descriptor is readable then.
fn ends(process: &impl AsFd, patience: Duration) -> io::Result<bool> {
    let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
    let mut waits = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    match poll(&mut waits, timeout) {
        Ok(ready) => Ok(ready > 0),
        Err(error) => Err(error.into()),
    }
}
