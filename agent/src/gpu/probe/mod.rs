//! `saigak-agent gpu-probe`: asks NVIDIA's driver through NVML, in a process of its own. A driver
//! in trouble keeps whoever asks it in the kernel for ever; this process can be given up.
//!
//! It writes lines of JSON, [`Line`], to its standard output, which is the agent's connection:
//! what the guest says of the driver, then NVML's answer, then all GPUs every [`POLL`]. What NVML
//! tells by itself, XIDs and ECC errors, is written when it happens; between two lines the
//! process waits inside of NVML and does nothing. It ends when nobody listens any more.

mod host;
mod line;
mod nvml;
mod smi;

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

pub use host::Host;
pub use line::{Failure, Gpu, Line, Remapped, Versions, Xid};

use crate::config::Place;

/// How often temperature, power, clocks, memory and ECC counters are read: NVML tells of none of
/// them by itself.
pub(super) const POLL: Duration = Duration::from_secs(15);

/// Runs at `place` until nobody listens, NVML fails, or a new process is wanted.
#[must_use]
pub fn run(place: Place) -> ExitCode {
    leave_with_the_listener();
    match tell(place) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody listens.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "cannot answer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tell(place: Place) -> io::Result<()> {
    let host = host::look();
    write(&Line::Host(if place == Place::Sidecar { host.in_pod() } else { host }))?;
    match nvml::tell()? {
        None => Ok(()),
        // What cannot be loaded here may be found by NVIDIA's own program. Not in a pod: there it
        // has the same library, and one that hangs would be nobody's child.
        Some(failure) if failure.is_missing_library() && place == Place::Guest => {
            smi::tell(failure)
        }
        Some(failure) => write(&Line::Failed(failure)),
    }
}

/// Waits until the counters are to be read again, where NVML cannot wait for anything.
#[expect(clippy::disallowed_methods, reason = "a process apart, which answers nobody")]
fn pause() {
    thread::sleep(POLL);
}

/// Writes one line, at once.
fn write(line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    io::stdout().lock().write_all(&text)
}

/// Ends the process as soon as its standard output is closed at the other end, also while NVML
/// is waited for: whoever has it open keeps the driver from being unloaded. Without a thread for
/// it, the next line finds out.
fn leave_with_the_listener() {
    let watch = || {
        let output = io::stdout();
        loop {
            // Hang-ups and errors are told unasked.
            let mut watched = [PollFd::new(output.as_fd(), PollFlags::empty())];
            match poll(&mut watched, PollTimeout::NONE) {
                Ok(_) => std::process::exit(0),
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    };
    let _ = thread::Builder::new().name("listener".into()).spawn(watch);
}
