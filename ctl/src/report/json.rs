//! For scripts.

use serde_json::{Value, json};

use super::{region, say};
use crate::lint::Outcome;
use crate::source::{File, Place};

/// Of the object's shape. It changes when a field changes its meaning or is taken away.
const VERSION: u64 = 1;

pub(crate) fn json(outcome: &Outcome) {
    let files = &outcome.inputs.files;
    let findings: Vec<Value> = outcome
        .findings
        .iter()
        .map(|finding| {
            let related = finding.related.iter().map(|(place, label)| {
                let mut related = at(*place, files);
                related["label"] = label.as_str().into();
                related
            });
            let mut object = at(finding.place, files);
            object["rule"] = finding.rule.id.into();
            object["severity"] = finding.severity.name().into();
            object["message"] = finding.message.as_str().into();
            object["fix"] = finding.rule.fix.into();
            object["notes"] = finding.notes.clone().into();
            object["related"] = related.collect::<Vec<_>>().into();
            object
        })
        .collect();
    let errors = outcome.inputs.errors.iter().map(|error| {
        let position = error.place.and_then(|p| Some(files.get(p.file)?.position(p.start)));
        json!({
            "path": error.path,
            "line": position.map(|position| position.line),
            "column": position.map(|position| position.column),
            "message": error.message,
        })
    });
    let object = json!({
        "version": VERSION,
        "findings": findings,
        "errors": errors.collect::<Vec<_>>(),
        "allowed": outcome.allowed,
        "left_out": outcome.left_out,
    });
    say(&format!("{object:#}\n"));
}

fn at(place: Place, files: &[File]) -> Value {
    let [line, column, end_line, end_column] = region(place, files);
    json!({
        "path": files[place.file].path,
        "line": line, "column": column, "endLine": end_line, "endColumn": end_column,
    })
}
