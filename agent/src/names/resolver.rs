//! The C library's resolver. It follows `/etc/nsswitch.conf` as the server's does, blocks for as
//! long as it likes and cannot be cancelled: so it is asked on a thread of its own, one question
//! at a time. Whoever waits gives up in time; an answer that comes later counts at the next ask.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time;

use crate::question::Question;

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
    /// It was not asked.
    Unneeded,
}

/// The addresses of a host, or why it has none.
type Told = io::Result<Option<IpAddr>>;

type Ask = fn(&str) -> Told;

/// Asks one question at a time.
#[derive(Debug)]
pub struct Resolver {
    ask: Ask,
    deadline: Duration,
    /// What was asked and is not answered yet. Every end of it is an answer, for the host that it
    /// was asked of, however late; an error is that there was nobody to ask.
    question: Question<(String, Told), String>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self { ask: system, deadline: DEADLINE, question: Question::default() }
    }
}

fn system(host: &str) -> Told {
    Ok((host, 443).to_socket_addrs()?.next().map(|address| address.ip()))
}

impl Resolver {
    /// Asks for the addresses of `host`. While an earlier question is still unanswered there is
    /// no new one: its answer is waited for, and counts where it was the same question.
    pub async fn resolve(&self, host: &str) -> Answer {
        let answer = async {
            loop {
                let asked = self.question.ask(self.deadline, ask(self.ask, host.to_owned()));
                match asked.await {
                    Some(Ok((of, told))) if of == host => break answer(told),
                    // An earlier question's.
                    Some(Ok(_)) => {}
                    Some(Err(why)) => break Answer::Refused(why),
                    None => break Answer::Silent,
                }
            }
        };
        time::timeout(self.deadline, answer).await.unwrap_or(Answer::Silent)
    }
}

fn answer(told: Told) -> Answer {
    match told {
        Ok(Some(address)) => Answer::Resolved(address),
        Ok(None) => Answer::Refused("no address".into()),
        Err(error) => Answer::Refused(words(&error)),
    }
}

/// Asks on a thread of its own.
async fn ask(ask: Ask, host: String) -> Result<(String, Told), String> {
    let (tell, told) = oneshot::channel();
    let thread = thread::Builder::new().name("names".into()).stack_size(STACK);
    let asks = move || {
        let told = ask(&host);
        // Whoever asked may be gone.
        drop(tell.send((host, told)));
    };
    thread.spawn(asks).map_err(|error| format!("no thread to ask on: {error}"))?;
    told.await.map_err(|_| "the thread that asked has panicked".into())
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
        let again = Resolver { ask: system, ..resolver };
        assert_eq!(again.resolve("127.0.0.1").await, Answer::Silent);
    }

    #[tokio::test]
    async fn an_answer_that_comes_late_counts_at_the_next_ask_for_the_same_name() {
        let asks = || Resolver {
            ask: |_| {
                thread::park_timeout(Duration::from_millis(200));
                Ok(Some(Ipv4Addr::LOCALHOST.into()))
            },
            deadline: Duration::from_millis(20),
            ..Resolver::default()
        };
        let patient = |resolver| Resolver { ask: hangs, deadline: DEADLINE, ..resolver };
        let resolver = asks();
        assert_eq!(resolver.resolve("a.example").await, Answer::Silent);
        let answer = patient(resolver).resolve("a.example").await;
        assert_eq!(answer, Answer::Resolved(Ipv4Addr::LOCALHOST.into()));
        let resolver = asks();
        assert_eq!(resolver.resolve("a.example").await, Answer::Silent);
        let other = Resolver { ask: |_| Ok(None), deadline: DEADLINE, ..resolver };
        assert_eq!(other.resolve("b.example").await, Answer::Refused("no address".into()));
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
