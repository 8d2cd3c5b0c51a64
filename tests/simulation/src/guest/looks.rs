//! How looks go: how long they take, what they bring, and what keeps them from it.

use std::time::Duration;

use saigak_agent::guest::{self, Seen, concern};
use saigak_agent::model::{Attempt, Flaw as Told, PullState, Server};
use saigak_agent::network;
use saigak_agent::ollama::{self, Answer};

use super::Guest;
use crate::seen;
use crate::world::{Ended, Flaw};

/// How many concerns there are.
pub(crate) const CONCERNS: usize = guest::CONCERNS.len();

/// How well the agent sees, each until a certain time.
#[derive(Debug, Clone, Default)]
pub struct Senses {
    /// Looks at the concern hang until they are given up, and bring nothing.
    pub hang_until: [u64; CONCERNS],
    /// The bus does not answer.
    pub bus_until: u64,
    /// Looks at the concern fail.
    pub fail_until: [u64; CONCERNS],
    /// They bring what the last one has brought, as if it were new.
    pub old_until: [u64; CONCERNS],
    /// No event arrives.
    pub deaf_until: u64,
    /// Events arrive late, twice, and in any order.
    pub late_until: u64,
    /// Knocks at the server's port get lost on their way.
    pub knocks_until: u64,
}

impl Senses {
    /// Everything is seen as it is from now on.
    pub fn clear(&mut self, now: u64) {
        let others = [
            &mut self.bus_until,
            &mut self.deaf_until,
            &mut self.late_until,
            &mut self.knocks_until,
        ];
        let each =
            self.hang_until.iter_mut().chain(&mut self.fail_until).chain(&mut self.old_until);
        for until in each.chain(others) {
            *until = now.min(*until);
        }
    }

    /// Until when looks at `concern` tell something else than is so, or nothing.
    #[must_use]
    pub fn blind_until(&self, concern: usize) -> u64 {
        let lies = self.old_until[concern];
        match concern {
            // Who does not know the firewall takes it for open.
            concern::FIREWALL => lies.max(self.hang_until[concern]).max(self.fail_until[concern]),
            concern::STORAGE => lies.max(self.hang_until[concern]),
            _ => lies,
        }
    }
}

/// After so long a look is given up.
const GIVEN_UP: u64 = 20_000;
/// So long an answer to `GET /` is waited for.
const KNOCK: u64 = 3000;
/// So long an answer of the storage probe, of the bus, or of the server's lists is waited for.
const ANSWER: u64 = 5000;
/// So long an answer to a proof is waited for.
const PROOF: u64 = 330_000;

/// A look that goes on.
#[derive(Debug, Clone)]
pub struct Look {
    /// At what.
    pub concern: usize,
    /// When it began.
    pub began: u64,
    /// When it ends, at the latest where it is a proof.
    pub ends: u64,
    /// How long the guest had been suspended when it began.
    asleep: Duration,
    /// It brings nothing, and is given up.
    hangs: bool,
    /// The start of the server that has taken a knock and does not answer it.
    knocked: Option<u32>,
    /// What systemd said meanwhile: it is asked when the look begins.
    unit: Option<ollama::Unit>,
    /// The server that is proven.
    server: Option<Server>,
}

impl Look {
    fn at(concern: usize, now: u64, asleep: Duration) -> Self {
        Self {
            concern,
            began: now,
            ends: now,
            asleep,
            hangs: false,
            knocked: None,
            unit: None,
            server: None,
        }
    }
}

impl Guest {
    /// A look at `concern` begins.
    pub fn begin_look(&mut self, concern: usize) -> Look {
        let now = self.world.now;
        let asleep = self.asleep();
        let mut look = Look::at(concern, now, asleep);
        if now < self.senses.hang_until[concern] {
            look.hangs = true;
            look.ends = now + GIVEN_UP;
            return look;
        }
        let mut takes = self.quick();
        let bus = now >= self.senses.bus_until;
        match concern {
            concern::NETWORK | concern::BOOTSTRAP if !bus => takes = ANSWER,
            concern::STORAGE if self.world.disk.mounted && self.world.disk.hangs => takes = ANSWER,
            concern::OLLAMA => {
                let (at_address, at_loopback) = self.knock();
                let silent = at_loopback == Answer::Silent
                    || matches!(at_address, Some((_, Answer::Silent)));
                takes = if !bus {
                    ANSWER
                } else if silent {
                    look.knocked = Some(self.world.unit.invocation);
                    look.unit = Some(seen::unit(&self.world));
                    KNOCK
                } else {
                    takes
                };
            }
            concern::MODEL if seen::models(&self.world).is_err() && self.world.unit.runs() => {
                takes = ANSWER;
            }
            concern::PROOF => {
                let uptime = self.moment().uptime;
                look.server = self.provable();
                if let Some(server) = look.server {
                    self.memory.log.running = Some((server, uptime));
                    self.world.ask_embedding();
                    takes = PROOF;
                }
            }
            _ => {}
        }
        look.ends = now + takes;
        look
    }

