//! Scenarios: each is an incident that must not happen again.

pub mod fault;
pub mod matter;
pub mod runner;
pub mod stage;
pub mod table;
mod twin;
mod twins;
pub mod unshown;

mod agent;
mod alias;
mod authorisation;
mod boots;
mod bootstrap;
mod budget;
mod bus;
mod busy;
mod clients;
mod clock;
mod crash;
mod disk;
mod disk_crowded;
mod disk_files;
mod disk_hangs;
mod disk_matters;
mod disk_place;
mod dns;
mod files;
mod firewall;
mod full;
mod further;
mod gpu;
mod healthy;
mod helpers;
pub(crate) mod incident;
mod install;
mod journal;
mod lease;
mod lease_person;
mod links;
mod middle;
pub(crate) mod model;
pub(crate) mod models;
mod netplan;
mod network;
mod networkd;
mod operator;
pub(crate) mod ownership;
mod ports;
mod proof;
mod proxy;
mod pull;
mod pull_cuts;
mod pull_room;
mod registry;
pub(crate) mod resources;
pub(crate) mod runner_process;
pub(crate) mod server;
mod sidecar;
pub(crate) mod slow;
mod smoke;
mod sources;
mod templates;
mod two;
mod unclean;
pub(crate) mod unit;
mod vector;
pub(crate) mod vm;
mod warm;

use std::future::Future;
use std::pin::Pin;

use anyhow::{Result, bail};

use crate::plan::Place;
use crate::say;
use stage::Stage;

/// A scenario's future; it stays on the lab's one thread.
pub type Playing<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// Which server a scenario can be played against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// A real Ollama or the stand-in: its faults are done from outside.
    AnyServer,
    /// The stand-in alone: a real one cannot be made to do this.
    StandIn,
}

/// A scenario.
pub struct Scenario {
    /// Its name on the command line; also that of its guest.
    pub name: &'static str,
    /// The incident that it prevents, in one line.
    pub story: &'static str,
    /// What it can be played against.
    pub needs: Needs,
    /// What its guests' agents must have said: `Condition/Reason`.
    pub shows: &'static [&'static str],
    /// Plays it.
    pub play: for<'a> fn(&'a Stage) -> Playing<'a>,
}

/// The scenario that needs NVIDIA's own library.
pub const NVIDIAS_OWN: &str = gpu::OWN.name;

/// All scenarios, the quick and fundamental ones first.
pub const ALL: &[Scenario] = &[
    boots::SCENARIO,
    incident::SCENARIO,
    healthy::SCENARIO,
    bootstrap::SCENARIO,
    templates::SCENARIO,
    install::SCENARIO,
    network::LINK,
    network::CABLE,
    network::DHCP,
    networkd::SCENARIO,
    netplan::SCENARIO,
    links::SCENARIO,
    dns::SCENARIO,
    lease::OTHER,
    lease::REPEATED,
    lease_person::SCENARIO,
    firewall::SCENARIO,
    smoke::SCENARIO,
    ownership::SCENARIO,
    disk::SCENARIO,
    disk_matters::SCENARIO,
    disk_place::SCENARIO,
    disk_files::SCENARIO,
    disk_hangs::SCENARIO,
    disk_crowded::SCENARIO,
    full::ROOT,
    full::RUN,
    server::SERVER,
    server::LOOPBACK,
    unit::SCENARIO,
    crash::SCENARIO,
    models::SCENARIO,
    ports::SCENARIO,
    slow::SCENARIO,
    resources::SCENARIO,
    runner_process::IDLE,
    runner_process::IN_FLIGHT,
    busy::SCENARIO,
    clients::SCENARIO,
    unclean::SCENARIO,
    model::MODEL,
    model::REGISTRY,
    alias::SCENARIO,
    files::SCENARIO,
    registry::FAULTS,
    pull::SCENARIO,
    pull_cuts::SCENARIO,
    pull_room::SCENARIO,
    sources::MIRRORED,
    sources::AIR_GAPPED,
    proxy::SCENARIO,
    proof::SCENARIO,
    vector::SCENARIO,
    vector::ROT,
    warm::SCENARIO,
    further::SCENARIO,
    gpu::ATTACHED,
    gpu::PLACED,
    gpu::DRIVER,
    gpu::LIBRARY,
    gpu::HEALTH,
    gpu::FALLBACK,
    gpu::HANGS,
    gpu::IDLE,
    gpu::OWN,
    gpu::SCRAPES,
    operator::PAUSE,
    operator::CHECK,
    operator::RELOAD,
    operator::SETTINGS,
    operator::REPORT,
    agent::SCENARIO,
    bus::SCENARIO,
    budget::SCENARIO,
    journal::SCENARIO,
    clock::SCENARIO,
    helpers::SCENARIO,
    two::SCENARIO,
    sidecar::SCENARIO,
    gpu::POD,
    middle::SCENARIO,
    middle::MODELS,
    authorisation::SCENARIO,
];

