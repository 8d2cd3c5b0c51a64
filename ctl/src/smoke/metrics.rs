//! The last pass as Prometheus' metrics, made at each scrape.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

use super::options::Options;
use super::pass::{Done, Pass, Verdict};
use super::readiness::Said;
use crate::client::Layer;

type Seconds = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LayerLabel {
    layer: &'static str,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StepLabel {
    step: String,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

/// What has been seen so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    last: Option<(Pass, Instant)>,
    /// How many passes came to what.
    passes: BTreeMap<&'static str, u64>,
}

impl Verdict {
    const ALL: [Self; 4] = [Self::Well, Self::Wrong, Self::Unreachable, Self::Contradicted];

    fn label(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Wrong => "wrong",
            Self::Unreachable => "unreachable",
            Self::Contradicted => "contradicted",
        }
    }
}

impl Seen {
    pub(super) fn add(&mut self, pass: Pass) {
        *self.passes.entry(pass.verdict().label()).or_default() += 1;
        self.last = Some((pass, Instant::now()));
    }

    /// All metrics, in the `OpenMetrics` text format. What is not known is left out.
    pub(super) fn encode(&self, options: &Options) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("saigak_smoke");
        let target = Info::new([
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("url", options.url.to_string()),
            ("model", options.model.clone()),
        ]);
        registry.register("target", "What is asked, and by which version", target);
        let passes = Family::<ResultLabel, Counter>::default();
        for verdict in Verdict::ALL {
            let result = verdict.label();
            let count = self.passes.get(result).copied().unwrap_or_default();
            passes.get_or_create(&ResultLabel { result }).inc_by(count);
        }
        registry.register("passes", "Passes that have ended", passes);
        if let Some((pass, ended)) = &self.last {
            last(&mut registry, pass);
            let age = Seconds::default();
            age.set(ended.elapsed().as_secs_f64());
            registry.register_with_unit("age", "Since the last pass ended", Unit::Seconds, age);
        }
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

fn last(registry: &mut Registry, pass: &Pass) {
    switch(registry, "served", "Whether a client gets its embedding", pass.served());
    let well = pass.verdict() == Verdict::Well;
    switch(registry, "well", "Whether all of the last pass was well", well);
    let failed = Family::<LayerLabel, Gauge>::default();
    let at = pass.failed.as_ref().map(|(_, failure)| failure.layer);
    for layer in Layer::ALL {
        let label = LayerLabel { layer: layer.name() };
        failed.get_or_create(&label).set(i64::from(at == Some(layer)));
    }
    registry.register("failed", "The layer at which the last pass failed", failed);
    let durations = Family::<StepLabel, Seconds>::default();
    for Done { step, took, .. } in &pass.done {
        durations.get_or_create(&StepLabel { step: step.name() }).set(took.as_secs_f64());
    }
    let help = "How long each step of the last pass took that worked";
    registry.register_with_unit("step_duration", help, Unit::Seconds, durations);
    if let Some(Ok(said)) = pass.readiness.as_ref().map(|readiness| &readiness.said) {
        switch(registry, "ready", "Whether the agent says ready", *said == Said::Ready);
    }
    if let Some(agrees) = pass.agrees() {
        switch(registry, "agrees", "Whether the agent says what a client sees", agrees);
    }
}

fn switch(registry: &mut Registry, name: &str, help: &str, on: bool) {
    let gauge: Gauge = Gauge::default();
    gauge.set(i64::from(on));
    registry.register(name, help, gauge);
}
