//! Scrapes, read as Prometheus does.

use std::collections::{BTreeMap, BTreeSet};

use super::super::first_report;
use super::*;
use crate::core::reconcile::Waker;
use crate::core::{
    AgentReport, BudgetReport, ConditionReport, Past, ProofReport, PullReport, Role,
    SetAsideReport, Source,
};

fn full() -> Report {
    Report {
        conditions: vec![ConditionReport {
            r#type: "NetworkUp".into(),
            concern: "network".into(),
            role: Role::Required,
            status: Status::False,
            reason: "LinkDown".into(),
            message: "a \"quoted\" one".into(),
            last_transition_time: String::new(),
            since: Duration::from_secs(2),
        }],
        proof: Some(ProofReport { age_seconds: 3.0, latency_seconds: 0.25 }),
        pull: Some(PullReport {
            model: "m".into(),
            completed_bytes: 5,
            total_bytes: u64::MAX,
            rate_bytes_per_second: Some(12),
            stalled_seconds: 3,
            ..PullReport::default()
        }),
        paused_until: Some("later".into()),
        budgets: vec![BudgetReport { remedy: "network/Reconfigure", left: 1, limit: 3 }],
        proofs: vec![("good", 7), ("failed", 0)],
        pulls: vec![("m".into(), 2)],
        set_aside: Some(SetAsideReport { files: 1, bytes: 9 }),
        repairs: vec![Past {
            remedy: "network/Reconfigure".into(),
            condition: "NetworkUp".into(),
            reason: "LinkDown".into(),
            started_at: "then".into(),
            started_unix: 0,
            duration_seconds: 0.1,
            result: "Failed".into(),
            message: "two\nlines".into(),
        }],
        ..first_report(AgentReport::default(), String::new())
    }
}

fn scrape(report: &Report) -> String {
    let waker = Arc::new(Waker::default());
    waker.wake_by(Source::Netlink, 0);
    let counters = Arc::new(Counters::new(waker, Arc::default()));
    let first = first_report(AgentReport::default(), String::new());
    counters.turned();
    counters.turned();
    counters.compare(&first, report);
    counters.compare(report, report);
    counters.lost("journal", 4);
    counters.lost("journal", 4);
    encode(report, &counters, Duration::from_secs(10)).unwrap()
}

/// Reads the text format: each family declared before its samples, and no series twice.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut families = BTreeMap::new();
    let mut series = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let (body, end) = text.split_at(text.len() - "# EOF\n".len());
    assert_eq!(end, "# EOF\n");
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name) = (words.next().unwrap(), words.next().unwrap());
            let rest = words.next().unwrap();
            match kind {
                "HELP" => assert!(rest.ends_with('.') && helped.insert(name.to_owned()), "{line}"),
                "TYPE" => assert!(families.insert(name, rest).is_none(), "{line}"),
                "UNIT" => assert!(name.ends_with(rest), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        let bare = name.split('{').next().unwrap();
        assert!(bare.starts_with("saigak_"), "{line}");
        assert!(bare.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{line}");
        let declared = families.iter().any(|(family, kind)| {
            let suffixes: &[&str] = match *kind {
                "counter" => &["_total"],
                "info" => &["_info"],
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            suffixes.iter().any(|suffix| bare == format!("{family}{suffix}"))
        });
        assert!(declared, "{line} is not declared");
        let value: f64 = value.parse().unwrap();
        assert!(series.insert(name.to_owned(), value).is_none(), "{line} stands there twice");
    }
    assert!(families.keys().all(|family| helped.contains(*family)));
    series
}

#[test]
fn a_scrape_has_the_names_that_rules_use() {
    let series = parse(&scrape(&full()));
    for (name, value) in [
        ("saigak_ready", 0.0),
        ("saigak_paused", 1.0),
        ("saigak_configuration_refused", 0.0),
        ("saigak_report_age_seconds", 10.0),
        (r#"saigak_condition{condition="NetworkUp",status="False",reason="LinkDown"}"#, 1.0),
        (r#"saigak_condition{condition="NetworkUp",status="True",reason=""}"#, 0.0),
        (r#"saigak_condition_age_seconds{condition="NetworkUp"}"#, 8.0),
        (r#"saigak_budget_left{remedy="network/Reconfigure"}"#, 1.0),
        (r#"saigak_budget_limit{remedy="network/Reconfigure"}"#, 3.0),
        ("saigak_proof_age_seconds", 13.0),
        ("saigak_proof_latency_seconds", 0.25),
        (r#"saigak_proofs_total{result="good"}"#, 7.0),
        (r#"saigak_pull_completed_bytes{model="m"}"#, 5.0),
        (r#"saigak_pull_rate_bytes_per_second{model="m"}"#, 12.0),
        (r#"saigak_pull_stalled_seconds{model="m"}"#, 3.0),
        (r#"saigak_pull_attempts_total{model="m"}"#, 2.0),
        ("saigak_set_aside_files", 1.0),
        ("saigak_set_aside_bytes", 9.0),
        ("saigak_reconcile_turns_total", 2.0),
        ("saigak_reconcile_turn_seconds_count", 1.0),
        (r#"saigak_wakeups_total{source="netlink"}"#, 1.0),
        (r#"saigak_lost_messages_total{outlet="journal"}"#, 4.0),
    ] {
        let found = series.get(name).copied();
        assert!(found.is_some_and(|found| (found - value).abs() < 1e-9), "{name}: {found:?}");
    }
    let repairs: Vec<_> =
        series.iter().filter(|(name, _)| name.starts_with("saigak_repairs_total")).collect();
    assert_eq!(repairs.len(), 1);
    assert!(repairs[0].0.contains(r#"result="Failed""#) && (*repairs[0].1 - 1.0).abs() < 1e-9);
}

#[test]
fn the_first_scrape_parses_too() {
    let series = parse(&scrape(&first_report(AgentReport::default(), String::new())));
    assert!(series.keys().any(|name| name.starts_with("saigak_build_info{version=")));
}

#[test]
fn the_document_names_every_metric_and_no_other() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operating.md");
    let document = std::fs::read_to_string(document).unwrap();
    let words = document.split('`').filter(|word| word.starts_with("saigak_"));
    let documented: BTreeSet<&str> = words.collect();
    let text = scrape(&full());
    let series = parse(&text);
    let family = |name: &str| {
        let name = name.split('{').next().unwrap().to_owned();
        let ends = ["_bucket", "_sum", "_count"];
        let end = ends.iter().find_map(|end| name.strip_suffix(end));
        end.map_or(name.clone(), str::to_owned)
    };
    let told: BTreeSet<String> = series.keys().map(|name| family(name)).collect();
    assert_eq!(told.iter().map(String::as_str).collect::<BTreeSet<_>>(), documented);
}