/// The scenarios for a place.
#[must_use]
pub fn all(place: Place) -> &'static [Scenario] {
    match place {
        Place::Container => ALL,
        Place::Vm(_) => vm::ALL,
    }
}

/// The scenarios of those names, all for no name.
pub fn select(place: Place, names: &[String]) -> Result<Vec<&'static Scenario>> {
    let all = all(place);
    for name in names {
        if !all.iter().any(|scenario| scenario.name == name) {
            let known: Vec<&str> = all.iter().map(|scenario| scenario.name).collect();
            bail!("no scenario is called {name}; there are: {}", known.join(" "));
        }
    }
    let chosen =
        |scenario: &&Scenario| names.is_empty() || names.iter().any(|name| name == scenario.name);
    Ok(all.iter().filter(chosen).collect())
}

/// Prints all scenarios and their stories.
pub fn print_list() {
    for (heading, all) in [("in containers", ALL), ("in virtual machines", vm::ALL)] {
        say::line(&format!("{heading}:"));
        let width = all.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
        for scenario in all {
            let needs = match scenario.needs {
                Needs::AnyServer => "",
                Needs::StandIn => " (stand-in only)",
            };
            say::line(&format!("{:width$}  {}{needs}", scenario.name, scenario.story));
        }
        let real = all.iter().filter(|scenario| scenario.needs == Needs::AnyServer).count();
        say::line("");
        say::line(&format!(
            "{} scenarios: {real} with a real Ollama or the stand-in, {} with the stand-in only",
            all.len(),
            all.len() - real
        ));
        say::line("");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_fit_a_host_name() {
        for all in [ALL, vm::ALL] {
            for (index, scenario) in all.iter().enumerate() {
                let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                assert!(scenario.name.chars().all(fits), "{}", scenario.name);
                assert!(all[..index].iter().all(|other| other.name != scenario.name));
            }
        }
    }

    #[test]
    fn what_scenarios_show_is_what_the_agent_can_say() {
        let declared: HashSet<String> = saigak_agent::guest::declared()
            .flat_map(|(condition, reasons)| {
                reasons.iter().map(|reason| format!("{}/{}", condition.name, reason.name))
            })
            .collect();
        let all = || ALL.iter().chain(vm::ALL);
        let shown: HashSet<String> =
            all().flat_map(|scenario| scenario.shows).map(|pair| (*pair).to_owned()).collect();
        let unshown: HashSet<String> =
            unshown::UNSHOWN.iter().map(|(pair, _)| (*pair).to_owned()).collect();
        let both: Vec<_> = shown.intersection(&unshown).collect();
        assert!(both.is_empty(), "shown, and said not to be: {both:?}");
        let known: HashSet<String> = shown.union(&unshown).cloned().collect();
        let never: Vec<_> = known.difference(&declared).collect();
        assert!(never.is_empty(), "the agent never says {never:?}");
        let missing: Vec<_> = declared.difference(&known).collect();
        assert!(missing.is_empty(), "no scenario shows {missing:?}, and no reason is given why");
    }

    #[test]
    fn an_unknown_name_is_refused_and_the_known_ones_are_told() {
        let names = ["no-such-thing".into()];
        let error = select(Place::Container, &names).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("no-such-thing") && error.contains(ALL[0].name), "{error}");
    }
}
