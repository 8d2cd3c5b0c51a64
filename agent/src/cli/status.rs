//! `saigak-agent status`: for a tired person.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use super::{complain, say, socket};
use crate::core::{BootClock, Clock, ConditionReport, Report, Role, Status};

/// Repairs older than this are left out.
const A_DAY: u64 = 24 * 3600;

/// Prints the report. Ends with 0 if the agent answered, whatever it said.
pub(super) fn status(json: bool) -> ExitCode {
    match socket::report() {
        Ok((text, _)) if json => say(&text),
        Ok((_, report)) => {
            let now = BootClock.now().wall.duration_since(UNIX_EPOCH).unwrap_or_default();
            say(&render(&report, now, Paint::on_terminal()));
        }
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Colours, on a terminal only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    colour: bool,
}

impl Paint {
    /// Colours where standard output can show them, and nobody minds.
    pub(super) fn on_terminal() -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colour }
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }

    fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    fn bad(self, text: &str) -> String {
        self.with("1;31", text)
    }

    fn faint(self, text: &str) -> String {
        self.with("2", text)
    }
}

/// The report as text.
pub(super) fn render(report: &Report, now: Duration, paint: Paint) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = headline(&mut text, report, now, paint);
    let _ = conditions(&mut text, report, now, paint);
    let _ = repairs(&mut text, report, now, paint);
    text
}

