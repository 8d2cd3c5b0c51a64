//! What is remembered of the registry's name.

use std::time::Duration;

use super::{Facts, Seen, fresh};
use crate::names;

/// How long a good answer of the resolver counts while nothing is to be pulled.
const NAMES_COUNT: Duration = Duration::from_secs(60);

impl Facts {
    /// Whether the registry's name is to be asked for at `uptime`: a good answer counts for a
    /// while, unless a pull is wanted.
    #[must_use]
    pub fn asks_for_names(&self, uptime: Duration) -> bool {
        let model = self.model.as_ref().and_then(|seen| seen.value.as_ref().ok());
        let wanted = model.is_some_and(|model| !model.source.is_there());
        let good = self.names.as_ref().filter(|seen| seen.value.is_good());
        wanted || good.is_none_or(|seen| uptime.saturating_sub(seen.at) >= NAMES_COUNT)
    }

    /// Takes what a look that began at `at` saw of the registry's name. Without an address no name
    /// can resolve: for how long it does not is counted from then on.
    pub fn take_names(&mut self, at: Duration, value: names::Facts) {
        let network = self.network.as_ref().and_then(|seen| seen.value.as_ref().ok());
        let before = self.names_bad.filter(|_| network.is_none_or(|link| link.address.is_some()));
        self.names_bad = value.is_bad().then(|| before.unwrap_or(at));
        self.names = Some(Seen { at, value });
    }

    /// Forgets what was seen of the registry's name: it may be another one, or is asked for in
    /// another way from now on.
    pub fn forget_names(&mut self) {
        self.names = None;
        self.names_bad = None;
    }

    /// Why a pull would be in vain at `uptime`, as far as the registry's name tells.
    pub(in crate::guest) fn names_forbid_pull(&self, uptime: Duration) -> Option<String> {
        let lasts = uptime.saturating_sub(self.names_bad?);
        fresh(self.names.as_ref(), uptime)?.value.forbids_pull(lasts)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::network;

    #[test]
    fn names_that_do_not_resolve_hold_pulls_back_for_ten_minutes_in_a_row() {
        let facts = |answer| names::Facts { host: "x.example".into(), answer, proxy: None };
        let mut seen = Facts::default();
        let mut held = |at: u64, answer| {
            let at = Duration::from_secs(at);
            seen.take_names(at, facts(answer));
            seen.names_forbid_pull(at).is_some()
        };
        let good = || names::Answer::Resolved(Ipv4Addr::LOCALHOST.into());
        assert!(!held(0, good()));
        assert!(held(10, names::Answer::Silent));
        assert!(held(609, names::Answer::Refused("unknown".into())));
        assert!(!held(610, names::Answer::Silent));
        assert!(!held(620, good()));
        assert!(held(630, names::Answer::Silent));
    }

    #[test]
    fn names_have_their_ten_minutes_anew_with_each_address_and_not_without_one() {
        let silent = || {
            let (host, answer) = ("x.example".into(), names::Answer::Silent);
            names::Facts { host, answer, proxy: None }
        };
        let at = Duration::from_secs;
        let seen_at = |address| {
            let value = Ok(network::Facts { address, ..network::Facts::fake() });
            Some(Seen { at: at(0), value })
        };
        let mut seen = Facts { network: seen_at(None), ..Facts::default() };
        for looked in [0, 600, 1200] {
            seen.take_names(at(looked), silent());
            assert!(seen.names_forbid_pull(at(looked)).is_some(), "after {looked} s");
        }
        seen.network = seen_at(Some((Ipv4Addr::new(10, 0, 2, 2), 24)));
        seen.forget_names();
        assert_eq!(seen.names_forbid_pull(at(1201)), None);
        seen.take_names(at(1210), silent());
        assert!(seen.names_forbid_pull(at(1210)).is_some());
        seen.take_names(at(1810), silent());
        assert_eq!(seen.names_forbid_pull(at(1810)), None);
    }
}
