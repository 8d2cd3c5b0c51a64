//! The dashboard: its queries can be read, and ask for what there is.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::objects::list;
use crate::repository::Repository;
use crate::tools::{repository, tool};

pub(crate) fn dashboard() -> Value {
    serde_json::from_str(&Repository::copy().read("vm-manifests/observe/dashboard.json")).unwrap()
}

/// A query with Grafana's variables filled in.
pub(crate) fn filled_in(query: &str) -> String {
    let query = query.replace("$__rate_interval", "5m").replace("$namespace", ".*");
    query.replace("$instance", ".*")
}

/// Title of the panel, and its query.
fn queries(dashboard: &Value) -> Vec<(&str, String)> {
    let panels = list(&dashboard["panels"]).iter();
    let targets = panels.flat_map(|panel| list(&panel["targets"]).iter().map(move |t| (panel, t)));
    targets
        .map(|(panel, target)| {
            let query = filled_in(target["expr"].as_str().unwrap());
            (panel["title"].as_str().unwrap(), query)
        })
        .collect()
}

#[test]
fn queries_can_be_read() {
    let Some(mut promtool) = tool("promtool") else { return };
    let dashboard = dashboard();
    let rules: Vec<_> = queries(&dashboard)
        .into_iter()
        .enumerate()
        .map(|(number, (_, query))| json!({ "record": format!("query:{number}"), "expr": query }))
        .collect();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("rules.json");
    std::fs::write(&file, json!({ "groups": [{ "name": "a", "rules": rules }] }).to_string())
        .unwrap();
    let output = promtool.args(["check", "rules", "--lint=none"]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The names of all series that guests of the lab have been seen to export.
fn exported() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let scrapes = files.filter(|path| path.extension().is_some_and(|kind| kind == "prom"));
    let text: String = scrapes.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect()
}

#[test]
fn queries_ask_for_metrics_that_agents_export() {
    let exported = exported();
    assert!(exported.contains("saigak_ready"));
    let dashboard = dashboard();
    for (panel, query) in queries(&dashboard) {
        for metric in metrics(&query) {
            assert!(exported.contains(metric), "{panel}: no scrape of the lab has {metric}");
        }
    }
}

/// The metrics that a query names.
fn metrics(query: &str) -> Vec<&str> {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("saigak_") || word.starts_with("DCGM_")).collect()
}

/// What Grafana asks of a dashboard's file: a schema of the lab's own, after its documentation.
#[test]
fn grafana_can_load_it() {
    let dashboard = dashboard();
    for key in ["title", "uid"] {
        let text = dashboard[key].as_str().unwrap_or_default();
        assert!(!text.is_empty() && text.len() <= 190, "{key}: {text:?}");
    }
    assert!(dashboard["uid"].as_str().is_some_and(|uid| uid.len() <= 40));
    assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 36));
    // Grafana gives it a number of its own.
    assert!(dashboard.get("id").is_none_or(Value::is_null));
    let variables: BTreeSet<&str> = list(&dashboard["templating"]["list"])
        .iter()
        .map(|variable| variable["name"].as_str().unwrap())
        .collect();
    for panel in list(&dashboard["panels"]) {
        let title = panel["title"].as_str().unwrap();
        assert!(panel["type"].is_string() && panel["gridPos"].is_object(), "{title}");
        for target in list(&panel["targets"]) {
            assert!(target["refId"].is_string(), "{title}: a query has no name");
            let text = target.to_string() + &panel["datasource"].to_string();
            let asked = text.split('$').skip(1).map(|rest| {
                let rest = rest.trim_start_matches('{');
                rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap()
            });
            for name in asked.filter(|name| !name.starts_with("__")) {
                assert!(variables.contains(name), "{title}: ${name} is no variable");
            }
        }
    }
}

#[test]
fn queries_ask_for_metrics_that_there_are() {
    let document = std::fs::read_to_string(repository().join("docs/operating.md")).unwrap();
    let known: BTreeSet<&str> = document.split('`').collect();
    let dashboard = dashboard();
    for (panel, query) in queries(&dashboard) {
        let metrics = metrics(&query);
        assert_ne!(metrics.len(), 0, "{panel}");
        for metric in metrics {
            assert!(known.contains(metric), "{panel}: {metric}");
        }
    }
}

/// Grafana shows panels by their numbers, and draws those that overlap over each other.
#[test]
fn panels_stand_side_by_side() {
    let dashboard = dashboard();
    let mut numbers = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in list(&dashboard["panels"]) {
        assert!(numbers.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{}", panel["title"]);
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(cells.insert((x, y)), "{} lies over another panel", panel["title"]);
            }
        }
    }
}
