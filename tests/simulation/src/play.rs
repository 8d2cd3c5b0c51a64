//! Plays a history: the guest and its agent, event by event, under the rules.

use std::collections::BTreeSet;

use saigak_agent::guest::{CONCERNS, Remedy};

use crate::agent::{Agent, Deed, Disk, Saves};
use crate::fault::Fault;
use crate::guest::{Act, Guest, Hands};
use crate::history::{Event, History};
use crate::mind::{Mind, Sound};
use crate::story::Listener;
use crate::watch::{Violation, Watch};
use crate::world::CloudInit;

/// What became of a history.
#[derive(Debug, Clone, Default)]
pub struct Played {
    /// How long it took from the last cure to Ready, in milliseconds.
    pub converged: u64,
    /// How often the agent turned.
    pub turns: u64,
    /// The states that were seen: see [`Watch::states`].
    pub states: Vec<(u64, u64)>,
    /// Repairs that acted, and when.
    pub acts: Vec<(u64, Remedy)>,
    /// The conditions and reasons that repairs were chosen for, each once.
    pub reasons: Vec<(&'static str, &'static str)>,
    /// How often the wall clock jumped while a pull ran, and how often its registry turned.
    pub in_pulls: (u64, u64),
    /// What was said last of the next step, and of the cause.
    pub last: (String, Option<(String, String)>),
}

/// One guest, its agent, and what happens to them.
struct Stage<'a, M: Mind> {
    guest: Guest,
    mind: M,
    agent: Option<Agent<M>>,
    /// When systemd starts the agent.
    starts: u64,
    disk: Disk,
    saves: Saves,
    /// Repairs whose agent has gone.
    orphans: Vec<Act>,
    watch: Watch,
    played: Played,
    story: Option<&'a mut dyn Listener>,
    /// What the story was told last: the number of the agent's report, whether that was Ready, and
    /// whether a client could embed.
    reported: Option<(u64, bool, bool)>,
    /// Steps so far at this instant.
    spun: u32,
}

/// More steps than this at one instant are a loop without end.
const SPINS: u32 = 1000;

/// Plays `history` with the agent as it is.
///
/// # Errors
/// The first rule that is broken.
pub fn play(history: &History) -> Result<Played, Violation> {
    play_with(history, Sound, None)
}

/// Plays `history` with an agent of that mind, and tells its story.
///
/// # Errors
/// The first rule that is broken.
pub fn play_with<M: Mind>(
    history: &History,
    mind: M,
    story: Option<&mut dyn Listener>,
) -> Result<Played, Violation> {
    let mut guest = Guest::new(history.seed, history.tempo);
    if history.cloud_init {
        guest.world.cloud_init =
            CloudInit::Runs { writes: 1500, ends: Some(12_000), written: false };
    }
    if history.repeats {
        guest = guest.repeating();
    }
    if history.makes_room {
        guest = guest.making_room();
    }
    if history.gpu {
        guest = guest.expecting_gpu();
    }
    if let Some(load) = history.contained {
        guest.world.contain(load);
    }
    guest.reckless = mind.is_reckless();
    guest.forgetful = mind.is_forgetful();
    let mut stage = Stage {
        guest,
        mind,
        agent: None,
        starts: 1000,
        disk: Disk::default(),
        saves: Saves::Quick,
        orphans: Vec::new(),
        watch: Watch::default(),
        played: Played::default(),
        story,
        reported: None,
        spun: 0,
    };
    stage.play(history)?;
    stage.played.states = stage.watch.states;
    Ok(stage.played)
}

