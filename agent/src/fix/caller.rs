//! Who asked for the repair: a connection that waits on the socket, or nobody but a person.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::net::sockopt::socket_acceptconn;

use super::Reply;

/// An answer is far smaller than the socket's buffer. Whoever does not take it in this time
/// does not get it.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// Who asked.
#[derive(Debug)]
pub(super) enum Caller {
    /// A person: nothing waits on the socket, or there is no socket.
    Person,
    /// A connection that waits for the answer.
    Waiting(UnixStream),
    /// A connection that was given up before the repair began, or cannot be told from one.
    Gone,
}

impl Caller {
    /// Takes the connection that waits on the listening socket that is the standard input
    /// (`StandardInput=socket`). Standard input, because a descriptor that comes as a number
    /// alone cannot be taken over without unsafe code.
    pub(super) fn take() -> Self {
        Self::on(io::stdin().as_fd())
    }

    fn on(input: BorrowedFd<'_>) -> Self {
        // No socket at all is an error here.
        if !socket_acceptconn(input).unwrap_or(false) {
            return Self::Person;
        }
        match accept(input) {
            Ok(None) => Self::Person,
            Ok(Some(stream)) if is_there(&stream) => Self::Waiting(stream),
            Ok(Some(_)) | Err(_) => Self::Gone,
        }
    }

    /// Tells the caller, and the journal through standard output.
    pub(super) fn answer(self, reply: &Reply) {
        // If nobody listens any more, the repair and its exit status still stand.
        let _ = writeln!(io::stdout(), "{reply}");
        if let Self::Waiting(stream) = self {
            let _ = send(stream, reply);
        }
    }
}

/// `None`: no connection waits.
fn accept(listener: BorrowedFd<'_>) -> io::Result<Option<UnixStream>> {
    let listener = UnixListener::from(listener.try_clone_to_owned()?);
    listener.set_nonblocking(true)?;
    match listener.accept() {
        Ok((stream, _)) => Ok(Some(stream)),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(e) => Err(e),
    }
}

/// Whether the other end is still open. A connection outlives its client in the queue, for as
/// long as an earlier repair takes. One that only has nothing more to say is still there: that
/// is no `POLLHUP`.
fn is_there(stream: &UnixStream) -> bool {
    // Hang-ups and errors are told unasked.
    let mut seen = [PollFd::new(stream.as_fd(), PollFlags::empty())];
    matches!(poll(&mut seen, PollTimeout::ZERO), Ok(0))
}

fn send(mut stream: UnixStream, reply: &Reply) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(ANSWER_DEADLINE))?;
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    stream.write_all(&line)
}

#[cfg(test)]
mod tests {
    use std::net::Shutdown;

    use super::*;

    #[test]
    fn a_connection_whose_client_has_gone_is_told_from_one_that_waits() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let caller = || Caller::on(listener.as_fd());
        assert!(matches!(caller(), Caller::Person));

        let given_up = UnixStream::connect(&path).unwrap();
        let waits = UnixStream::connect(&path).unwrap();
        let quiet = UnixStream::connect(&path).unwrap();
        drop(given_up);
        quiet.shutdown(Shutdown::Write).unwrap();
        assert!(matches!(caller(), Caller::Gone));
        assert!(matches!(caller(), Caller::Waiting(_)));
        assert!(matches!(caller(), Caller::Waiting(_)));
        assert!(matches!(caller(), Caller::Person));
        drop((waits, quiet));

        let file = tempfile::tempfile().unwrap();
        assert!(matches!(Caller::on(file.as_fd()), Caller::Person));
    }
}
