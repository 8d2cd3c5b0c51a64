//! One question at a time to somebody who may hang: a helper before a dead disk, the C library's
//! resolver. A question that has no answer yet is waited for, not asked again, so that it holds
//! one process or thread, however long that hangs.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// Somebody to ask, and the question that is not answered yet.
#[derive(Debug)]
pub(crate) struct Question<T, E> {
    open: Mutex<Option<Open<T, E>>>,
}

#[derive(Debug)]
struct Open<T, E> {
    asked: Instant,
    answer: JoinHandle<Result<T, E>>,
}

impl<T, E> Default for Question<T, E> {
    fn default() -> Self {
        Self { open: Mutex::default() }
    }
}

impl<T: Send + 'static, E: Send + 'static> Question<T, E> {
    /// The answer, to a question asked now or earlier. `None`: that was asked longer than
    /// `deadline` ago and has no answer, or its end was a failure that came later than that.
    pub(crate) async fn ask(
        &self,
        deadline: Duration,
        ask: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Option<Result<T, E>> {
        let mut open = self.open.lock().await;
        let now = Instant::now();
        let waits = open.get_or_insert_with(|| Open { asked: now, answer: tokio::spawn(ask) });
        let due = waits.asked + deadline;
        // Fails only with the end of the runtime, or of a task that panicked.
        let answer = timeout_at(due, &mut waits.answer).await.ok()?.ok();
        *open = None;
        // systemd ends a helper that takes too long. That says no more than silence did.
        answer.filter(|answer| answer.is_ok() || Instant::now() <= due)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::oneshot;
    use tokio::time::{advance, sleep};

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(5);

    type Asked = Question<u32, &'static str>;

    #[tokio::test(start_paused = true)]
    async fn a_hanging_helper_is_asked_once_and_its_late_answer_counts() {
        let question = Asked::default();
        let (disk, hangs) = oneshot::channel();
        let asked = question.ask(DEADLINE, async { hangs.await.map_err(|_| "gone") });
        assert_eq!(asked.await, None);
        let others = Arc::new(AtomicU32::new(0));
        for _ in 0..10 {
            advance(DEADLINE).await;
            let others = Arc::clone(&others);
            let again = question.ask(DEADLINE, async move {
                others.fetch_add(1, Ordering::Relaxed);
                Ok(0)
            });
            assert_eq!(again.await, None);
        }
        assert_eq!(others.load(Ordering::Relaxed), 0);
        disk.send(7).unwrap();
        tokio::task::yield_now().await;
        assert_eq!(question.ask(DEADLINE, async { Ok(0) }).await, Some(Ok(7)));
        assert_eq!(question.ask(DEADLINE, async { Ok(8) }).await, Some(Ok(8)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_helper_that_fails_at_once_has_failed_and_one_ended_late_was_silent() {
        let question = Asked::default();
        assert_eq!(
            question.ask(DEADLINE, async { Err("no socket") }).await,
            Some(Err("no socket"))
        );
        let ended = async {
            sleep(Duration::from_secs(30)).await;
            Err("closed without an answer")
        };
        assert_eq!(question.ask(DEADLINE, ended).await, None);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(question.ask(DEADLINE, async { Ok(1) }).await, None);
        assert_eq!(question.ask(DEADLINE, async { Ok(1) }).await, Some(Ok(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_loses_no_question() {
        let question = Asked::default();
        let slow = async {
            sleep(Duration::from_secs(3)).await;
            Ok(3)
        };
        let early =
            tokio::time::timeout(Duration::from_secs(1), question.ask(DEADLINE, slow)).await;
        assert!(early.is_err());
        assert_eq!(question.ask(DEADLINE, async { Ok(0) }).await, Some(Ok(3)));
    }
}
