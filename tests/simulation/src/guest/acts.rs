//! How remedies go: what they do to the world, how long that takes, and how they go wrong.

mod again;
mod models;
mod server;

use saigak_agent::core::Outcome;
use saigak_agent::guest::{Remedy, concern};
use saigak_agent::{model, network, storage};

use super::Guest;
use crate::world::{Alias, Process, READY_IN, Runner, Source, Wrong};

/// How well remedies do what they should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hands {
    /// As well as they can.
    #[default]
    Honest,
    /// They say that they failed, and did nothing.
    Fail,
    /// They never end, and do nothing.
    Hang,
    /// They do half of it, and say that they failed.
    Half,
    /// They say that all is done, and did nothing.
    Lie,
    /// They do what they should, and never end.
    Late,
    /// They leave things worse than they were.
    Worse,
}

/// A remedy at work.
#[derive(Debug, Clone)]
pub struct Act {
    /// Which.
    pub remedy: Remedy,
    /// When it began.
    pub began: u64,
    /// When it ends. `None`: never.
    pub ends: Option<u64>,
    /// How it ends.
    outcome: Outcome,
    /// What it does at its end.
    pub(super) at_end: Option<AtEnd>,
    /// Whether it did anything to the guest, or will.
    pub touches: bool,
    /// How long the guest had served without a break when it began.
    pub served: u64,
    /// Whether the server ran, and one more start of its unit would have hit the limit.
    pub limited: bool,
}

/// What takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtEnd {
    GiveTree,
    MakeRoom,
    CreateAlias,
    DropDamaged,
    LoadModule,
    MakeNodes,
}

impl Act {
    /// The guest has slept for `time` milliseconds.
    pub fn sleep(&mut self, time: u64) {
        if let Some(ends) = &mut self.ends {
            *ends += time;
        }
    }
}

/// How long it takes to find and remove what was given up.
const CLEARS: u64 = 500;

fn done(what: &str) -> Outcome {
    Outcome::Succeeded(what.into())
}

fn refused(why: &str) -> Outcome {
    Outcome::Refused(why.into())
}

fn failed(why: &str) -> Outcome {
    Outcome::Failed(why.into())
}

impl Guest {
    /// A remedy begins, as the agent carries it out: it looks at cloud-init once more.
    pub fn begin_act(&mut self, remedy: Remedy) -> Act {
        let now = self.world.now;
        let mut act = Act {
            remedy,
            began: now,
            ends: Some(now + self.quick()),
            outcome: done("done"),
            at_end: None,
            touches: false,
            served: self.world.serves_for(),
            limited: self.world.unit.runs() && self.world.unit.is_limited(now),
        };
        if !self.reckless && self.waits_for_look(remedy) {
            act.ends = None;
            return act;
        }
        let why = self.looks_again(remedy);
        let why = why.or_else(|| self.held(remedy));
        if let Some(why) = why.filter(|_| !self.reckless) {
            act.outcome = Outcome::Refused(why);
            return act;
        }
        match self.hands {
            Hands::Fail => act.outcome = failed("it could not"),
            Hands::Hang => act.ends = None,
            Hands::Lie => {}
            Hands::Honest | Hands::Half => self.do_it(&mut act),
            Hands::Late => {
                self.do_it(&mut act);
                act.ends = None;
            }
            Hands::Worse => {
                self.do_it(&mut act);
                if act.touches {
                    self.make_worse(remedy);
                }
            }
        }
        self.deliver();
        act
    }

    /// The remedy goes wrong, and leaves things worse than they were.
    fn make_worse(&mut self, remedy: Remedy) {
        let world = &mut self.world;
        match remedy {
            Remedy::Network(network::Remedy::RestartNetworkd) => world.stop_networkd(),
            Remedy::Network(_) => world.give_link_up(),
            Remedy::Storage(_) => world.disk.foreign = 20_000,
            Remedy::Ollama(_) => world.stop_unit(),
            Remedy::Model(model::Remedy::CreateAlias) => world.models.alias = Alias::NoManifest,
            Remedy::Model(model::Remedy::Pull) => world.models.source = Source::NoManifest,
            Remedy::Model(model::Remedy::DropDamaged) => world.damage(),
            Remedy::Model(model::Remedy::Unload) => world.server.runner = Runner::Stuck,
            Remedy::Further(_) => {}
            Remedy::Gpu(_) => (world.gpu.bare, world.gpu.nodes) = (true, false),
        }
    }

