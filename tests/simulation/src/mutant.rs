//! Agents with one thing broken, to prove that the simulation can fail: each defect is one that
//! an agent of somebody's had, or that ours could come to have.

use std::collections::HashMap;
use std::rc::Rc;

use saigak_agent::core::{
    Budget, Condition, Engine, Judgement, Ledger, Outcome, Reason, Remedy, Rung, Status,
};
use saigak_agent::guest::{self, CONDITIONS, concern, declared};
use saigak_agent::ollama;

use crate::guest::Guest;
use crate::mind::Mind;

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// Remedies have no budget.
    BudgetIgnored,
    /// The ledger does not survive the agent.
    LedgerForgotten,
    /// Repairs begin before their budget is saved, and in spite of it.
    SaveIgnored,
    /// Repairs of one thing run side by side.
    TwoAtOnce,
    /// Nothing is given time to heal by itself.
    PatienceIgnored,
    /// What is not known is taken for broken.
    UnknownIsFalse,
    /// What hangs on a fault is repaired like the fault.
    BlockedIgnored,
    /// A server that is busy is taken for one that is stuck.
    BusyIsStuck,
    /// cloud-init and pulls hold nothing back.
    HoldsIgnored,
    /// A person who pauses repairs is not heard.
    PauseIgnored,
    /// A repair that was refused counts as one that failed.
    RefusalCounts,
    /// An event that says that the server runs is believed.
    EventsTrusted,
    /// A proof counts until it is disproven.
    ProofsLast,
    /// What was once false stays so.
    FaultsLatch,
    /// What did not help is held against the next fault.
    GrudgesKept,
    /// What was seen long ago counts as seen now.
    OldFactsTrusted,
    /// No effect is waited for.
    EffectsIgnored,
    /// A ladder that is at its end is climbed on.
    RestsIgnored,
    /// Time counts in which the guest was suspended.
    SleepCounts,
    /// A model on the CPU passes for one on the GPU.
    CpuIsEnough,
    /// A model on the CPU is a reason for a restart, whenever the GPU came.
    CpuIsRestarted,
    /// A GPU counts as having come after the server, with each new probe of its driver.
    GpuComesAnew,
}

/// A remedy, as a broken agent has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bent {
    meant: guest::Remedy,
    defect: Defect,
}

impl Remedy for Bent {
    fn name(self) -> &'static str {
        self.meant.name()
    }

    fn budget(self) -> Budget {
        match self.defect {
            Defect::BudgetIgnored => Budget::hourly(100_000),
            _ => self.meant.budget(),
        }
    }

    fn deadline(self) -> std::time::Duration {
        self.meant.deadline()
    }

    fn touches(self) -> &'static [&'static str] {
        match self.defect {
            Defect::TwoAtOnce => &[],
            _ => self.meant.touches(),
        }
    }
}

type Known = (&'static str, &'static str);

/// An agent with that defect.
#[derive(Debug, Clone)]
pub struct Mutant {
    defect: Defect,
    conditions: &'static [&'static Condition],
    /// By condition and name.
    reasons: Rc<HashMap<Known, &'static Reason<Bent>>>,
    latched: HashMap<&'static str, &'static str>,
    proven: bool,
}

impl Mutant {
    /// The agent with that defect. What it needs for as long as the program runs is leaked.
    #[must_use]
    pub fn new(defect: Defect) -> Self {
        let reasons = declared().flat_map(|(condition, reasons)| {
            let known = |reason: &&'static Reason<guest::Remedy>| (condition.name, reason.name);
            reasons.iter().map(move |reason| (known(reason), bent(reason, defect)))
        });
        Self {
            defect,
            conditions: conditions(defect),
            reasons: Rc::new(reasons.collect()),
            latched: HashMap::new(),
            proven: false,
        }
    }

    fn told(
        &self,
        told: Judgement<guest::Remedy>,
        reason: &'static str,
    ) -> Option<Judgement<Bent>> {
        let Judgement { condition, message, expires, seen_at, .. } = told;
        let reason = self.reasons.get(&(condition, reason)).copied()?;
        Some(Judgement { condition, reason, message, expires, seen_at })
    }

    /// What this agent makes of one judgement. `None`: it has not heard of it.
    fn bend(
        &mut self,
        guest: &Guest,
        mut told: Judgement<guest::Remedy>,
    ) -> Option<Judgement<Bent>> {
        let (condition, mut reason) = (told.condition, told.reason.name);
        let status = told.reason.status;
        match self.defect {
            Defect::BusyIsStuck if (condition, reason) == ("OllamaServing", "Busy") => {
                reason = "Unresponsive";
            }
            Defect::BusyIsStuck if (condition, reason) == ("EmbeddingCorrect", "Busy") => {
                reason = "Stuck";
            }
            Defect::ProofsLast if condition == "EmbeddingCorrect" => {
                self.proven |= status == Status::True;
                told.expires = None;
                if self.proven && status == Status::Unknown {
                    reason = "Proven";
                }
            }
            Defect::CpuIsEnough if (condition, reason) == ("GpuOffloaded", "OnCpu") => {
                reason = "OnGpu";
            }
            Defect::CpuIsRestarted if (condition, reason) == ("GpuOffloaded", "OnCpu") => {
                reason = "StartedBeforeDriver";
            }
            Defect::OldFactsTrusted => told.seen_at = None,
            Defect::FaultsLatch => match (status, self.latched.get(condition)) {
                (Status::False, _) => drop(self.latched.insert(condition, reason)),
                (_, Some(latched)) => reason = latched,
                _ => {}
            },
            // It never holds for long enough without a break.
            Defect::GrudgesKept if guest.world.now / 4000 % 2 == 1 && status == Status::True => {
                return None;
            }
            _ => {}
        }
        self.told(told, reason)
    }

