//! What the daemon says by itself: the unit's status text, and lines on the console. A guest
//! without an address has nothing else to tell a person by.

use std::time::Duration;

use crate::core::Report;

/// Lines that may be written at once, and how long one takes to be earned back: a guest that
/// flaps must not fill the serial log.
const BURST: u32 = 10;
const EARNED_IN: Duration = Duration::from_secs(6);

/// Follows the reports.
#[derive(Debug)]
pub(super) struct Voice {
    status: String,
    written: String,
    credit: u32,
    earned_at: Duration,
}

impl Default for Voice {
    fn default() -> Self {
        Self {
            status: String::new(),
            written: String::new(),
            credit: BURST,
            earned_at: Duration::ZERO,
        }
    }
}

impl Voice {
    /// The unit's status text, if it has changed.
    pub(super) fn status(&mut self, report: &Report) -> Option<String> {
        let status = ascii(&format!("{}; next: {}", verdict(report), report.next));
        (status != self.status).then(|| {
            self.status.clone_from(&status);
            status
        })
    }

    /// A line for the console, if the verdict has changed since the last one.
    pub(super) fn line(&mut self, report: &Report) -> Option<String> {
        let verdict = verdict(report);
        let earned = report.uptime.saturating_sub(self.earned_at).as_secs() / EARNED_IN.as_secs();
        if earned > 0 {
            self.credit =
                self.credit.saturating_add(u32::try_from(earned).unwrap_or(BURST)).min(BURST);
            self.earned_at = report.uptime;
        }
        if verdict == self.written || self.credit == 0 {
            return None;
        }
        self.credit -= 1;
        self.written.clone_from(&verdict);
        Some(ascii(&format!("saigak: {verdict} next={}", report.next)) + "\n")
    }
}

fn verdict(report: &Report) -> String {
    match &report.cause {
        Some(cause) => format!("NotReady {}/{}", cause.condition, cause.reason),
        None => report.verdict.word().into(),
    }
}

/// Serial consoles and `systemctl status` are no place for control characters.
fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{AgentReport, Cause};
    use crate::serve::first_report;

    fn report(reason: &str, uptime: u64) -> Report {
        Report {
            cause: Some(Cause {
                condition: "NetworkUp".into(),
                reason: reason.into(),
                message: String::new(),
            }),
            next: "network/MatchByName runs".into(),
            uptime: Duration::from_secs(uptime),
            ..first_report(AgentReport::default(), String::new())
        }
    }

    #[test]
    fn a_change_of_the_verdict_is_one_ascii_line() {
        let mut voice = Voice::default();
        assert_eq!(
            voice.line(&report("MacPinned", 1)).unwrap(),
            "saigak: NotReady NetworkUp/MacPinned next=network/MatchByName runs\n"
        );
        assert_eq!(voice.line(&report("MacPinned", 2)), None);
        assert!(voice.line(&report("Link\u{e9}\n", 3)).unwrap().contains("Link?? next"));
    }

    #[test]
    fn a_flapping_guest_is_quieted_and_its_last_word_is_still_heard() {
        let mut voice = Voice::default();
        let mut lines = 0;
        for turn in 0..100_u32 {
            lines += u32::from(voice.line(&report(&format!("R{turn}"), 1)).is_some());
        }
        assert_eq!(lines, BURST);
        assert!(voice.line(&report("R99", 2)).is_none());
        assert!(voice.line(&report("R99", 8)).is_some());
    }
}
