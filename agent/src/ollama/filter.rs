//! What the firewall's rules make of judgements that were made from inside.

use std::fmt::Write as _;

use super::check::{ENDPOINT_REACHABLE, OLLAMA_SERVING};
use crate::core::{Judgement, Reason, Status};
use crate::firewall::{Facts, Fate};
use crate::guest::Remedy;

pub(super) static FILTERED: Reason<Remedy> = Reason::fault(
    "Filtered",
    "a firewall rule of this guest drops the port: find it by nft -a list ruleset",
);

/// Puts a certain drop in the place of what its victim looks like: a server that seems to serve
/// clients, or one that seems to hang because the agent itself is locked out.
pub fn filter(judgements: &mut [Judgement<Remedy>], firewall: &Facts) {
    for judgement in judgements {
        let is = |name| judgement.condition == name;
        let holds = judgement.reason.status == Status::True;
        let by = if is(ENDPOINT_REACHABLE.name) {
            firewall.locks_clients_out()
        } else if is(OLLAMA_SERVING.name) && !holds {
            firewall.locks_out()
        } else {
            None
        };
        if let Some(by) = by {
            judgement.reason = &FILTERED;
            judgement.message = format!("{by} drops the port");
        } else if let Fate::Unjudged(rule) = &firewall.link
            && is(ENDPOINT_REACHABLE.name)
            && holds
        {
            // Writing to a string cannot fail.
            let _ = write!(judgement.message, "; whether clients are let in hangs on {rule}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::repair::UNRESPONSIVE;
    use super::super::serving::SERVING;
    use super::*;
    use crate::core::Condition;

    fn filtered(condition: &'static Condition, good: bool, firewall: &Facts) -> &'static str {
        let reason = if good { &SERVING } else { &UNRESPONSIVE };
        let mut all = [Judgement::new(condition, reason, "")];
        filter(&mut all, firewall);
        all[0].reason.name
    }

    #[test]
    fn a_drop_is_named_where_it_is_felt_and_where_it_is_not() {
        let rule = || Fate::Dropped("rule 1".into());
        let link = Facts { link: rule(), loopback: Fate::Passes };
        assert_eq!(filtered(&ENDPOINT_REACHABLE, true, &link), "Filtered");
        assert_eq!(filtered(&OLLAMA_SERVING, true, &link), "Serving");
        assert_eq!(filtered(&OLLAMA_SERVING, false, &link), "Unresponsive");
        let both = Facts { link: rule(), loopback: rule() };
        assert_eq!(filtered(&OLLAMA_SERVING, false, &both), "Filtered");
        // It answered: the rule is newer than the answer, or does something else.
        assert_eq!(filtered(&OLLAMA_SERVING, true, &both), "Serving");
        let doubt = Facts { link: Fate::Unjudged("rule 1".into()), loopback: Fate::Unread };
        assert_eq!(filtered(&ENDPOINT_REACHABLE, true, &doubt), "Serving");
    }
}