    /// A look that is over at once.
    pub(super) fn look_now(&mut self, concern: usize) {
        let now = self.world.now;
        let hangs = now < self.senses.hang_until[concern];
        let asleep = self.asleep();
        self.end_look(&Look { hangs, ..Look::at(concern, now, asleep) });
    }

    /// The server that is to be proven now.
    fn provable(&self) -> Option<Server> {
        let uptime = self.moment().uptime;
        let (facts, log) = (&self.memory.facts, &self.memory.log);
        let (weights, pace) = (facts.alias_weights(), log.pace(&self.config().proof));
        let due = |server: &Server| log.due(*server, weights, uptime, &pace, facts.served());
        facts.provable().filter(due)
    }

    /// Whether a look at the proofs would bring nothing now.
    #[must_use]
    pub fn owes_no_proof(&self) -> bool {
        self.world.now >= self.senses.hang_until[concern::PROOF] && self.provable().is_none()
    }

    /// Whether `look` is over now.
    #[must_use]
    pub fn is_over(&self, look: &Look) -> bool {
        let moved = |server| self.memory.facts.server().is_some_and(|now| now != server);
        self.world.now >= look.ends
            || self.is_torn(look)
            || look.server.is_some_and(|server| {
                moved(server) || self.world.request.as_ref().is_some_and(|it| it.ended.is_some())
            })
    }

    /// Whether the server has ended that took the knock of `look`, and its connection with it.
    fn is_torn(&self, look: &Look) -> bool {
        let unit = &self.world.unit;
        look.knocked.is_some_and(|start| start != unit.invocation || !unit.runs())
    }

    /// A look ends, and what it brings is known.
    pub fn end_look(&mut self, look: &Look) {
        if look.hangs {
            return;
        }
        let at = seen::uptime(&self.world, look.began);
        let bus = self.world.now >= self.senses.bus_until;
        let wall = self.moment().wall;
        if self.world.now < self.senses.old_until[look.concern] {
            self.memory.repeat(look.concern, at);
            return;
        }
        if self.world.now < self.senses.fail_until[look.concern] {
            self.fail(look, at);
            return;
        }
        let may_repeat = self.config().network.repeat_lease;
        let asks_for_names = look.concern == concern::NAMES && self.memory.facts.asks_for_names(at);
        let facts = &mut self.memory.facts;
        match look.concern {
            concern::BOOTSTRAP => {
                facts.bootstrap = Some(Seen { at, value: seen::bootstrap(&self.world) });
            }
            concern::NETWORK => {
                let before = facts.address();
                let mut network = seen::network(&self.world, bus, may_repeat);
                if bus && self.world.networkd.came > look.began {
                    // It was not on the bus yet, and its unit is asked for afterwards.
                    let standing = network::Standing::OffBus;
                    network.networkd = network::Networkd::NotRunning(standing);
                }
                if may_repeat && network.has_lease() && network.works() && network.repeats.is_none()
                {
                    self.world.note_lease();
                }
                let value = Ok(network);
                facts.network = Some(Seen { at, value });
                if facts.address() != before {
                    facts.forget_names();
                    self.woken |= 1 << concern::OLLAMA | 1 << concern::NAMES;
                }
            }
            concern::STORAGE => {
                facts.storage = Some(Seen { at, value: Ok(seen::storage(&self.world)) });
            }
            concern::OLLAMA => self.see_server(look, bus),
            concern::MODEL => {
                let server = facts.ollama.as_ref().map(|seen| &seen.value);
                let at_address =
                    server.is_some_and(|it| matches!(it.at_address, Some((_, Answer::Alive))));
                let value = if at_address && self.world.link.address.is_none() {
                    Err("no way leads there".into())
                } else if server.is_some_and(ollama::Facts::answers) {
                    seen::models(&self.world)
                } else {
                    Err("the server does not answer".into())
                };
                let changed = facts.model.as_ref().is_none_or(|before| before.value != value);
                facts.model = Some(Seen { at, value });
                if changed {
                    facts.model_since = at;
                    self.woken |= 1 << concern::OLLAMA | 1 << concern::PROOF | 1 << concern::NAMES;
                }
            }
            concern::PROOF => self.see_proof(look),
            concern::NAMES if asks_for_names => {
                facts.take_names(at, seen::names(&self.world));
            }
            concern::GPU => self.see_gpu(at),
            concern::NAMES => {}
            concern::FIREWALL => {
                facts.firewall = Some(Seen { at, value: Ok(seen::firewall(&self.world)) });
            }
            _ => facts.system = Some(Seen { at, value: seen::system(wall) }),
        }
    }

