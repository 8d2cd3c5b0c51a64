//! How a pass is printed.

use std::fmt::Write as _;

use serde_json::json;

use super::options::Options;
use super::pass::{Done, Pass, Verdict};
use super::readiness::{Readiness, Said};
use super::steps::Step;
use crate::report::say;

/// Of the JSON's shape. It changes when a field changes its meaning or is taken away.
const VERSION: u64 = 1;
/// What the comparison with the agent's readiness is called.
const READINESS: &str = "readiness";

pub(super) fn people(options: &Options, pass: &Pass, passes: usize) {
    let mut text = String::new();
    for Done { step, found, took } in &pass.done {
        let took = took.as_millis();
        let _ = writeln!(text, "{:<11} ok      {found} ({took} ms)", step.name());
    }
    if let Some((step, failure)) = &pass.failed {
        let layer = failure.layer.name();
        let _ = writeln!(text, "{:<11} failed  {layer}: {failure}", step.name());
    }
    if let Some(readiness) = &pass.readiness {
        let mark = if pass.agrees() == Some(true) { "ok" } else { "failed" };
        let _ = writeln!(text, "{READINESS:<11} {mark:<6}  {}", comparison(pass, readiness));
    }
    let _ = match (&pass.failed, pass.verdict()) {
        (Some((step, _)), verdict) => {
            let asked = match step {
                Step::Route(route) => &route.url,
                _ => &options.url,
            };
            let reached = verdict == Verdict::Wrong;
            let verdict = if reached { "is reached, and wrong" } else { "is not reached" };
            writeln!(text, "{asked} {verdict}, tried {passes} times")
        }
        (None, Verdict::Well) => writeln!(text, "{} serves {}", options.url, options.model),
        (None, _) => writeln!(
            text,
            "{} serves {}, and {READINESS} does not say so, tried {passes} times",
            options.url, options.model
        ),
    };
    say(&text);
}

/// The same in one line, without what changes from pass to pass while all stays as it is.
pub(super) fn line(options: &Options, pass: &Pass) -> String {
    let mut line = match &pass.failed {
        None => format!("{} serves {}", options.url, options.model),
        Some((step, failure)) => {
            format!("{} failed: {}: {failure}", step.name(), failure.layer.name())
        }
    };
    if let Some(readiness) = &pass.readiness {
        let _ = write!(line, "; {READINESS}: {}", comparison(pass, readiness));
    }
    line
}

/// What the agent says beside what a client found.
fn comparison(pass: &Pass, readiness: &Readiness) -> String {
    let client = if pass.served() { "a client is served" } else { "no client is served" };
    match &readiness.said {
        Err(failure) => format!("{}: {failure}", failure.layer.name()),
        Ok(Said::Ready) if pass.served() => format!("ready, and {client}"),
        // What lies between the guest and this place is unseen from the guest.
        Ok(Said::Ready) => {
            format!("they disagree: ready, and {client} here; look at what lies between")
        }
        Ok(Said::NotReady(why)) if pass.served() => {
            format!("they disagree: {client}, and not ready: {why}")
        }
        Ok(Said::NotReady(why)) => format!("not ready: {why}"),
    }
}

pub(super) fn json(options: &Options, pass: &Pass, passes: usize) {
    let steps = pass.done.iter().map(|Done { step, found, took }| {
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
    let readiness = pass.readiness.as_ref().map(|readiness| {
        let (ready, why) = match &readiness.said {
            Ok(Said::Ready) => (Some(true), None),
            Ok(Said::NotReady(why)) => (Some(false), Some(why)),
            Err(failure) => (None, Some(&failure.message)),
        };
        let layer = readiness.said.as_ref().err().map(|failure| failure.layer.name());
        let url = readiness.url.as_str();
        json!({ "url": url, "ready": ready, "why": why, "layer": layer, "agrees": pass.agrees() })
    });
    let object = json!({
        "version": VERSION,
        "url": options.url.as_str(),
        "model": options.model,
        "well": pass.verdict() == Verdict::Well,
        "passes": passes,
        "steps": steps.collect::<Vec<_>>(),
        "failure": failure,
        "readiness": readiness,
    });
    say(&format!("{object:#}\n"));
}

/// What comes behind a step that failed is skipped.
pub(super) fn junit(options: &Options, pass: &Pass) {
    let mut cases = String::new();
    for Done { step, took, .. } in &pass.done {
        let (name, seconds) = (escape(&step.name()), took.as_secs_f64());
        let _ = writeln!(cases, "  <testcase name=\"{name}\" time=\"{seconds:.3}\"/>");
    }
    let mut failures = 0;
    let mut fail = |name: &str, kind: &str, message: &str| {
        failures += 1;
        let (name, message) = (escape(name), escape(message));
        let _ = writeln!(
            cases,
            "  <testcase name=\"{name}\">\n    <failure type=\"{kind}\" message=\"{message}\"/>\n  \
             </testcase>"
        );
    };
    if let Some((step, failure)) = &pass.failed {
        fail(&step.name(), failure.layer.name(), &failure.message);
    }
    if let Some(readiness) = pass.readiness.as_ref().filter(|_| pass.agrees() != Some(true)) {
        let layer = readiness.said.as_ref().err().map(|failure| failure.layer.name());
        fail(READINESS, layer.unwrap_or("disagreement"), &comparison(pass, readiness));
    }
    if pass.agrees() == Some(true) {
        let _ = writeln!(cases, "  <testcase name=\"{READINESS}\"/>");
    }
    for step in &pass.skipped {
        let name = escape(&step.name());
        let _ = writeln!(cases, "  <testcase name=\"{name}\"><skipped/></testcase>");
    }
    let url = escape(options.url.as_str());
    let skipped = pass.skipped.len();
    let asked = usize::from(pass.failed.is_some()) + usize::from(pass.readiness.is_some());
    let tests = pass.done.len() + skipped + asked;
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
