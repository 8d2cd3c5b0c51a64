//! Prometheus' metrics, made from the published report at each scrape.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode as encode_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::probes::readiness;
use crate::core::{Report, Status};

type Seconds = Gauge<f64, AtomicU64>;

/// What is counted from the agent's start on.
#[derive(Debug, Default)]
pub struct Counters {
    turns: AtomicU64,
    repairs: Family<RepairLabels, Counter>,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RepairLabels {
    remedy: String,
    condition: String,
    reason: String,
    result: String,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ConditionLabels {
    condition: String,
    status: &'static str,
    reason: String,
}

impl Counters {
    /// Notes one turn of the loop.
    pub fn turned(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes the repairs that have ended between two reports.
    pub fn compare(&self, before: &Report, after: &Report) {
        let Some(flying) = &before.repair else { return };
        if after.repair.as_ref() == Some(flying) {
            return;
        }
        let ended = after
            .repairs
            .iter()
            .rev()
            .find(|past| past.started_at == flying.started_at && past.remedy == flying.remedy);
        if let Some(past) = ended {
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

/// All metrics at `uptime`, in the `OpenMetrics` text format.
pub(super) fn encode(
    report: &Report,
    counters: &Arc<Counters>,
    uptime: Duration,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("saigak");
    let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The agent's version", build);

    let ready: Gauge = Gauge::default();
    ready.set(i64::from(readiness(report, uptime).is_ok()));
    registry.register("ready", "Whether the guest can embed text correctly now", ready);

    let paused: Gauge = Gauge::default();
    paused.set(i64::from(report.paused_until.is_some()));
    registry.register("paused", "Whether a person has paused repairs", paused);

    let conditions = Family::<ConditionLabels, Gauge>::default();
    for condition in &report.conditions {
        for status in [Status::True, Status::False, Status::Unknown] {
            let holds = condition.status == status;
            let labels = ConditionLabels {
                condition: condition.r#type.clone(),
                status: status.word(),
                reason: if holds { condition.reason.clone() } else { String::new() },
            };
            conditions.get_or_create(&labels).set(i64::from(holds));
        }
    }
    registry.register("condition", "Conditions: 1 for the status that each one has", conditions);

    if let Some(proof) = report.proof {
        let since_report = uptime.saturating_sub(report.uptime).as_secs_f64();
        seconds(
            &mut registry,
            "proof_age",
            "Since the last right embedding",
            proof.age_seconds + since_report,
        );
        seconds(&mut registry, "proof_latency", "What it took", proof.latency_seconds);
    }
    let age = uptime.saturating_sub(report.uptime).as_secs_f64();
    seconds(&mut registry, "report_age", "Since the loop last published", age);
    if let Some(pull) = &report.pull {
        bytes(
            &mut registry,
            "pull_completed",
            "Bytes of the running pull that are here",
            pull.completed_bytes,
        );
        bytes(&mut registry, "pull_total", "Bytes of the running pull", pull.total_bytes);
    }
    let turns: Counter = Counter::default();
    turns.inc_by(counters.turns.load(Ordering::Relaxed));
    registry.register("reconcile_turns", "Turns of the loop", turns);
    let repairs = counters.repairs.clone();
    registry.register("repairs", "Repairs that have ended, since the agent's start", repairs);

    let mut text = String::new();
    encode_text(&mut text, &registry)?;
    Ok(text)
}

fn seconds(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Seconds::default();
    gauge.set(value);
    registry.register_with_unit(name, help, Unit::Seconds, gauge);
}

fn bytes(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge: Gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register_with_unit(name, help, Unit::Bytes, gauge);
}

#[cfg(test)]
mod tests {
    use super::super::first_report;
    use super::*;
    use crate::core::AgentReport;

    #[test]
    fn a_scrape_has_the_names_that_rules_use() {
        let report = first_report(AgentReport::default(), String::new());
        let text = encode(&report, &Arc::default(), Duration::from_secs(1)).unwrap();
        for name in ["saigak_build_info{version=", "saigak_ready 0", "saigak_report_age_seconds 1"]
        {
            assert!(text.contains(name), "{name} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
