//! One pass over all steps.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::options::Options;
use super::readiness::Readiness;
use super::steps::Step;
use crate::client::{Failure, Layer, Trust, printable};

/// A step that worked.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) step: Step,
    /// What it found, for people.
    pub(super) found: String,
    pub(super) took: Duration,
}

/// One pass over all steps, up to the first that failed.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) done: Vec<Done>,
    pub(super) failed: Option<(Step, Failure)>,
    /// What comes behind the one that failed.
    pub(super) skipped: Vec<Step>,
    /// If it is to be asked.
    pub(super) readiness: Option<Readiness>,
}

/// What came of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All is well.
    Well,
    /// What was asked is reached, and wrong.
    Wrong,
    /// It is not reached.
    Unreachable,
    /// All is well, and the agent says otherwise, or nothing.
    Contradicted,
}

impl Pass {
    /// Takes all steps. None of them lasts longer than until the deadline.
    pub(super) async fn make(options: &Options, trust: &Trust, deadline: Option<Instant>) -> Self {
        let mut pass =
            Self { done: Vec::new(), failed: None, skipped: Vec::new(), readiness: None };
        let mut steps = Step::all(options).into_iter();
        for step in steps.by_ref() {
            let start = Instant::now();
            // A step that hangs leaves time for another pass.
            let end = start + step.patience();
            let end = deadline.map_or(end, |deadline| deadline.min(end));
            let outcome = timeout_at(end, step.take(options, trust)).await.unwrap_or_else(|_| {
                let waited = start.elapsed().as_secs_f64();
                let message = format!("no answer within {waited:.0} s");
                Err(Failure::new(Layer::TimedOut, message))
            });
            match outcome {
                // It may say what the server said.
                Ok(found) => {
                    let found = printable(&found);
                    pass.done.push(Done { step, found, took: start.elapsed() });
                }
                Err(mut failure) => {
                    failure.message = printable(&failure.message);
                    pass.failed = Some((step, failure));
                    break;
                }
            }
        }
        pass.skipped = steps.collect();
        // At once: what it says is held against what was just seen.
        if let Some(url) = options.readiness() {
            pass.readiness = Some(Readiness::ask(url, trust).await);
        }
        pass
    }

    /// Whether a client gets its embedding, whatever else is on its way.
    pub(super) fn served(&self) -> bool {
        self.failed.as_ref().is_none_or(|(step, _)| matches!(step, Step::Route(_)))
    }

    /// Whether the agent says what a client sees; `None` where it was not asked, or said nothing.
    pub(super) fn agrees(&self) -> Option<bool> {
        self.readiness.as_ref()?.agrees(self.served())
    }

    pub(super) fn verdict(&self) -> Verdict {
        match &self.failed {
            Some((_, failure)) if failure.layer.reached() => Verdict::Wrong,
            Some(_) => Verdict::Unreachable,
            None if self.readiness.is_some() && self.agrees() != Some(true) => {
                Verdict::Contradicted
            }
            None => Verdict::Well,
        }
    }
}
