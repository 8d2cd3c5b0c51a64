//! How an agent thinks: soundly, or, to prove that the simulation can fail, with one thing in it
//! that is broken.

use saigak_agent::core::{self, Condition, Engine, Ledger, Moment, Outcome};
use saigak_agent::guest::{self, CONDITIONS};

use crate::guest::Guest;

/// What lies between the guest and the engine.
pub trait Mind: Clone {
    /// The remedies as the engine knows them.
    type Remedy: core::Remedy;

    /// The conditions as the engine knows them.
    fn conditions(&self) -> &'static [&'static Condition];
    /// Tells the engine what was judged of the guest.
    fn tell(&mut self, guest: &Guest, engine: &mut Engine<Self::Remedy>);
    /// Tells the engine what was judged before that, at `then`.
    fn tell_before(&self, _: &Guest, _: &mut Engine<Self::Remedy>, _: Moment) {}
    /// Whether it need not be told at each turn what has not changed.
    fn rests(&self) -> bool {
        false
    }
    /// The remedy that is meant.
    fn remedy(&self, remedy: Self::Remedy) -> guest::Remedy;
    /// Why it must not run now.
    fn held(&self, guest: &Guest, remedy: Self::Remedy) -> Option<String>;
    /// How a repair ended, as the engine is told.
    fn outcome(&self, outcome: Outcome) -> Outcome {
        outcome
    }
    /// What is saved of the ledger.
    fn saved(&self, ledger: &Ledger) -> Ledger {
        ledger.clone()
    }
    /// Whether a repair whose budget could not be saved is left alone.
    fn waits_for_saves(&self) -> bool {
        true
    }
    /// Whether its repairs do not ask once more if they are held back.
    fn is_reckless(&self) -> bool {
        false
    }
    /// Whether a GPU counts as new whenever its driver is asked anew.
    fn is_forgetful(&self) -> bool {
        false
    }
    /// Whether it knows that the guest was suspended.
    fn sleeps(&self) -> bool {
        true
    }
    /// Whether it listens to a person who asks for a pause.
    fn pauses(&self) -> bool {
        true
    }
}

/// A sound mind: the agent as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sound;

impl Mind for Sound {
    type Remedy = guest::Remedy;

    fn conditions(&self) -> &'static [&'static Condition] {
        CONDITIONS
    }

    fn tell(&mut self, guest: &Guest, engine: &mut Engine<guest::Remedy>) {
        engine.observe(guest.moment(), guest.told());
    }

    fn tell_before(&self, guest: &Guest, engine: &mut Engine<guest::Remedy>, then: Moment) {
        engine.observe(then, guest.told_before());
    }

    fn rests(&self) -> bool {
        true
    }

    fn remedy(&self, remedy: guest::Remedy) -> guest::Remedy {
        remedy
    }

    fn held(&self, guest: &Guest, remedy: guest::Remedy) -> Option<String> {
        guest.held(remedy)
    }
}