    /// A remedy ends.
    pub fn end_act(&mut self, act: Act) -> Outcome {
        if let Remedy::Model(remedy) = act.remedy
            && remedy.asks_server()
        {
            self.memory.worked_until = self.moment().uptime;
            if remedy == model::Remedy::Unload {
                self.memory.log.failures = 0;
                self.woken |= 1 << concern::PROOF;
            }
        }
        let half = self.hands == Hands::Half;
        match act.at_end {
            Some(AtEnd::GiveTree) if !self.world.disk.mounted => {
                return failed("the disk went away");
            }
            Some(AtEnd::GiveTree) if half => {
                self.world.disk.foreign -= self.world.disk.foreign / 2;
                return failed("half of it");
            }
            Some(AtEnd::GiveTree) if self.world.is_wrong(Wrong::NothingIsGiven) => {}
            Some(AtEnd::GiveTree) => {
                self.world.disk.foreign = 0;
                if self.world.is_wrong(Wrong::ImmutableIsGiven) {
                    self.world.disk.immutable = 0;
                }
            }
            Some(AtEnd::MakeRoom) => {
                let wanted = self.config.storage.minimum_free_bytes;
                if !self.world.disk.writable() || !self.world.make_room(wanted, half) {
                    return failed("there is too little room");
                }
            }
            Some(AtEnd::CreateAlias) => {
                let models = &mut self.world.models;
                if self.world.disk.writable()
                    && self.world.disk.has_room()
                    && models.source == Source::Present
                    && !half
                {
                    models.alias = Alias::Good;
                } else {
                    return failed("the server could not write it");
                }
            }
            Some(AtEnd::DropDamaged) => {
                if !self.world.disk.mounted || self.world.disk.read_only || half {
                    return failed("cannot read all of it");
                }
                self.world.drop_damaged();
            }
            Some(AtEnd::LoadModule | AtEnd::MakeNodes) if half => return failed("half of it"),
            Some(AtEnd::LoadModule) if !self.world.gpu.load() => {
                self.ask_driver_again();
                return failed("no such module");
            }
            Some(AtEnd::MakeNodes) if !self.world.gpu.make_nodes() => {
                self.ask_driver_again();
                return failed("no driver");
            }
            Some(AtEnd::LoadModule | AtEnd::MakeNodes) => self.ask_driver_again(),
            None => {}
        }
        act.outcome
    }

    fn do_it(&mut self, act: &mut Act) {
        act.outcome = match act.remedy {
            Remedy::Network(remedy) => self.do_network(remedy, act),
            Remedy::Storage(storage::Remedy::FixOwner) => self.give_tree(act),
            Remedy::Storage(storage::Remedy::MakeRoom) => self.make_room(act),
            Remedy::Ollama(remedy) => self.do_server(remedy, act),
            Remedy::Model(remedy) => self.do_model(remedy, act),
            // No guest here has any.
            Remedy::Further(_) => refused("what it would mend is not seen any more"),
            Remedy::Gpu(remedy) => self.do_gpu(remedy, act),
        };
        act.touches = !matches!(act.outcome, Outcome::Refused(_));
    }

    fn do_network(&mut self, remedy: network::Remedy, act: &mut Act) -> Outcome {
        let world = &mut self.world;
        let bus = world.now >= self.senses.bus_until && !world.networkd.off_bus;
        match remedy {
            network::Remedy::RestartNetworkd if world.networkd.masked => {
                return failed("the unit is masked");
            }
            network::Remedy::RestartNetworkd => {
                world.start_networkd();
                act.ends = Some(world.now + READY_IN);
                return done("restarted networkd");
            }
            network::Remedy::MatchByName => {
                let file = &mut world.networkd.file;
                // What is not needed any more is withdrawn.
                file.by_name = file.pinned || file.missing;
                if self.hands == Hands::Half {
                    return failed("networkd does not reload");
                }
                if world.link.up && world.link.address.is_some() && world.link.route {
                    return done("the link works, and is left as it is");
                }
            }
            network::Remedy::RepeatLease => return self.repeat_lease(bus),
            network::Remedy::Reconfigure => {}
        }
        if !world.link.present {
            refused("no link is named enp1s0")
        } else if bus && world.networkd.process == Process::Runs {
            world.configure();
            done("networkd configures enp1s0 anew")
        } else {
            failed("networkd does not answer")
        }
    }

    fn repeat_lease(&mut self, bus: bool) -> Outcome {
        let repeats = self.config().network.repeat_lease;
        let world = &mut self.world;
        if world.networkd.lease || !repeats {
            world.stop_repeating();
        } else if world.link.address.is_some() {
            return done("it has an address without a lease");
        } else if world.may_repeat() {
            world.repeat_lease();
        } else {
            return failed("no lease to repeat");
        }
        if bus { done("the last lease is repeated, or not any more") } else { failed("no reload") }
    }

    fn give_tree(&mut self, act: &mut Act) -> Outcome {
        let disk = &self.world.disk;
        if !disk.mounted {
            return refused("nothing is mounted");
        }
        if self.world.server.no_user {
            return failed("there is no such user");
        }
        if disk.hangs {
            act.ends = None;
        } else if disk.read_only {
            return failed("read-only file system");
        } else {
            act.ends = Some(self.world.now + u64::from(disk.foreign) / 20);
        }
        act.at_end = Some(AtEnd::GiveTree);
        done("given")
    }

    fn make_room(&self, act: &mut Act) -> Outcome {
        let disk = &self.world.disk;
        if !disk.mounted {
            return refused("nothing is mounted");
        }
        if disk.hangs {
            act.ends = None;
        } else if !disk.writable() {
            return failed("the disk takes no writes");
        } else {
            act.ends = Some(self.world.now + CLEARS);
        }
        act.at_end = Some(AtEnd::MakeRoom);
        done("removed")
    }
}
