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
static NOT_NEEDED: Reason<Remedy> = Reason::good("NotNeeded");
static NOT_RESOLVED: Reason<Remedy> = Reason::fault(
    "NotResolved",
    "pulls wait for it, ten minutes at most: see resolvectl status, and the cluster's DNS",
);
static PROXIED: Reason<Remedy> =
    Reason::unknown("Proxied", "the server's proxy resolves names, and is not asked");

/// How long a name that does not resolve holds pulls back. After that one is tried whatever the
/// resolver says: the server may know a way that is not seen from here, and if not, the pull
/// itself fails, and says why.
const HOLDS: Duration = Duration::from_mins(10);

/// The condition, and all that can be said of it.
pub static REASONS: &[Declared] =
    &[(&NAMES_RESOLVE, &[&RESOLVED, &NOT_NEEDED, &NOT_RESOLVED, &PROXIED])];

/// Judges the answer.
#[must_use]
pub fn check(facts: &Facts) -> Judgement<Remedy> {
    let host = &facts.host;
    let (reason, message) = match (&facts.proxy, &facts.answer) {
        (Some(proxy), _) => (&PROXIED, proxy.clone()),
        (None, Answer::Resolved(address)) => (&RESOLVED, format!("{host} is {address}")),
        (None, Answer::Unneeded) => (&NOT_NEEDED, "the model comes from files alone".into()),
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

    /// Whether the name is known not to resolve.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        check(self).reason.status == Status::False
    }

    /// Why a pull would be in vain, if that is known. The name has not resolved for as long as
    /// `lasts`.
    #[must_use]
    pub fn forbids_pull(&self, lasts: Duration) -> Option<String> {
        let forbids = self.is_bad() && lasts < HOLDS;
        forbids.then(|| format!("no address for {}", check(self).message))
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
            (Facts::unneeded(), Status::True, false),
            (facts(Answer::Refused("unknown".into()), None), Status::False, true),
            (facts(Answer::Silent, None), Status::False, true),
            (facts(Answer::Silent, Some("HTTPS_PROXY is set")), Status::Unknown, false),
        ] {
            assert_eq!(check(&facts).reason.status, status, "{facts:?}");
            assert_eq!(facts.is_bad(), forbids, "{facts:?}");
            assert_eq!(facts.forbids_pull(Duration::ZERO).is_some(), forbids, "{facts:?}");
            assert_eq!(facts.forbids_pull(HOLDS), None, "{facts:?}");
        }
    }
}