    /// `GET /` at both addresses.
    fn knock(&self) -> (Option<(std::net::Ipv4Addr, Answer)>, Answer) {
        let lost = self.world.now < self.senses.knocks_until;
        let heard = |answer| if lost && answer == Answer::Alive { Answer::Silent } else { answer };
        // Where it knocks is what it knows; who answers there is what is so.
        let known = self.memory.facts.address();
        let at_address = known.zip(seen::at_address(&self.world));
        let at_address = at_address.map(|(address, (_, answer))| (address, heard(answer)));
        (at_address, heard(seen::at_loopback(&self.world)))
    }

    pub(super) fn see_server(&mut self, look: &Look, bus: bool) {
        let at = seen::uptime(&self.world, look.began);
        let (mut at_address, mut at_loopback) = self.knock();
        if self.is_torn(look) {
            let torn = || Answer::Wrong("connection closed before message completed".into());
            at_address = at_address.map(|(address, _)| (address, torn()));
            at_loopback = torn();
        }
        let unit = look.unit.clone().unwrap_or_else(|| seen::unit(&self.world));
        let unit = if bus { Ok(unit) } else { Err("no answer".into()) };
        let asleep = look.asleep;
        let facts = &mut self.memory.facts;
        let before = facts.remembered(asleep);
        let pulls = matches!(self.memory.pull, PullState::Running(_));
        let worked = self.memory.log.quiet_since().max(self.memory.worked_until);
        let quiet_since = if pulls { Duration::MAX } else { worked };
        let own = ollama::Own { asked: 0, quiet_since, wanted: None };
        let served = facts.server();
        let value = ollama::Facts {
            holder: seen::holder(&self.world),
            settings: seen::settings(&self.world),
            program: seen::program(&self.world),
            ..ollama::Facts::of(unit, at_address, at_loopback, None, before, own, at)
        };
        let value = value.answered(at);
        facts.take_server(at, asleep, value);
        if facts.server() != served {
            let hang_on_it = [concern::STORAGE, concern::MODEL, concern::PROOF, concern::FIREWALL];
            for concern in hang_on_it {
                self.woken |= 1 << concern;
            }
        }
    }

    pub(super) fn see_proof(&mut self, look: &Look) {
        let (Some(server), Some(request)) = (look.server, self.world.request.take()) else {
            return;
        };
        let attempt = match request.ended {
            Some(Ended::Answered(None)) => Attempt::Good,
            Some(Ended::Answered(Some(flaw))) => attempt(flaw),
            Some(Ended::Full) => Attempt::Busy,
            Some(Ended::Cut) => Attempt::Failed("connection closed".into()),
            Some(Ended::NoModel) => Attempt::Failed("404: model not found".into()),
            None if self.world.now >= look.ends => Attempt::TimedOut,
            // Another server is meant now: whoever waited has gone.
            None => return,
        };
        // It has loaded the model, if it was not.
        self.woken |= u32::from(self.world.gpu.expected) << concern::GPU;
        let uptime = self.moment().uptime;
        self.memory.log.note(server, seen::uptime(&self.world, look.began), uptime, attempt);
    }
}

fn attempt(flaw: Flaw) -> Attempt {
    match flaw {
        Flaw::Dimension => Attempt::Wrong(Told::Dimension(512)),
        Flaw::NotFinite | Flaw::StillNotFinite => Attempt::Wrong(Told::NotFinite(3)),
        Flaw::NotUnit => Attempt::Wrong(Told::NotUnit(2.0)),
        Flaw::Unlike => Attempt::Wrong(Told::Unlike(0.1)),
        Flaw::Error | Flaw::StillError => Attempt::Failed("500: llama runner ended".into()),
    }
}