fn headline(text: &mut String, report: &Report, now: Duration, paint: Paint) -> std::fmt::Result {
    let verdict = if report.ready { paint.good("Ready") } else { paint.bad("Not ready") };
    writeln!(text, "{verdict}  (saigak-agent {})", report.agent.version)?;
    if let Some(cause) = &report.cause {
        let since = report
            .conditions
            .iter()
            .find(|condition| condition.r#type == cause.condition)
            .map_or(String::new(), |condition| format!(" for {}", age(condition, now)));
        writeln!(text, "  cause  {}/{}{since}", cause.condition, cause.reason)?;
        writeln!(text, "         {}", cause.message)?;
    }
    writeln!(text, "  next   {}", report.next)?;
    if let Some(until) = &report.paused_until {
        let until = paint.bad(until);
        writeln!(text, "  paused until {until}: nothing is repaired (saigak-agent resume)")?;
    }
    if let Some(configuration) = &report.configuration {
        if let Some(error) = &configuration.error {
            let error = paint.bad(error);
            writeln!(text, "  config {error}")?;
            if !configuration.loaded_at.is_empty() {
                writeln!(text, "         the one of {} is kept", configuration.loaded_at)?;
            }
        }
        if !configuration.needs_restart.is_empty() {
            let keys = configuration.needs_restart.join(", ");
            writeln!(text, "  config {keys}: counts after a restart of the agent")?;
        }
    }
    if let Some(proof) = report.proof {
        let (age, took) = (proof.age_seconds, proof.latency_seconds * 1000.0);
        writeln!(text, "  proof  a right embedding {age:.0} s ago, in {took:.0} ms")?;
    }
    if let Some(pull) = &report.pull {
        writeln!(text, "  pull   {}", pull.model)?;
        writeln!(text, "         {} {pull}", bar(pull.percent()))?;
        if !pull.source.is_empty() && pull.source != pull.model {
            writeln!(text, "         from {}", pull.source)?;
        }
    }
    for model in &report.models {
        let word = match model.status {
            Status::True => paint.good("served"),
            Status::False if model.required => paint.bad(&model.reason),
            Status::False | Status::Unknown => paint.faint(&model.reason),
        };
        let kind = if model.required { "" } else { " (optional)" };
        writeln!(text, "  model  {}{kind}: {word}", model.alias)?;
    }
    writeln!(text)
}

/// A bar of twenty places.
fn bar(percent: u64) -> String {
    let full = usize::try_from(percent.min(100) / 5).unwrap_or_default();
    format!("[{:<20}]", "#".repeat(full))
}

fn conditions(text: &mut String, report: &Report, now: Duration, paint: Paint) -> std::fmt::Result {
    let width = report.conditions.iter().map(|c| c.r#type.len()).max().unwrap_or(0);
    let reasons = report.conditions.iter().map(|c| c.reason.len()).max().unwrap_or(0);
    for condition in &report.conditions {
        let word = format!("{:7}", condition.status.word());
        let word = match (condition.status, condition.role) {
            (Status::True, _) => paint.good(&word),
            (Status::False, Role::Advisory) | (Status::Unknown, _) => paint.faint(&word),
            (Status::False, _) => paint.bad(&word),
        };
        let name = format!("{:width$}", condition.r#type);
        let reason = format!("{:reasons$}", condition.reason);
        let message = paint.faint(&condition.message);
        let age = age(condition, now);
        writeln!(text, "  {name}  {word}  {age:>6}  {reason}  {message}")?;
    }
    Ok(())
}

fn repairs(text: &mut String, report: &Report, now: Duration, paint: Paint) -> std::fmt::Result {
    let recent: Vec<_> = report
        .repairs
        .iter()
        .filter(|past| now.as_secs().saturating_sub(past.started_unix) < A_DAY)
        .collect();
    if recent.is_empty() && report.repair.is_none() {
        return writeln!(text, "\nNo repair in the last 24 hours.");
    }
    writeln!(text, "\nRepairs of the last 24 hours:")?;
    for past in recent {
        let result = if past.result == "Succeeded" {
            paint.good(&past.result)
        } else {
            paint.bad(&past.result)
        };
        let ago = span(now.as_secs().saturating_sub(past.started_unix));
        writeln!(
            text,
            "  {ago:>6} ago  {} for {}/{}: {result} in {:.1} s  {}",
            past.remedy,
            past.condition,
            past.reason,
            past.duration_seconds,
            paint.faint(&past.message),
        )?;
    }
    if let Some(repair) = &report.repair {
        writeln!(
            text,
            "     now      {} for {}/{}",
            repair.remedy, repair.condition, repair.reason
        )?;
    }
    Ok(())
}

/// How long the condition has had its status.
fn age(condition: &ConditionReport, now: Duration) -> String {
    parse_rfc3339(&condition.last_transition_time)
        .map_or_else(|| "?".into(), |since| span(now.as_secs().saturating_sub(since)))
}

/// Seconds in one unit that a person reads at a glance.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Seconds since 1970 of a time that the agent wrote: UTC, always the same length.
fn parse_rfc3339(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // Days from civil, Howard Hinnant: years that begin in March, eras of 400 years.
    let shifted = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, year_of_era) = (shifted / 400, shifted % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{AgentReport, Cause, Past, PullReport, rfc3339};
    use crate::serve::first_report;

    fn sick() -> Report {
        Report {
            cause: Some(Cause {
                condition: "NetworkUp".into(),
                reason: "MacPinned".into(),
                message: "the file wants another MAC".into(),
            }),
            next: "network/MatchByName runs".into(),
            conditions: vec![ConditionReport {
                r#type: "NetworkUp".into(),
                concern: "network".into(),
                role: Role::Required,
                status: Status::False,
                reason: "MacPinned".into(),
                message: "the file wants another MAC".into(),
                last_transition_time: rfc3339(UNIX_EPOCH + Duration::from_secs(1_000_000)),
                since: Duration::ZERO,
            }],
            repairs: vec![Past {
                remedy: "ollama/Start".into(),
                condition: "OllamaRunning".into(),
                reason: "Stopped".into(),
                started_at: String::new(),
                started_unix: 1_000_000 - 300,
                duration_seconds: 0.25,
                result: "Succeeded".into(),
                message: "started".into(),
            }],
            ..first_report(AgentReport::default(), String::new())
        }
    }

    #[test]
    fn the_first_lines_say_what_is_wrong_and_what_comes_next() {
        let text = render(&sick(), Duration::from_secs(1_000_012), Paint { colour: false });
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("Not ready"));
        assert_eq!(lines[1], "  cause  NetworkUp/MacPinned for 12 s");
        assert_eq!(lines[3], "  next   network/MatchByName runs");
        assert!(text.contains("5 min ago  ollama/Start for OllamaRunning/Stopped: Succeeded"));
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn repairs_of_the_day_before_are_left_out() {
        let text = render(&sick(), Duration::from_secs(1_200_000), Paint { colour: true });
        assert!(text.contains("No repair in the last 24 hours."));
        assert!(text.contains('\u{1b}'));
    }

    #[test]
    fn absurd_sizes_are_shown_too() {
        let pull = |completed_bytes, total_bytes| {
            let pull = PullReport {
                model: "m".into(),
                completed_bytes,
                total_bytes,
                ..PullReport::default()
            };
            let report = Report { pull: Some(pull), ..sick() };
            render(&report, Duration::ZERO, Paint { colour: false })
        };
        assert!(pull(u64::MAX, u64::MAX).contains("[####################] 100 %"));
        assert!(pull(1, 0).contains("[                    ] 0 %"));
        assert!(pull(99, 100).contains("[################### ] 99 %"));
    }

    #[test]
    fn times_are_read_as_they_were_written() {
        for seconds in [0, 951_782_400, 1_795_218_264, 4_107_542_399] {
            let text = rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(parse_rfc3339(&text), Some(seconds), "{text}");
        }
        assert_eq!(parse_rfc3339("garbage"), None);
    }
}
