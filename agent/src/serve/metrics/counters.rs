//! What is counted from the agent's start on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::core::reconcile::Waker;
use crate::core::{Report, Source};
use crate::gpu;

/// Upper bounds of what a turn of the loop takes, in seconds. It does no I/O, so it should stay
/// in the first few.
const TURNS: [f64; 7] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.1, 1.0];

/// What is counted from the agent's start on.
#[derive(Debug)]
pub struct Counters {
    waker: Arc<Waker>,
    gpus: Arc<gpu::Probe>,
    turns: AtomicU64,
    took: Histogram,
    repairs: Family<RepairLabels, Counter>,
    lost: Family<OutletLabels, Counter>,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RepairLabels {
    remedy: String,
    condition: String,
    reason: String,
    result: String,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutletLabels {
    outlet: &'static str,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SourceLabels {
    source: &'static str,
}

impl Counters {
    /// Counts for the loop that `waker` wakes, and tells of what `gpus` has seen.
    #[must_use]
    pub fn new(waker: Arc<Waker>, gpus: Arc<gpu::Probe>) -> Self {
        Self {
            waker,
            gpus,
            turns: AtomicU64::new(0),
            took: Histogram::new(TURNS),
            repairs: Family::default(),
            lost: Family::default(),
        }
    }

    /// What is known of the GPUs.
    pub(super) fn gpus(&self) -> gpu::Seen {
        self.gpus.seen()
    }

    /// Notes one turn of the loop, and what the one before took.
    pub fn turned(&self) {
        if self.turns.fetch_add(1, Ordering::Relaxed) > 0 {
            self.took.observe(self.waker.tally().last_turn().as_secs_f64());
        }
    }

    /// Notes the repairs that have ended between two reports.
    pub fn compare(&self, before: &Report, after: &Report) {
        for past in &after.repairs {
            let known = |other: &crate::core::Past| {
                other.remedy == past.remedy && other.started_at == past.started_at
            };
            if !before.repairs.iter().any(known) {
                let labels = RepairLabels {
                    remedy: past.remedy.clone(),
                    condition: past.condition.clone(),
                    reason: past.reason.clone(),
                    result: past.result.clone(),
                };
                self.repairs.get_or_create(&labels).inc();
            }
        }
    }

    /// Notes how much was dropped so far on one way out.
    pub fn lost(&self, outlet: &'static str, so_far: u64) {
        let counter = self.lost.get_or_create(&OutletLabels { outlet });
        counter.inc_by(so_far.saturating_sub(counter.get()));
    }

    /// Adds all of it to a scrape.
    pub(super) fn register(&self, registry: &mut Registry) {
        let turns: Counter = Counter::default();
        turns.inc_by(self.turns.load(Ordering::Relaxed));
        registry.register("reconcile_turns", "Turns of the loop", turns);
        let took = self.took.clone();
        registry.register_with_unit("reconcile_turn", "What they took", Unit::Seconds, took);
        let wakes = Family::<SourceLabels, Counter>::default();
        for source in Source::ALL {
            let count = self.waker.tally().wakes(source);
            wakes.get_or_create(&SourceLabels { source: source.word() }).inc_by(count);
        }
        registry.register("wakeups", "What has made the loop turn", wakes);
        let repairs = self.repairs.clone();
        registry.register("repairs", "Repairs that have ended, since the agent's start", repairs);
        let abandoned: Counter = Counter::default();
        abandoned.inc_by(self.gpus().abandoned);
        let help = "Probes of the GPUs that were given up";
        registry.register("gpu_probes_abandoned", help, abandoned);
        let lost = self.lost.clone();
        registry.register("lost_messages", "What could not be written in time", lost);
    }
}
