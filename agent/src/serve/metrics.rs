//! Prometheus' metrics, made from the published report at each scrape.

mod counters;
mod gpus;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::probes::readiness;
use crate::core::{Report, Status};

pub use counters::Counters;

type Seconds = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StatusLabels {
    condition: String,
    status: &'static str,
    reason: String,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ConditionLabels {
    condition: String,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RemedyLabels {
    remedy: &'static str,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ModelLabels {
    model: String,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ServedLabels {
    model: String,
    required: &'static str,
    status: &'static str,
}

/// All metrics at `uptime`, in the `OpenMetrics` text format.
pub(super) fn encode(
    report: &Report,
    counters: &Arc<Counters>,
    uptime: Duration,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("saigak");
    let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The agent's version", build);
    let ready = readiness(report, uptime).is_ok();
    switch(&mut registry, "ready", "Whether the guest can embed text correctly now", ready);
    let paused = report.paused_until.is_some();
    switch(&mut registry, "paused", "Whether a person has paused repairs", paused);
    let refused = report.configuration.as_ref().is_some_and(|known| known.error.is_some());
    let help = "Whether the configuration, or a newer one, could not be used";
    switch(&mut registry, "configuration_refused", help, refused);
    let age = uptime.saturating_sub(report.uptime).as_secs_f64();
    seconds(&mut registry, "report_age", "Since the loop last published", age);
    conditions(&mut registry, report, uptime);
    budgets(&mut registry, report);
    proofs(&mut registry, report, uptime);
    pull(&mut registry, report);
    models(&mut registry, report);
    set_aside(&mut registry, report);
    counters.register(&mut registry);

    let mut text = String::new();
    encode_registry(&mut text, &registry)?;
    encode_registry(&mut text, &gpus::registry(&counters.gpus()))?;
    encode_eof(&mut text)?;
    Ok(text)
}

fn conditions(registry: &mut Registry, report: &Report, uptime: Duration) {
    let conditions = Family::<StatusLabels, Gauge>::default();
    let ages = Family::<ConditionLabels, Seconds>::default();
    for condition in &report.conditions {
        for status in [Status::True, Status::False, Status::Unknown] {
            let holds = condition.status == status;
            let labels = StatusLabels {
                condition: condition.r#type.clone(),
                status: status.word(),
                reason: if holds { condition.reason.clone() } else { String::new() },
            };
            conditions.get_or_create(&labels).set(i64::from(holds));
        }
        let labels = ConditionLabels { condition: condition.r#type.clone() };
        let age = uptime.saturating_sub(condition.since).as_secs_f64();
        ages.get_or_create(&labels).set(age);
    }
    registry.register("condition", "Conditions: 1 for the status that each one has", conditions);
    let help = "Since the condition's status last changed";
    registry.register_with_unit("condition_age", help, Unit::Seconds, ages);
}

fn budgets(registry: &mut Registry, report: &Report) {
    let left = Family::<RemedyLabels, Gauge>::default();
    let limit = Family::<RemedyLabels, Gauge>::default();
    for budget in &report.budgets {
        let labels = RemedyLabels { remedy: budget.remedy };
        left.get_or_create(&labels).set(whole(budget.left));
        limit.get_or_create(&labels).set(whole(budget.limit));
    }
    registry.register("budget_left", "Runs that a remedy still has in its window", left);
    registry.register("budget_limit", "Runs that a remedy has in any window", limit);
}

fn proofs(registry: &mut Registry, report: &Report, uptime: Duration) {
    if let Some(proof) = report.proof {
        let age = proof.age_seconds + uptime.saturating_sub(report.uptime).as_secs_f64();
        seconds(registry, "proof_age", "Since the last right embedding", age);
        seconds(registry, "proof_latency", "What it took", proof.latency_seconds);
    }
    let ended = Family::<ResultLabels, Counter>::default();
    for (result, count) in &report.proofs {
        ended.get_or_create(&ResultLabels { result }).inc_by(*count);
    }
    registry.register("proofs", "Proofs that have ended, since the agent's start", ended);
}

fn pull(registry: &mut Registry, report: &Report) {
    let begun = Family::<ModelLabels, Counter>::default();
    for (model, count) in &report.pulls {
        begun.get_or_create(&ModelLabels { model: model.clone() }).inc_by(*count);
    }
    registry.register("pull_attempts", "Pulls that were begun, since the agent's start", begun);
    let Some(pull) = &report.pull else { return };
    let mut gauge = |name: &str, help: &str, unit: Unit, value: u64| {
        let family = Family::<ModelLabels, Gauge>::default();
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        family.get_or_create(&ModelLabels { model: pull.model.clone() }).set(value);
        registry.register_with_unit(name, help, unit, family);
    };
    let help = "Bytes of the running pull that are here";
    gauge("pull_completed", help, Unit::Bytes, pull.completed_bytes);
    gauge("pull_total", "Bytes of the running pull", Unit::Bytes, pull.total_bytes);
    let rate = pull.rate_bytes_per_second.unwrap_or_default();
    let unit = Unit::Other("bytes_per_second".into());
    gauge("pull_rate", "What comes in a second, of late", unit, rate);
    let help = "Since anything has moved in the running pull";
    gauge("pull_stalled", help, Unit::Seconds, pull.stalled_seconds);
}

fn models(registry: &mut Registry, report: &Report) {
    let served = Family::<ServedLabels, Gauge>::default();
    for model in &report.models {
        for status in [Status::True, Status::False, Status::Unknown] {
            let labels = ServedLabels {
                model: model.alias.clone(),
                required: if model.required { "true" } else { "false" },
                status: status.word(),
            };
            served.get_or_create(&labels).set(i64::from(model.status == status));
        }
    }
    let help = "Models beside that of [model]: 1 for whether each one is served";
    registry.register("model_served", help, served);
}

fn set_aside(registry: &mut Registry, report: &Report) {
    let Some(kept) = report.set_aside else { return };
    let (files, bytes) = (Gauge::<i64>::default(), Gauge::<i64>::default());
    files.set(i64::try_from(kept.files).unwrap_or(i64::MAX));
    bytes.set(i64::try_from(kept.bytes).unwrap_or(i64::MAX));
    let help = "Damaged files of models that were set aside, and are kept";
    registry.register("set_aside_files", help, files);
    registry.register_with_unit("set_aside", "Their bytes", Unit::Bytes, bytes);
}

fn switch(registry: &mut Registry, name: &str, help: &str, on: bool) {
    let gauge: Gauge = Gauge::default();
    gauge.set(i64::from(on));
    registry.register(name, help, gauge);
}

fn seconds(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Seconds::default();
    gauge.set(value);
    registry.register_with_unit(name, help, Unit::Seconds, gauge);
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
