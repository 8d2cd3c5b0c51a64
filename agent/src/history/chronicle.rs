//! From report to report: what has changed.

use std::collections::HashMap;

use super::{Event, What};
use crate::core::{Past, Report, Status};

/// Reasons that say nothing of the condition itself.
const NOT_JUDGED: [&str; 2] = ["Blocked", "NotObserved"];

/// Follows the reports of one agent.
#[derive(Debug, Default)]
pub struct Chronicle {
    begun: bool,
    verdict: Option<(bool, Option<String>)>,
    /// The last judgement of each condition. What has none held, until it is seen not to.
    conditions: HashMap<String, (Status, String)>,
    paused: Option<String>,
    repairs: Vec<(String, String)>,
    /// What the last refusal of each remedy said for each condition, until it ends otherwise: one
    /// refusal after the other is one line, also where two remedies are refused in turn.
    refused: HashMap<(String, String), String>,
}

impl Chronicle {
    /// What is new in `report`, which was written `unix` seconds after 1970.
    pub fn follow(&mut self, report: &Report, unix: u64) -> Vec<Event> {
        let mut news = Vec::new();
        if !self.begun {
            self.begun = true;
            news.push(What::Agent { version: report.agent.version.clone() });
            // Those of the agent before were told by it.
            self.repairs = report.repairs.iter().map(identity).collect();
        }
        self.conditions(report, &mut news);
        self.repairs(report, &mut news);
        if report.paused_until != self.paused {
            self.paused.clone_from(&report.paused_until);
            news.push(What::Pause { until: self.paused.clone() });
        }
        // An agent that has just started does not know yet.
        let cause = report.cause.as_ref();
        let judged = cause.is_none_or(|cause| !NOT_JUDGED.contains(&cause.reason.as_str()));
        let cause = cause.map(|cause| format!("{}/{}", cause.condition, cause.reason));
        let told = (report.ready, cause);
        if judged && self.verdict.as_ref() != Some(&told) {
            news.push(What::Verdict { ready: told.0, cause: told.1.clone() });
            self.verdict = Some(told);
        }
        let event = |what| Event { at: report.at.clone(), unix, what };
        news.into_iter().map(event).collect()
    }

    fn conditions(&mut self, report: &Report, news: &mut Vec<What>) {
        for told in &report.conditions {
            if NOT_JUDGED.contains(&told.reason.as_str()) {
                continue;
            }
            let now = (told.status, told.reason.clone());
            let before = self.conditions.insert(told.r#type.clone(), now.clone());
            if before.map_or(told.status != Status::True, |before| before != now) {
                news.push(What::Condition {
                    condition: told.r#type.clone(),
                    status: told.status,
                    reason: told.reason.clone(),
                    message: told.message.clone(),
                });
            }
        }
    }

    fn repairs(&mut self, report: &Report, news: &mut Vec<What>) {
        for past in report.repairs.iter().filter(|past| !self.repairs.contains(&identity(past))) {
            let of = (past.remedy.clone(), past.condition.clone());
            let told = if past.result == "Refused" {
                let said = self.refused.insert(of, past.message.clone());
                said.as_ref() == Some(&past.message)
            } else {
                self.refused.remove(&of);
                false
            };
            if !told {
                news.push(What::Repair(past.clone()));
            }
        }
        self.repairs = report.repairs.iter().map(identity).collect();
    }
}

fn identity(past: &Past) -> (String, String) {
    (past.remedy.clone(), past.started_at.clone())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::core::{AgentReport, Cause, ConditionReport, Role};
    use crate::serve::first_report;

    fn report(status: Status, reason: &str) -> Report {
        let condition = ConditionReport {
            r#type: "NetworkUp".into(),
            concern: "network".into(),
            role: Role::Required,
            status,
            reason: reason.into(),
            message: "m".into(),
            last_transition_time: String::new(),
            since: Duration::ZERO,
        };
        let ready = status == Status::True;
        let cause = (!ready).then(|| Cause {
            condition: "NetworkUp".into(),
            reason: reason.into(),
            message: "m".into(),
        });
        let first = first_report(AgentReport::default(), "then".into());
        Report { ready, cause, conditions: vec![condition], ..first }
    }

    fn past(started_at: &str, result: &str) -> Past {
        Past {
            remedy: "network/Reconfigure".into(),
            condition: "NetworkUp".into(),
            reason: "LinkDown".into(),
            started_at: started_at.into(),
            started_unix: 7,
            duration_seconds: 0.5,
            result: result.into(),
            message: "said".into(),
        }
    }

    fn told(events: Vec<Event>) -> Vec<String> {
        let word = |event: Event| match event.what {
            What::Agent { .. } => "agent".into(),
            What::Verdict { ready, .. } => format!("ready={ready}"),
            What::Condition { reason, .. } => reason,
            What::Repair(past) => past.result,
            What::Pause { until } => format!("pause={}", until.is_some()),
        };
        events.into_iter().map(word).collect()
    }

    #[test]
    fn changes_are_told_once_and_what_is_blocked_is_not() {
        let mut chronicle = Chronicle::default();
        let mut follow = |report: &Report| told(chronicle.follow(report, 1));
        assert_eq!(follow(&report(Status::True, "LinkUp")), ["agent", "ready=true"]);
        assert!(follow(&report(Status::True, "LinkUp")).is_empty());
        assert_eq!(follow(&report(Status::False, "LinkDown")), ["LinkDown", "ready=false"]);
        assert!(follow(&report(Status::Unknown, "Blocked")).is_empty());
        assert!(follow(&report(Status::False, "LinkDown")).is_empty());
        assert_eq!(follow(&report(Status::True, "LinkUp")), ["LinkUp", "ready=true"]);
        let paused = Report { paused_until: Some("soon".into()), ..report(Status::True, "LinkUp") };
        assert_eq!(follow(&paused), ["pause=true"]);
    }

    #[test]
    fn repairs_are_told_when_they_end_and_refusals_in_a_row_once() {
        let mut chronicle = Chronicle::default();
        let mut follow = |repairs: Vec<Past>| {
            told(chronicle.follow(&Report { repairs, ..report(Status::True, "LinkUp") }, 1))
        };
        let old = past("1", "Succeeded");
        assert_eq!(follow(vec![old.clone()]), ["agent", "ready=true"]);
        assert_eq!(follow(vec![old.clone(), past("2", "Refused")]), ["Refused"]);
        assert!(follow(vec![old, past("3", "Refused")]).is_empty());
        let other = |started_at: &str| {
            let remedy = "network/Restart".into();
            Past { remedy, ..past(started_at, "Refused") }
        };
        assert_eq!(follow(vec![other("4")]), ["Refused"]);
        assert!(follow(vec![past("5", "Refused")]).is_empty());
        assert!(follow(vec![other("6")]).is_empty());
        assert_eq!(follow(vec![past("7", "Failed")]), ["Failed"]);
        assert_eq!(follow(vec![past("8", "Refused")]), ["Refused"]);
    }
}
