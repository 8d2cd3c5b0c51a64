//! `saigakctl explain`.

use std::fmt::Write as _;
use std::process::ExitCode;

use crate::report::{complain, say};
use crate::rules::RULES;

/// Explains one rule, or lists all.
pub(crate) fn explain(id: Option<&str>) -> ExitCode {
    let mut text = String::new();
    let Some(id) = id else {
        for rule in RULES {
            let _ = writeln!(text, "{}  {:<11}  {}", rule.id, rule.severity.name(), rule.title);
        }
        say(&text);
        return ExitCode::SUCCESS;
    };
    let Some(rule) = RULES.iter().find(|rule| rule.id.eq_ignore_ascii_case(id)) else {
        complain(&format!("there is no rule {id}; `saigakctl explain` lists them"));
        return ExitCode::FAILURE;
    };
    let _ = writeln!(text, "{}  {}  {}\n", rule.id, rule.severity.name(), rule.title);
    for (heading, body) in [("Cause", rule.cause), ("Evidence", rule.evidence), ("Fix", rule.fix)] {
        let _ = writeln!(text, "{heading}\n  {body}\n");
    }
    let _ = writeln!(text, "Allow it in one place\n  # saigakctl: allow {} -- the reason", rule.id);
    say(&text);
    ExitCode::SUCCESS
}
