//! For code scanning services: SARIF 2.1.0.

use serde_json::{Value, json};

use super::{region, say};
use crate::lint::{Outcome, Severity};
use crate::rules::RULES;
use crate::source::{File, Place};

pub(crate) fn sarif(outcome: &Outcome) {
    let files = &outcome.inputs.files;
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": { "text": rule.title },
                "fullDescription": { "text": rule.cause },
                "help": { "text": rule.fix },
                "defaultConfiguration": { "level": level(rule.severity) },
            })
        })
        .collect();
    let results: Vec<Value> = outcome
        .findings
        .iter()
        .map(|finding| {
            json!({
                "ruleId": finding.rule.id,
                "level": level(finding.severity),
                "message": { "text": finding.message },
                "locations": [location(finding.place, files)],
            })
        })
        .collect();
    let errors: Vec<Value> = outcome
        .inputs
        .errors
        .iter()
        .map(|error| {
            let text = format!("{}: {}", super::where_is(error, files), error.message);
            json!({ "level": "error", "message": { "text": text } })
        })
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "saigakctl",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
            "invocations": [{
                "executionSuccessful": errors.is_empty(),
                "toolExecutionNotifications": errors,
            }],
        }],
    });
    say(&format!("{log:#}\n"));
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Information => "note",
    }
}

fn location(place: Place, files: &[File]) -> Value {
    let [line, column, end_line, end_column] = region(place, files);
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": files[place.file].path },
        "region": {
            "startLine": line, "startColumn": column,
            "endLine": end_line, "endColumn": end_column,
        },
    } })
}
