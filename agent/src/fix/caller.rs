//! Who asked for the repair: a connection that waits on the socket, or nobody but a person.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use rustix::net::sockopt::socket_acceptconn;

use super::Reply;

/// An answer is far smaller than the socket's buffer. Whoever does not take it in this time
/// does not get it.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// The connection to answer, if there is one.
pub(super) struct Caller(Option<UnixStream>);

impl Caller {
    /// Takes the connection that waits on the listening socket that is the standard input
    /// (`StandardInput=socket`). Standard input, because a descriptor that comes as a number
    /// alone cannot be taken over without unsafe code.
    pub(super) fn take() -> Self {
        Self(waiting().ok().flatten())
    }

    /// Tells the caller, and the journal through standard output.
    pub(super) fn answer(self, reply: &Reply) {
        // If nobody listens any more, the repair and its exit status still stand.
        let _ = writeln!(io::stdout(), "{reply}");
        if let Some(stream) = self.0 {
            let _ = send(stream, reply);
        }
    }
}

/// `None`: the program was started by hand.
fn waiting() -> io::Result<Option<UnixStream>> {
    let stdin = io::stdin();
    if !socket_acceptconn(stdin.as_fd())? {
        return Ok(None);
    }
    let listener = UnixListener::from(stdin.as_fd().try_clone_to_owned()?);
    listener.set_nonblocking(true)?;
    match listener.accept() {
        Ok((stream, _)) => Ok(Some(stream)),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(e) => Err(e),
    }
}

fn send(mut stream: UnixStream, reply: &Reply) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(ANSWER_DEADLINE))?;
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    stream.write_all(&line)
}