impl<M: Mind> Stage<'_, M> {
    fn play(&mut self, history: &History) -> Result<(), Violation> {
        for (at, event) in &history.events {
            self.until(*at)?;
            self.happens(*event);
        }
        self.until(history.cured)?;
        self.all_is_cured(history);
        if history.stays.is_some() {
            self.note_last();
            return Ok(());
        }
        let cured = self.guest.world.now;
        while !(self.ready() && self.guest.world.can_embed()) {
            let now = self.guest.world.now;
            if now > cured + history.within {
                let what = format!("not Ready {} s after the last cure", history.within / 1000);
                return Err(Violation { at: now, rule: "what_can_heal_heals", what });
            }
            let next = self.next();
            self.until(next)?;
        }
        self.played.converged = self.guest.world.now - cured;
        self.tell(|| "Ready, and so it is".into());
        Ok(())
    }

    fn note_last(&mut self) {
        if let Some(agent) = &self.agent {
            let report = agent.engine.report(self.guest.moment(), None, None);
            let cause = report.cause.map(|cause| (cause.condition, cause.reason));
            self.played.last = (report.next, cause);
        }
    }

    fn all_is_cured(&mut self, history: &History) {
        self.guest.senses.clear(self.guest.world.now);
        self.guest.hands = Hands::Honest;
        self.guest.wall_skew = 0;
        self.guest.world.registry_turns_back();
        self.saves = Saves::Quick;
        let struck: BTreeSet<usize> = history
            .struck()
            .filter_map(|fault| Fault::ALL.iter().position(|it| *it == fault))
            .collect();
        for fault in struck.into_iter().map(|at| Fault::ALL[at]) {
            if Some(fault) != history.stays {
                fault.cure(&mut self.guest.world);
            }
        }
        self.note_boot();
        self.guest.deliver();
        self.tell(|| "everything that only a person can mend is mended".into());
    }

    fn ready(&self) -> bool {
        let uptime = self.guest.moment().uptime;
        self.agent.as_ref().is_some_and(|agent| agent.engine.ready(uptime))
    }

    fn next(&self) -> u64 {
        let agent = self.agent.as_ref().map_or(self.starts, Agent::next);
        let orphans = self.orphans.iter().filter_map(|act| act.ends).min();
        let world = self.guest.world.next();
        [Some(agent), orphans, world].into_iter().flatten().min().unwrap_or(agent)
    }

    /// Everything up to `until` happens.
    fn until(&mut self, until: u64) -> Result<(), Violation> {
        loop {
            let next = self.next().max(self.guest.world.now);
            if next > until {
                self.guest.advance(until);
                return Ok(());
            }
            // A loop that turns without end at one instant would never come to a violation.
            self.spun = if next > self.guest.world.now { 0 } else { self.spun + 1 };
            if self.spun > SPINS {
                let what = "the loop turns without end".into();
                return Err(Violation { at: next, rule: "time_goes_on", what });
            }
            self.guest.advance(next);
            self.step()?;
            if self.story.as_ref().is_some_and(|story| story.has_enough()) {
                return Ok(());
            }
        }
    }

    fn step(&mut self) -> Result<(), Violation> {
        let now = self.guest.world.now;
        let orphans = std::mem::take(&mut self.orphans);
        for act in orphans {
            if act.ends.is_some_and(|ends| ends <= now) {
                self.guest.end_act(act);
            } else {
                self.orphans.push(act);
            }
        }
        if self.agent.is_none() && self.starts <= now {
            let agent = Agent::start(&self.guest, &self.disk, self.mind.clone());
            self.watch.agent_began(&self.guest, agent.engine.ledger());
            self.agent = Some(agent);
            self.reported = None;
            self.tell(|| "the agent starts".into());
        }
        let Some(agent) = &mut self.agent else { return Ok(()) };
        let turned = agent.run(&mut self.guest, &mut self.disk, self.saves, &mut self.watch);
        self.played.turns += u64::from(turned);
        let deeds = std::mem::take(&mut agent.deeds);
        for deed in &deeds {
            match deed {
                Deed::Acts(act) if act.touches => self.played.acts.push((now, act.remedy)),
                Deed::Chosen(_, condition, reason)
                    if !self.played.reasons.contains(&(*condition, *reason)) =>
                {
                    self.played.reasons.push((*condition, *reason));
                }
                _ => {}
            }
            if let Some(story) = &mut self.story {
                story.deed(now, deed);
            }
            self.watch.deed(&self.guest, deed)?;
        }
        let ready = self.ready();
        if let (Some(story), Some(agent)) = (&mut self.story, &self.agent) {
            let embeds = self.guest.world.can_embed();
            let reported = Some((agent.engine.sequence(), ready, embeds));
            if reported != self.reported {
                self.reported = reported;
                let report = agent.engine.report(self.guest.moment(), None, None);
                story.report(now, &report, embeds);
            }
        }
        Watch::ready_is_no_lie(&self.guest, ready)
    }

    fn happens(&mut self, event: Event) {
        let now = self.guest.world.now;
        self.tell(|| format!("{event:?}"));
        self.note_pull(event);
        let senses = &mut self.guest.senses;
        match event {
            Event::Strike(fault) => fault.strike(&mut self.guest.world),
            Event::Cure(fault) => fault.cure(&mut self.guest.world),
            Event::Blind(concern, time) => senses.hang_until[concern] = now + time,
            Event::Fails(concern, time) => senses.fail_until[concern] = now + time,
            Event::Old(concern, time) => senses.old_until[concern] = now + time,
            Event::Late(time) => senses.late_until = now + time,
            Event::NoBus(time) => senses.bus_until = now + time,
            Event::Deaf(time) => senses.deaf_until = now + time,
            Event::NoKnocks(time) => senses.knocks_until = now + time,
            Event::Storm => self.guest.woken = (1 << CONCERNS.len()) - 1,
            Event::Hands(hands) => self.guest.hands = hands,
            Event::Saves(saves) => self.saves = saves,
            Event::AgentDies(down) => {
                self.starts = now + down;
                if let Some(agent) = self.agent.take() {
                    let arrived = self.guest.world.chance.usize(..=agent.unsaved());
                    agent.cut_short(arrived, &mut self.disk);
                    self.watch.agent_died(arrived == agent.unsaved() && self.saves != Saves::Fail);
                    self.orphans.extend(agent.acts().cloned());
                }
                self.guest.forget();
            }
            Event::Reboot => self.guest.world.boot(),
            Event::PowerCut(arrived) => {
                if let Some(agent) = &self.agent {
                    agent.cut_short(arrived, &mut self.disk);
                }
                self.guest.world.boot();
            }
            Event::NoteTorn => self.guest.world.lease_noted = None,
            Event::Torn => self.disk.torn = true,
            Event::Pause(length) => {
                if let Some(agent) = &mut self.agent {
                    agent.pause(&self.guest, self.saves, length);
                    self.watch.paused(now + length);
                }
            }
            Event::Sleeps(time) => {
                self.guest.sleep(time);
                self.watch.slept(now + time, time);
                if let Some(agent) = &mut self.agent {
                    agent.sleep(time);
                } else {
                    self.starts += time;
                }
                self.orphans.iter_mut().for_each(|act| act.sleep(time));
            }
            Event::DriverBack => self.guest.world.gpu.hangs = false,
            Event::WallJumps(by) => self.guest.wall_skew = by,
            Event::Registry(turn, time) => self.guest.world.registry_turns(turn, time),
            Event::Physics(wrong) => self.guest.world.wrong = Some(wrong),
        }
        self.note_boot();
        self.guest.deliver();
    }

    fn note_pull(&mut self, event: Event) {
        let pulls = u64::from(self.guest.world.pull.is_some());
        match event {
            Event::WallJumps(_) => self.played.in_pulls.0 += pulls,
            Event::Registry(..) => self.played.in_pulls.1 += pulls,
            _ => {}
        }
    }

    /// With the kernel goes all that ran on it.
    fn note_boot(&mut self) {
        let now = self.guest.world.now;
        if self.guest.world.booted == now && now > 0 {
            self.orphans.clear();
            self.agent = None;
            self.starts = now + 1500;
            self.guest.forget();
        }
    }

    fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.happens(self.guest.world.now, &what());
        }
    }
}