    /// Everything holds, since an event said so.
    fn all_is_well(&self) -> Vec<Judgement<Bent>> {
        let good = |condition: &'static Condition| {
            let (_, reasons) = declared().find(|(of, _)| of.name == condition.name)?;
            let good = reasons.iter().find(|reason| reason.status == Status::True)?;
            let reason = self.reasons.get(&(condition.name, good.name)).copied()?;
            Some(Judgement::new(condition, reason, "so it was said"))
        };
        CONDITIONS.iter().copied().filter_map(good).collect()
    }
}

/// A reason, as an agent with that defect has it.
fn bent(reason: &'static Reason<guest::Remedy>, defect: Defect) -> &'static Reason<Bent> {
    let bend = |meant| Bent { meant, defect };
    let mut ladder: Vec<Rung<Bent>> = reason
        .ladder
        .iter()
        .map(|rung| Rung {
            remedy: bend(rung.remedy),
            tries: rung.tries,
            settle: rung.settle,
            settle_cap: rung.settle_cap,
        })
        .collect();
    let mut status = reason.status;
    let mut patience = reason.patience;
    match defect {
        Defect::EffectsIgnored => {
            for rung in &mut ladder {
                rung.settle = std::time::Duration::ZERO;
                rung.settle_cap = std::time::Duration::ZERO;
            }
        }
        Defect::RestsIgnored => {
            if let Some(last) = ladder.last_mut() {
                let settle = last.settle.as_secs();
                *last = Rung::forever(last.remedy, settle, settle);
            }
        }
        Defect::PatienceIgnored => patience = std::time::Duration::ZERO,
        Defect::UnknownIsFalse if status == Status::Unknown => {
            status = Status::False;
            let restart = bend(guest::Remedy::Ollama(ollama::Remedy::Restart));
            ladder = vec![Rung::new(restart, 2, 30)];
        }
        _ => {}
    }
    let Reason { name, advice, passes, decisive, .. } = *reason;
    let ladder: &'static [Rung<Bent>] = Box::leak(ladder.into_boxed_slice());
    Box::leak(Box::new(Reason { name, status, patience, ladder, advice, passes, decisive }))
}

fn conditions(defect: Defect) -> &'static [&'static Condition] {
    if defect != Defect::BlockedIgnored {
        return CONDITIONS;
    }
    let alone = CONDITIONS.iter().map(|known| -> &'static Condition {
        Box::leak(Box::new(Condition {
            name: known.name,
            concern: known.concern,
            role: known.role,
            needs: &[],
            explained_by: &[],
            grace: known.grace,
        }))
    });
    Box::leak(alone.collect::<Vec<_>>().into_boxed_slice())
}

/// For so long an event is believed, in milliseconds.
const BELIEVED: u64 = 300_000;

impl Mind for Mutant {
    type Remedy = Bent;

    fn conditions(&self) -> &'static [&'static Condition] {
        self.conditions
    }

    fn tell(&mut self, guest: &Guest, engine: &mut Engine<Bent>) {
        let heard = guest.heard[concern::OLLAMA];
        let believes = self.defect == Defect::EventsTrusted;
        let told: Vec<_> = if believes && heard + BELIEVED > guest.world.now && heard > 0 {
            self.all_is_well()
        } else {
            guest.told().cloned().filter_map(|told| self.bend(guest, told)).collect()
        };
        engine.observe(guest.moment(), &told);
    }

    fn remedy(&self, remedy: Bent) -> guest::Remedy {
        remedy.meant
    }

    fn held(&self, guest: &Guest, remedy: Bent) -> Option<String> {
        if self.is_reckless() { None } else { guest.held(remedy.meant) }
    }

    fn outcome(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Refused(why) if self.defect == Defect::RefusalCounts => Outcome::Failed(why),
            other => other,
        }
    }

    fn saved(&self, ledger: &Ledger) -> Ledger {
        if self.defect == Defect::LedgerForgotten { Ledger::fresh() } else { ledger.clone() }
    }

    fn waits_for_saves(&self) -> bool {
        self.defect != Defect::SaveIgnored
    }

    fn sleeps(&self) -> bool {
        self.defect != Defect::SleepCounts
    }

    fn pauses(&self) -> bool {
        self.defect != Defect::PauseIgnored
    }

    fn is_reckless(&self) -> bool {
        self.defect == Defect::HoldsIgnored
    }

    fn is_forgetful(&self) -> bool {
        self.defect == Defect::GpuComesAnew
    }
}
