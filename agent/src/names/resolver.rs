//! The C library's resolver. It follows `/etc/nsswitch.conf` as the server's does, blocks for as
//! long as it likes and cannot be cancelled: so it is asked on a thread of its own, one question
//! at a time, and given up by whoever waits.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time;

/// How long an answer is waited for. A resolver asks twice, five seconds each, before it gives a
/// server up (resolv.conf(5): `timeout`, `attempts`).
const DEADLINE: Duration = Duration::from_secs(12);

/// The C library needs more than a page or two, and much less than the default of 2 MiB.
const STACK: usize = 512 << 10;

/// What the resolver says of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Its first address.
    Resolved(IpAddr),
    /// None, in the C library's words: an unknown name and a server that is away differ in them.
    Refused(String),
    /// Nothing yet.
    Silent,
}

type Ask = fn(&str) -> io::Result<Option<IpAddr>>;

/// Asks one question at a time.
#[derive(Debug)]
pub struct Resolver {
    ask: Ask,
    deadline: Duration,
    busy: Arc<AtomicBool>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self { ask: system, deadline: DEADLINE, busy: Arc::default() }
    }
}

fn system(host: &str) -> io::Result<Option<IpAddr>> {
    Ok((host, 443).to_socket_addrs()?.next().map(|address| address.ip()))
}

/// Marks the end of a question, however it ends.
struct Question(Arc<AtomicBool>);

impl Drop for Question {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Resolver {
    /// Asks for the addresses of `host`. While an earlier question is still unanswered there is
    /// no new one: the resolver is silent.
    pub async fn resolve(&self, host: &str) -> Answer {
        if self.busy.swap(true, Ordering::AcqRel) {
            return Answer::Silent;
        }
        let question = Question(Arc::clone(&self.busy));
        let (tell, told) = oneshot::channel();
        let (ask, host) = (self.ask, host.to_owned());
        let thread = thread::Builder::new().name("names".into()).stack_size(STACK);
        let begun = thread.spawn(move || {
            let answer = ask(&host);
            drop(question);
            // Whoever asked may have given up.
            let _ = tell.send(answer);
        });
        if let Err(error) = begun {
            return Answer::Refused(format!("no thread to ask on: {error}"));
        }
        match time::timeout(self.deadline, told).await {
            Ok(Ok(Ok(Some(address)))) => Answer::Resolved(address),
            Ok(Ok(Ok(None))) => Answer::Refused("no address".into()),
            Ok(Ok(Err(error))) => Answer::Refused(words(&error)),
            Ok(Err(_)) | Err(_) => Answer::Silent,
        }
    }
}

/// The C library's own words, without what the standard library puts before them.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.rsplit_once("information: ").map_or(text.clone(), |(_, words)| words.to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn hangs(_: &str) -> io::Result<Option<IpAddr>> {
        loop {
            thread::park();
        }
    }

    #[tokio::test]
    async fn a_resolver_that_hangs_is_given_up_and_not_asked_again() {
        let resolver =
            Resolver { ask: hangs, deadline: Duration::from_millis(20), ..Resolver::default() };
        assert_eq!(resolver.resolve("a.example").await, Answer::Silent);
        assert!(resolver.busy.load(Ordering::Acquire));
        let again = Resolver { ask: system, deadline: DEADLINE, busy: resolver.busy };
        assert_eq!(again.resolve("127.0.0.1").await, Answer::Silent);
    }

    #[tokio::test]
    async fn one_question_after_the_other_is_answered() {
        let resolver = Resolver::default();
        for _ in 0..3 {
            let answer = resolver.resolve("127.0.0.1").await;
            assert_eq!(answer, Answer::Resolved(Ipv4Addr::LOCALHOST.into()));
        }
        let fails = Resolver { ask: |_| Err(io::Error::other("away")), ..Resolver::default() };
        assert_eq!(fails.resolve("a.example").await, Answer::Refused("away".into()));
    }

    #[test]
    fn the_c_library_s_words_are_kept() {
        let text = "failed to lookup address information: Name or service not known";
        assert_eq!(words(&io::Error::other(text)), "Name or service not known");
    }
}
