//! Remedies and the rungs that hold them.

use std::fmt::Debug;
use std::time::Duration;

use super::Budget;

/// One typed action on the guest. The core knows what it costs, never what it does.
pub trait Remedy: Copy + Eq + Debug + Send + 'static {
    /// `concern/Name`, as it stands in the budget, the journal and the metrics.
    fn name(self) -> &'static str;
    /// How often it may run.
    fn budget(self) -> Budget;
    /// How long one run may take before it counts as [`Outcome::TimedOut`]. Longer than
    /// whatever carries it out waits itself: one that was given up must not still be at work
    /// when the next begins.
    fn deadline(self) -> Duration;
    /// What it acts on.
    fn touches(self) -> &'static [&'static str];

    /// Whether the two must not run at once: no two act on the same thing at a time.
    fn collides(self, other: Self) -> bool {
        self.touches().iter().any(|thing| other.touches().contains(thing))
    }
}

/// One step of a ladder.
#[derive(Debug, Clone, Copy)]
pub struct Rung<R: 'static> {
    /// What is done.
    pub remedy: R,
    /// How often it is tried before the next rung.
    pub tries: u32,
    /// How long its effect is waited for after the first try. Doubles with each further one.
    pub settle: Duration,
    /// Where the doubling ends.
    pub settle_cap: Duration,
}

impl<R> Rung<R> {
    /// Tried without end, at growing intervals: for what waits on the world outside.
    pub const FOREVER: u32 = u32::MAX;

    /// A rung that waits `settle` seconds after each of its `tries`, doubling up to eight
    /// times as long.
    #[must_use]
    pub const fn new(remedy: R, tries: u32, settle: u64) -> Self {
        Self {
            remedy,
            tries,
            settle: Duration::from_secs(settle),
            settle_cap: Duration::from_secs(settle * 8),
        }
    }

    /// A rung that is tried without end, `settle` seconds apart at first, `cap` at last.
    #[must_use]
    pub const fn forever(remedy: R, settle: u64, cap: u64) -> Self {
        Self {
            remedy,
            tries: Self::FOREVER,
            settle: Duration::from_secs(settle),
            settle_cap: Duration::from_secs(cap),
        }
    }

    /// How long to wait after the `n`th try (from 1) for its effect.
    #[must_use]
    pub fn settle_after(&self, n: u32) -> Duration {
        let doublings = n.saturating_sub(1).min(16);
        self.settle.saturating_mul(1 << doublings).min(self.settle_cap)
    }
}

/// How one run of a remedy ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it should. Whether that helped, the next look tells.
    Succeeded(String),
    /// It saw a reason not to act, and did nothing.
    Refused(String),
    /// It tried and failed.
    Failed(String),
    /// It did not end within its deadline.
    TimedOut,
}

impl Outcome {
    /// The outcome's word in reports and metrics.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Succeeded(_) => "Succeeded",
            Self::Refused(_) => "Refused",
            Self::Failed(_) => "Failed",
            Self::TimedOut => "TimedOut",
        }
    }

    /// What it said, empty where it said nothing.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Succeeded(text) | Self::Refused(text) | Self::Failed(text) => text,
            Self::TimedOut => "",
        }
    }
}
