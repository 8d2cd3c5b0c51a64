//! How a pass is printed.

use std::fmt::Write as _;

use serde_json::json;

use super::{Options, Pass, Step};
use crate::report::say;

/// Of the JSON's shape. It changes when a field changes its meaning or is taken away.
const VERSION: u64 = 1;

pub(super) fn people(options: &Options, pass: &Pass, passes: usize) {
    let mut text = String::new();
    for (step, found, took) in &pass.done {
        let took = took.as_millis();
        let _ = writeln!(text, "{:<11} ok      {found} ({took} ms)", step.name());
    }
    match &pass.failed {
        None => {
            let _ = writeln!(text, "{} serves {}", options.url, options.model);
        }
        Some((step, failure)) => {
            let layer = failure.layer;
            let _ = writeln!(text, "{:<11} failed  {}: {failure}", step.name(), layer.name());
            let verdict = if layer.reached() { "is reached, and wrong" } else { "is not reached" };
            let _ = writeln!(text, "{} {verdict}, tried {passes} times", options.url);
        }
    }
    say(&text);
}

pub(super) fn json(options: &Options, pass: &Pass, passes: usize) {
    let steps = pass.done.iter().map(|(step, found, took)| {
        json!({ "step": step.name(), "found": found, "seconds": took.as_secs_f64() })
    });
    let failure = pass.failed.as_ref().map(|(step, failure)| {
        json!({
            "step": step.name(),
            "layer": failure.layer.name(),
            "reached": failure.layer.reached(),
            "message": failure.message,
        })
    });
    let object = json!({
        "version": VERSION,
        "url": options.url.as_str(),
        "model": options.model,
        "well": pass.failed.is_none(),
        "passes": passes,
        "steps": steps.collect::<Vec<_>>(),
        "failure": failure,
    });
    say(&format!("{object:#}\n"));
}

/// What comes behind a step that failed is skipped.
pub(super) fn junit(options: &Options, pass: &Pass) {
    let mut cases = String::new();
    for step in Step::ALL {
        let name = step.name();
        let done = pass.done.iter().find(|(done, ..)| *done == step);
        let failed = pass.failed.as_ref().filter(|(failed, _)| *failed == step);
        let _ = match (done, failed) {
            (Some((_, _, took)), _) => {
                let seconds = took.as_secs_f64();
                writeln!(cases, "  <testcase name=\"{name}\" time=\"{seconds:.3}\"/>")
            }
            (None, Some((_, failure))) => {
                let (layer, message) = (failure.layer.name(), escape(&failure.message));
                writeln!(
                    cases,
                    "  <testcase name=\"{name}\">\n    <failure type=\"{layer}\" \
                     message=\"{message}\"/>\n  </testcase>"
                )
            }
            (None, None) => {
                writeln!(cases, "  <testcase name=\"{name}\"><skipped/></testcase>")
            }
        };
    }
    let url = escape(options.url.as_str());
    let tests = Step::ALL.len();
    let failures = usize::from(pass.failed.is_some());
    let skipped = tests - failures - pass.done.len();
    say(&format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{url}\" tests=\"{tests}\" \
         failures=\"{failures}\" skipped=\"{skipped}\">\n{cases}</testsuite>\n"
    ));
}

/// For an attribute. XML allows no control characters at all.
fn escape(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
