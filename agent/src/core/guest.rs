//! The narrow trait that the core sees a guest through.

use std::future::Future;
use std::time::Duration;

use super::report::{ConfigurationReport, ModelReport, ProofReport, SetAsideReport};
use super::{Condition, Judgement, Ledger, Moment, Outcome, PullReport, Remedy};

/// How often a concern is looked at when no event asks for it.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// The concern's name.
    pub concern: &'static str,
    /// Between two looks while the guest is ready.
    pub calm: Duration,
    /// Between two looks while it is not.
    pub alert: Duration,
}

/// A guest, real or simulated. Looks and repairs run beside the loop; nothing here blocks.
pub trait Guest {
    /// The actions that exist on it.
    type Remedy: Remedy;

    /// All conditions, each after those that it needs.
    fn conditions(&self) -> &'static [&'static Condition];

    /// The concerns. A concern is addressed by its position here.
    fn concerns(&self) -> &'static [Schedule];

    /// Gathers the facts of one concern and keeps them for [`Guest::judge`]. Bounded in time
    /// by the guest itself.
    fn look(&self, concern: usize) -> impl Future<Output = ()> + Send + 'static;

    /// Judges the facts at hand. Pure: the same facts and time give the same judgements. A
    /// condition without a judgement is `Unknown`.
    fn judge(&self, now: Moment) -> Vec<Judgement<Self::Remedy>>;

    /// Why `remedy` must not run now, if so: the bootstrap is not over, a pull runs, the
    /// unit's start limit would be hit.
    fn held(&self, remedy: Self::Remedy, now: Moment) -> Option<String>;

    /// Carries out one remedy.
    fn repair(&self, remedy: Self::Remedy) -> impl Future<Output = Outcome> + Send + 'static;

    /// Saves the ledger so that it survives a power cut. Calls take effect in their order.
    fn save(&self, ledger: Ledger) -> impl Future<Output = Result<(), String>> + Send + 'static;

    /// The last good proof, for the report.
    fn proof(&self, now: Moment) -> Option<ProofReport>;

    /// The pull that runs, for the report.
    fn pull(&self) -> Option<PullReport>;

    /// All remedies, for the report of their budgets.
    fn remedies(&self) -> Vec<Self::Remedy> {
        Vec::new()
    }

    /// How many proofs have ended with which result, for the metrics.
    fn proofs(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// How many pulls were begun, of which model, for the metrics.
    fn pulls(&self) -> Vec<(String, u64)> {
        Vec::new()
    }

    /// Damaged files that are kept, where that is known, for the metrics.
    fn set_aside(&self) -> Option<SetAsideReport> {
        None
    }

    /// What is to be said of each of the models beside the first, for the report.
    fn models(&self, _: Moment) -> Vec<ModelReport> {
        Vec::new()
    }

    /// The concerns that have been promised differently since this was last asked: nothing that
    /// was seen of them before counts for what is promised now.
    fn renewed(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// The settings that count, for the report.
    fn configuration(&self) -> Option<ConfigurationReport> {
        None
    }
}
