//! Whether a server in another container is stuck. Neither its processes nor what they use can be
//! seen from there. All that tells is a question that it answers from memory, in under a
//! millisecond and however busy it is: `GET /`. One that leaves it unanswered may still be short
//! of CPU or waiting for a disk, so it is given far more time than it could need, several times
//! over. Each wait is counted, not the time since the last answer: whoever was suspended together
//! with the server has only one of them spoilt.
//!
//! What it does not tell: whether a runner is stuck behind a server that answers, and whether a
//! server that has not answered once since it listens will ever do so. Neither is called stuck.

use std::time::Duration;

use super::facts::Answer;

/// How long one question waits for its answer.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Between an answer and the next question.
pub const APART: Duration = Duration::from_secs(10);

/// How many questions in a row must have waited in vain.
const IN_VAIN: u32 = 5;

/// With so many connections open it may have no file left for another, and be at work for those
/// that it has: half of 1024, the lowest limit that is usual.
const CROWD: usize = 512;

/// How long what was seen last says anything: the next question has ended long before.
const COUNTS: Duration = Duration::from_secs(60);

/// What the questions have come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Patience {
    /// Whether one was answered since something listens there.
    answered: bool,
    /// How many have waited in vain since the last answer.
    in_vain: u32,
    /// Uptime at which the last one ended.
    ended: Duration,
}

impl Patience {
    /// The same after a question that ended at `uptime`. `connections` are open to the server.
    #[must_use]
    pub fn follow(self, answer: Option<&Answer>, connections: usize, uptime: Duration) -> Self {
        let (answered, in_vain) = match answer {
            Some(Answer::Alive) => (true, 0),
            Some(Answer::Silent) if self.answered && connections < CROWD => {
                (true, self.in_vain.saturating_add(1))
            }
            Some(Answer::Silent) => (self.answered, 0),
            // Nobody listens, or it is another: the next one is as if just started.
            Some(Answer::Refused | Answer::Wrong(_)) | None => (false, 0),
        };
        Self { answered, in_vain, ended: uptime }
    }

    /// Whether the server is proven stuck, as far as is known at `uptime`.
    #[must_use]
    pub fn is_at_its_end(&self, uptime: Duration) -> bool {
        self.in_vain >= IN_VAIN && uptime.saturating_sub(self.ended) < COUNTS
    }

    /// What it has waited for in vain, for a person.
    #[must_use]
    pub fn evidence(&self) -> String {
        let seconds = PATIENCE.as_secs();
        format!("{} questions in a row had no answer within {seconds} s each", self.in_vain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(answers: &[Option<Answer>], connections: usize) -> Patience {
        let step = |before: Patience, answer: &Option<Answer>| {
            before.follow(answer.as_ref(), connections, before.ended + PATIENCE)
        };
        answers.iter().fold(Patience::default(), step)
    }

    fn stuck(answers: &[Option<Answer>], connections: usize) -> bool {
        let patience = after(answers, connections);
        patience.is_at_its_end(patience.ended)
    }

    const ALIVE: Option<Answer> = Some(Answer::Alive);
    const SILENT: Option<Answer> = Some(Answer::Silent);

    fn silent(times: usize) -> Vec<Option<Answer>> {
        [vec![ALIVE], vec![SILENT; times]].concat()
    }

    #[test]
    fn a_server_is_stuck_once_five_questions_in_a_row_have_waited_in_vain() {
        assert!(!stuck(&silent(4), 0));
        assert!(stuck(&silent(5), 0));
        assert!(after(&silent(5), 0).evidence().starts_with("5 questions"));
    }

    #[test]
    fn one_answer_is_enough_to_be_alive() {
        let slow = [silent(4), vec![ALIVE], vec![SILENT; 4]].concat();
        assert!(!stuck(&slow, 0));
    }

    #[test]
    fn a_server_that_has_not_answered_yet_is_not_stuck() {
        assert!(!stuck(&[SILENT; 50], 0));
        for between in [Some(Answer::Refused), Some(Answer::Wrong("404".into())), None] {
            let restarted = [vec![ALIVE], vec![between], vec![SILENT; 50]].concat();
            assert!(!stuck(&restarted, 0));
        }
    }

    #[test]
    fn a_crowd_may_keep_it_from_answering() {
        assert!(stuck(&silent(5), CROWD - 1));
        assert!(!stuck(&silent(50), CROWD));
    }

    #[test]
    fn what_was_seen_long_ago_proves_nothing() {
        let patience = after(&silent(9), 0);
        assert!(patience.is_at_its_end(patience.ended + PATIENCE + APART));
        assert!(!patience.is_at_its_end(patience.ended + COUNTS));
    }
}
