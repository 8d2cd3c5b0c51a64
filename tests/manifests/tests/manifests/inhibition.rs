//! Which alerts silence which.

use serde_json::Value;
use tempfile::TempDir;

use crate::objects::{Objects, list};
use crate::repository::Repository;
use crate::tools::tool;

/// The alerts of a guest, and those of them that are to be silent.
type Case = (&'static [&'static str], &'static [&'static str]);

const CASES: &[Case] = &[
    (&["NoEndpoint", "FirstBootTooLong", "BudgetSpent"], &["FirstBootTooLong", "BudgetSpent"]),
    (&["ScrapeFailed", "NotReady", "Disk"], &["NotReady", "Disk"]),
    (&["NotReady", "ModelOnCpu", "Disk", "GpuIll"], &["ModelOnCpu"]),
    (&["RepairsPaused"], &[]),
];

#[test]
fn the_outermost_alert_silences_the_others() {
    let rules = rules();
    for (alerts, silent) in CASES {
        let silenced = alerts.iter().filter(|target| {
            rules.iter().any(|rule| {
                let source = |alert: &&str| matches(&rule["sourceMatch"], alert);
                matches(&rule["targetMatch"], target) && alerts.iter().any(source)
            })
        });
        assert_eq!(silenced.copied().collect::<Vec<_>>(), *silent, "{alerts:?}");
    }
    // One guest's alerts silence no other's.
    for rule in rules {
        assert_eq!(rule["equal"], serde_json::json!(["namespace", "instance"]));
    }
}

/// As Prometheus' operator hands it to Alertmanager.
#[test]
fn alertmanager_takes_the_inhibitions() {
    let Some(mut amtool) = tool("amtool") else { return };
    let matcher = |matcher: &Value| {
        let text = |key: &str| matcher[key].as_str().unwrap();
        format!("{}{}{:?}", text("name"), text("matchType"), text("value"))
    };
    let matchers = |side: &Value| list(side).iter().map(matcher).collect::<Vec<_>>();
    let rules: Vec<_> = rules()
        .iter()
        .map(|rule| {
            serde_json::json!({
                "source_matchers": matchers(&rule["sourceMatch"]),
                "target_matchers": matchers(&rule["targetMatch"]),
                "equal": rule["equal"],
            })
        })
        .collect();
    let config = serde_json::json!({
        "route": { "receiver": "nobody" },
        "receivers": [{ "name": "nobody" }],
        "inhibit_rules": rules,
    });
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config.json");
    std::fs::write(&file, config.to_string()).unwrap();
    let output = amtool.arg("check-config").arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(" - 3 inhibit rules"), "{said}");
}

fn rules() -> Vec<Value> {
    let text = Repository::copy().read("vm-manifests/observe/alertmanager.yaml");
    list(&Objects::parse(&text).0[0]["spec"]["inhibitRules"]).to_vec()
}

/// Whether an alert is one of those that a side of a rule names: one, or several in brackets.
fn matches(side: &Value, alert: &str) -> bool {
    let value = side[0]["value"].as_str().unwrap().strip_prefix("Saigak").unwrap();
    value.trim_matches(['(', ')']).split('|').any(|name| name == alert)
}
