//! From the facts of the bootstrap to its condition, and to what it holds back. Pure.

use std::time::Duration;

use super::facts::Facts;
use crate::config;
use crate::core::{Condition, Judgement, Reason, Role};
use crate::guest::{Declared, Remedy};

/// cloud-init has nothing left to do.
pub static BOOTSTRAP_COMPLETE: Condition = Condition {
    name: "BootstrapComplete",
    concern: "bootstrap",
    role: Role::Advisory,
    needs: &[],
    explained_by: &[],
    grace: Duration::ZERO,
};

static COMPLETE: Reason<Remedy> = Reason::good("Complete");
static NOT_USED: Reason<Remedy> = Reason::good("NotUsed");
static RUNNING: Reason<Remedy> = Reason::passing("Running", "cloud-init works");
static WITH_ERRORS: Reason<Remedy> =
    Reason::fault("CompletedWithErrors", "see /var/log/cloud-init-output.log");
static UNREADABLE: Reason<Remedy> = Reason::unknown("Unreadable", "see cloud-init status --long");

/// The condition, and all that can be said of it.
pub static REASONS: &[Declared] =
    &[(&BOOTSTRAP_COMPLETE, &[&COMPLETE, &NOT_USED, &RUNNING, &WITH_ERRORS, &UNREADABLE])];

/// Judges the bootstrap.
#[must_use]
pub fn check(facts: &Facts) -> Judgement<Remedy> {
    let (reason, message) = match facts {
        Facts::NotUsed => (&NOT_USED, "cloud-init is disabled or not installed".into()),
        Facts::Running(stage) => (&RUNNING, format!("cloud-init is in stage {}", stage.name)),
        Facts::Finished(errors) if errors.is_empty() => (&COMPLETE, "cloud-init is done".into()),
        Facts::Finished(errors) => (&WITH_ERRORS, errors.join("; ")),
        Facts::Unreadable { why, .. } => (&UNREADABLE, why.clone()),
    };
    Judgement::new(&BOOTSTRAP_COMPLETE, reason, message)
}

/// Nobody has looked yet, or its files make no sense: it may be.
const UNKNOWN: &str = "whether cloud-init is at work is not known";

/// Why the network is not repaired yet: cloud-init has still to write its configuration.
/// Later stages wait for the network, so nothing more of it is waited for.
#[must_use]
pub fn holds_network(
    facts: Option<&Facts>,
    config: &config::Bootstrap,
    uptime: Duration,
) -> Option<String> {
    match facts {
        None | Some(Facts::Unreadable { ended: false, .. }) if uptime < config.hold => {
            Some(UNKNOWN.into())
        }
        Some(Facts::Running(stage))
            if !stage.network_written && uptime < stage.booted + config.hold =>
        {
            Some("cloud-init has still to write the network configuration".into())
        }
        _ => None,
    }
}

/// Why nothing but the network is repaired yet: cloud-init is at work, and may be about to
/// do what a repair would.
#[must_use]
pub fn holds_all(
    facts: Option<&Facts>,
    config: &config::Bootstrap,
    uptime: Duration,
) -> Option<String> {
    match facts {
        None | Some(Facts::Unreadable { ended: false, .. }) if uptime < config.hold => {
            Some(UNKNOWN.into())
        }
        Some(Facts::Running(stage)) if uptime < stage.booted + config.hold => {
            Some(format!("cloud-init is in stage {}", stage.name))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::Stage;
    use super::*;

    #[test]
    fn cloud_init_holds_repairs_but_not_for_ever() {
        let config = config::Bootstrap::default();
        let booted = Duration::from_secs(5000);
        let facts = Facts::Running(Stage { name: "init".into(), network_written: true, booted });
        let early = booted + Duration::from_secs(10);
        assert!(holds_all(Some(&facts), &config, early).is_some());
        assert!(holds_network(Some(&facts), &config, early).is_none());
        assert!(holds_all(Some(&facts), &config, booted + config.hold).is_none());
        assert!(holds_all(Some(&Facts::Finished(vec![])), &config, early).is_none());
        assert!(holds_all(Some(&Facts::NotUsed), &config, early).is_none());
    }

    #[test]
    fn a_cloud_init_of_which_nothing_is_known_holds_repairs_as_long() {
        let config = config::Bootstrap::default();
        let torn = |ended| Facts::Unreadable { why: "EOF while parsing".into(), ended };
        for holds in [holds_network, holds_all] {
            for facts in [None, Some(&torn(false))] {
                assert!(holds(facts, &config, Duration::from_secs(9)).is_some());
                assert!(holds(facts, &config, config.hold).is_none());
            }
            assert!(holds(Some(&torn(true)), &config, Duration::from_secs(9)).is_none());
        }
    }
}
