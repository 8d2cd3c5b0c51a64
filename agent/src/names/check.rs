//! From the resolver's answer to its condition. Pure.

use std::time::Duration;

use super::facts::Facts;
use super::resolver::Answer;
use crate::core::{Condition, Judgement, Reason, Role, Status};
use crate::guest::{Declared, Remedy};

/// The name of the model registry resolves.
pub static NAMES_RESOLVE: Condition = Condition {
    name: "NamesResolve",
    concern: "names",
    role: Role::Gate,
    needs: &["AddressAssigned"],
    explained_by: &[],
    grace: Duration::ZERO,
};

static RESOLVED: Reason<Remedy> = Reason::good("Resolved");
static NOT_RESOLVED: Reason<Remedy> =
    Reason::fault("NotResolved", "pulls wait for it: see resolvectl status, and the cluster's DNS");
static PROXIED: Reason<Remedy> =
    Reason::unknown("Proxied", "the server's proxy resolves names, and is not asked");

/// The condition, and all that can be said of it.
pub static REASONS: &[Declared] = &[(&NAMES_RESOLVE, &[&RESOLVED, &NOT_RESOLVED, &PROXIED])];

/// Judges the answer.
#[must_use]
pub fn check(facts: &Facts) -> Judgement<Remedy> {
    let host = &facts.host;
    let (reason, message) = match (&facts.proxy, &facts.answer) {
        (Some(proxy), _) => (&PROXIED, proxy.clone()),
        (None, Answer::Resolved(address)) => (&RESOLVED, format!("{host} is {address}")),
        (None, Answer::Refused(why)) => (&NOT_RESOLVED, format!("{host}: {why}")),
        (None, Answer::Silent) => (&NOT_RESOLVED, format!("{host}: the resolver is silent")),
    };
    Judgement::new(&NAMES_RESOLVE, reason, message)
}

impl Facts {
    /// Whether the name resolves, and the server resolves it the same way.
    #[must_use]
    pub fn is_good(&self) -> bool {
        check(self).reason.status == Status::True
    }

    /// Why a pull would be in vain, if that is known.
    #[must_use]
    pub fn forbids_pull(&self) -> Option<String> {
        let judged = check(self);
        (judged.reason.status == Status::False)
            .then(|| format!("no address for {}", judged.message))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn facts(answer: Answer, proxy: Option<&str>) -> Facts {
        Facts { host: "registry.example".into(), answer, proxy: proxy.map(Into::into) }
    }

    #[test]
    fn only_a_name_that_is_known_not_to_resolve_forbids_a_pull() {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        for (facts, status, forbids) in [
            (facts(Answer::Resolved(address), None), Status::True, false),
            (facts(Answer::Refused("unknown".into()), None), Status::False, true),
            (facts(Answer::Silent, None), Status::False, true),
            (facts(Answer::Silent, Some("HTTPS_PROXY is set")), Status::Unknown, false),
        ] {
            assert_eq!(check(&facts).reason.status, status, "{facts:?}");
            assert_eq!(facts.forbids_pull().is_some(), forbids, "{facts:?}");
        }
    }
}
