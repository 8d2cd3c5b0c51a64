//! The alert rules, on what guests of the lab have told Prometheus: `recorded/` holds scrapes that
//! the lab's scenario `scrapes` has kept. A guest in a state goes on saying the same, so a scrape
//! stands for each of the minutes that the state lasts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::objects::{Objects, list};
use crate::repository::Repository;
use crate::tools::tool;

/// What Prometheus gets from a guest in a minute.
#[derive(Clone, Copy)]
enum Scrape {
    /// A file of `recorded/`.
    Of(&'static str),
    /// No answer.
    Down,
    /// There is nobody to ask.
    Gone,
}

use Scrape::{Down, Gone, Of};

/// What a guest says, for so many minutes each, and the alerts that fire then: all of them.
type Case = (&'static [(Scrape, usize)], &'static [&'static str]);

const HEALTHY: Scrape = Of("healthy");

const CASES: &[Case] = &[
    (&[(HEALTHY, 120)], &[]),
    // Where it is wrong, from outside to inside.
    (&[(Gone, 10)], &["SaigakNoEndpoint"]),
    (&[(HEALTHY, 30), (Gone, 4)], &[]),
    (&[(HEALTHY, 30), (Gone, 10)], &["SaigakNoEndpoint"]),
    (&[(HEALTHY, 30), (Down, 4)], &[]),
    (&[(HEALTHY, 30), (Down, 10)], &["SaigakScrapeFailed"]),
    (&[(HEALTHY, 30), (Of("gpu-lost"), 10)], &["SaigakGpuIll", "SaigakNotReady", "SaigakXid"]),
    // A first boot has an hour.
    (&[(Down, 50)], &[]),
    (&[(Down, 70)], &["SaigakFirstBootTooLong"]),
    (&[(Down, 20), (Of("on-cpu"), 50)], &["SaigakModelOnCpu", "SaigakFirstBootTooLong"]),
    // A restart is no first boot.
    (&[(HEALTHY, 10), (Gone, 3), (Down, 7)], &["SaigakScrapeFailed"]),
    // What is wrong.
    (&[(HEALTHY, 30), (Of("on-cpu"), 10)], &["SaigakModelOnCpu", "SaigakNotReady"]),
    (&[(HEALTHY, 30), (Of("disk-full"), 4)], &[]),
    (&[(HEALTHY, 30), (Of("disk-full"), 10)], &["SaigakDisk"]),
    (&[(HEALTHY, 30), (Of("pull-stalled"), 8)], &["SaigakNotReady"]),
    (&[(HEALTHY, 30), (Of("pull-stalled"), 15)], &["SaigakNotReady", "SaigakPullStalled"]),
    (&[(HEALTHY, 30), (Of("paused"), 60)], &[]),
    (&[(HEALTHY, 30), (Of("paused"), 125)], &["SaigakRepairsPaused"]),
    (&[(HEALTHY, 30), (Of("settings-refused"), 10)], &["SaigakConfigurationRefused"]),
    (
        &[
            (HEALTHY, 5),
            (Of("repaired-01"), 2),
            (Of("repaired-03"), 2),
            (Of("repaired-05"), 2),
            (Of("repaired-07"), 2),
            (Of("repaired-09"), 2),
            (Of("repaired-11"), 2),
            (Of("budget-spent"), 3),
        ],
        &["SaigakBudgetSpent", "SaigakRepairStorm"],
    ),
];

#[test]
fn each_state_calls_for_what_it_should() {
    let cases = CASES.iter().enumerate().map(|(number, (steps, firing))| {
        let series = series("saigak", steps, |scrape| scrape);
        let minutes = steps.iter().map(|(_, minutes)| minutes).sum();
        case(&format!("case {number}"), &series, minutes, firing)
    });
    let Some(said) = promtool(&cases.collect::<Vec<_>>()) else { return };
    assert_eq!(said, "");
}

#[test]
fn two_versions_are_told() {
    let steps: &[(Scrape, usize)] = &[(HEALTHY, 70)];
    let mut both = series("saigak", steps, |scrape| scrape);
    let version = env!("CARGO_PKG_VERSION");
    both.extend(series("other", steps, |scrape| {
        assert!(scrape.contains(version));
        scrape.replace(version, "9.9.9")
    }));
    let Some(said) = promtool(&[case("two", &both, 70, &["SaigakVersionSkew"])]) else { return };
    assert_eq!(said, "");
}

/// What a client sees is said by another than the agent.
#[test]
fn a_guest_that_is_ready_and_serves_no_client_is_told() {
    let cases: [(_, _, &[&str]); 4] = [
        ("smoke-well", 30, &[]),
        ("smoke-contradicted", 4, &[]),
        ("smoke-contradicted", 10, &["SaigakUnreachable"]),
        // The agent says so itself.
        ("smoke-unready", 30, &[]),
    ];
    let cases = cases.map(|(scrape, minutes, firing)| {
        let mut both = series("saigak", &[(HEALTHY, minutes)], |scrape| scrape);
        let client = series("10.244.0.9:7245", &[(Of(scrape), minutes)], |scrape| scrape);
        let said = |it: &Value| it["series"].as_str().unwrap().starts_with("saigak_smoke_");
        both.extend(client.into_iter().filter(said));
        case(scrape, &both, minutes, firing)
    });
    let Some(said) = promtool(&cases) else { return };
    assert_eq!(said, "");
}

#[test]
fn each_alert_fires_in_a_case_and_has_its_runbook() {
    let fired: BTreeSet<&str> = CASES
        .iter()
        .flat_map(|(_, firing)| firing.iter().copied())
        .chain(["SaigakVersionSkew", "SaigakUnreachable"])
        .collect();
    let rules = rules();
    let alerts: BTreeSet<&str> =
        alerts(&rules).map(|rule| rule["alert"].as_str().unwrap()).collect();
    assert_eq!(fired, alerts);
    let book = std::fs::read_to_string(crate::tools::repository().join("docs/alerts.md")).unwrap();
    for rule in self::alerts(&rules) {
        let name = rule["alert"].as_str().unwrap();
        let link = format!("docs/alerts.md#{}", name.to_lowercase());
        assert_eq!(rule["annotations"]["runbook_url"], link);
        assert!(book.contains(&format!("\n## {name}\n")), "{name} is not in docs/alerts.md");
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: {severity}");
        assert!(rule["annotations"]["summary"].is_string(), "{name}");
    }
}

/// Whoever is inhibited, or inhibits, is an alert.
#[test]
fn inhibitions_name_alerts() {
    let rules = rules();
    let known: BTreeSet<&str> =
        alerts(&rules).map(|rule| rule["alert"].as_str().unwrap()).collect();
    let text = Repository::copy().read("vm-manifests/observe/alertmanager.yaml");
    let config = Objects::parse(&text);
    for rule in list(&config.0[0]["spec"]["inhibitRules"]) {
        let value = |side: &str| rule[side][0]["value"].as_str().unwrap().to_owned();
        assert!(known.contains(value("sourceMatch").as_str()), "{rule}");
        let target = value("targetMatch");
        let names = target.strip_prefix("Saigak(").unwrap().strip_suffix(')').unwrap();
        for name in names.split('|').map(|name| format!("Saigak{name}")) {
            assert!(known.contains(name.as_str()), "{name}");
        }
    }
}

fn rules() -> Value {
    let text = Repository::copy().read("vm-manifests/observe/rules.yaml");
    Objects::parse(&text).0.remove(0)["spec"].take()
}

fn alerts(rules: &Value) -> impl Iterator<Item = &Value> {
    list(&rules["groups"]).iter().flat_map(|group| list(&group["rules"]))
}

/// A test for promtool: the alerts that fire in the end.
fn case(name: &str, series: &[Value], minutes: usize, firing: &[&str]) -> Value {
    let expected: Vec<_> = firing
        .iter()
        .map(|name| json!({ "labels": format!("{{alertname={name:?}}}"), "value": 1 }))
        .collect();
    json!({
        "name": name,
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [{
            "expr": r#"group by (alertname) (ALERTS{alertstate="firing"})"#,
            // The last of the minutes: the first is 0.
            "eval_time": format!("{}m", minutes - 1),
            "exp_samples": expected,
        }],
    })
}

/// What promtool says against these tests; `None` where there is none.
fn promtool(tests: &[Value]) -> Option<String> {
    let mut command = tool("promtool")?;
    let folder = TempDir::new().unwrap();
    let rules_file = folder.path().join("rules.json");
    std::fs::write(&rules_file, rules().to_string()).unwrap();
    let test = json!({
        "rule_files": [rules_file],
        "evaluation_interval": "1m",
        "tests": tests,
    });
    let test_file = folder.path().join("test.json");
    std::fs::write(&test_file, test.to_string()).unwrap();
    let output = command.args(["test", "rules"]).arg(test_file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let said = said + &String::from_utf8_lossy(&output.stdout);
    Some(if output.status.success() { String::new() } else { said })
}

/// The scrapes of a guest, minute by minute, as promtool reads series.
fn series(
    instance: &str,
    steps: &[(Scrape, usize)],
    edit: impl Fn(String) -> String,
) -> Vec<Value> {
    let minutes: usize = steps.iter().map(|(_, minutes)| minutes).sum();
    let mut values: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
    let mut minute = 0;
    let mut set = |name: String, minute: usize, value: &str| {
        values.entry(name).or_insert_with(|| vec![None; minutes])[minute] = Some(value.to_owned());
    };
    for (scrape, lasts) in steps {
        let samples = match scrape {
            Of(name) => samples(&edit(recorded(name)), instance),
            Down | Gone => Vec::new(),
        };
        for minute in minute..minute + lasts {
            if !matches!(scrape, Gone) {
                let up = if matches!(scrape, Of(_)) { "1" } else { "0" };
                set(labelled("up", "", instance), minute, up);
            }
            for (name, value) in &samples {
                set(name.clone(), minute, value);
            }
        }
        minute += lasts;
    }
    let written = values.into_iter().map(|(name, values)| {
        let mut before = false;
        let words = values.iter().map(|value| {
            // What is not there any more is marked so, as Prometheus does.
            let word = value.as_deref().unwrap_or(if before { "stale" } else { "_" });
            before = value.is_some();
            word.to_owned()
        });
        json!({ "series": name, "values": words.collect::<Vec<_>>().join(" ") })
    });
    written.collect()
}

/// A file of `recorded/`.
pub(crate) fn recorded(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("recorded/{name}.prom"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Series and value of each line, with the labels that Prometheus adds.
pub(crate) fn samples(scrape: &str, instance: &str) -> Vec<(String, String)> {
    let lines = scrape.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            (labelled(name, labels.trim_end_matches('}'), instance), value.to_owned())
        })
        .collect()
}

fn labelled(name: &str, labels: &str, instance: &str) -> String {
    let comma = if labels.is_empty() { "" } else { "," };
    format!(
        r#"{name}{{{labels}{comma}namespace="saigak",job="saigak-agent",instance="{instance}"}}"#
    )
}
