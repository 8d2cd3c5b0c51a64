//! `saigak-agent history`: what has happened, for people.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use super::report::own_tail;
use super::{actor, complain, say, socket};
use crate::core::{BootClock, Clock};
use crate::history::{self, Event, HistoryFile, What};

/// Prints the events of the last `since`, oldest first.
pub(super) fn history(since: Option<Duration>, json: bool) -> ExitCode {
    let lines = match lines() {
        Ok(lines) => lines,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    let now = BootClock.now().wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let oldest = since.map_or(0, |since| now.saturating_sub(since.as_secs()));
    for event in history::read(&lines, now).iter().filter(|event| event.unix >= oldest) {
        if json {
            // An event is plain data; it always has a JSON form.
            say(&(serde_json::to_string(event).unwrap_or_default() + "\n"));
        } else {
            say(&line(event));
        }
    }
    ExitCode::SUCCESS
}

/// From the daemon, which may read the file for anybody; where it does not answer, from the file.
fn lines() -> Result<Vec<u8>, String> {
    match socket::get("/v1/history") {
        Ok(text) => Ok(text.into_bytes()),
        Err(unanswered) => {
            let path = HistoryFile::path_in(&actor::state_directory());
            own_tail(&path).map_err(|error| format!("{unanswered}; {}: {error}", path.display()))
        }
    }
}

/// One event on one line.
fn line(event: &Event) -> String {
    let mut text = event.at.clone();
    // Writing to a string cannot fail.
    let _ = match &event.what {
        What::Agent { version } => write!(text, "  saigak-agent {version} starts"),
        What::Verdict { ready: true, .. } => write!(text, "  Ready"),
        What::Verdict { cause, .. } => {
            write!(text, "  Not ready: {}", cause.as_deref().unwrap_or("the agent ends"))
        }
        What::Condition { condition, status, reason, message } => {
            write!(text, "    {condition} {} {reason}: {message}", status.word())
        }
        What::Repair(past) => write!(
            text,
            "    {} for {}/{}: {} in {:.1} s: {}",
            past.remedy,
            past.condition,
            past.reason,
            past.result,
            past.duration_seconds,
            past.message,
        ),
        What::Pause { until: Some(until) } => write!(text, "  Repairs are paused until {until}"),
        What::Pause { until: None } => write!(text, "  Repairs go on"),
    };
    // A message may come from anywhere: it stays on its line, and moves no cursor.
    text.replace(char::is_control, " ") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Status;

    #[test]
    fn an_event_is_one_line_whatever_it_says() {
        let what = What::Condition {
            condition: "NetworkUp".into(),
            status: Status::False,
            reason: "LinkDown".into(),
            message: "enp1s0\nis \u{1b}[31mdown".into(),
        };
        let text = line(&Event { at: "2026-01-01T00:00:00.000Z".into(), unix: 1, what });
        let expected =
            "2026-01-01T00:00:00.000Z    NetworkUp False LinkDown: enp1s0 is  [31mdown\n";
        assert_eq!(text, expected);
    }
}
