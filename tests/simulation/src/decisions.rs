//! What an agent decided in a course, and how that is compared: without what hangs on the moment
//! at which somebody looked.
//!
//! An exact comparison of every lane passes where a fault is slow, and its courses are few. Others
//! last for milliseconds in a state of their own: a unit that stops, a route that is gone before
//! its address is, a server that has its port and no answer. Whether a look meets that state, and
//! whether a question that is under way is answered, is the machine's to say and different on a
//! busy one. So what is *said* of such a fault differs from one run to the next, and what is *done*
//! about it does not. That is what is compared here:
//!
//! * the repairs: each one's remedy, the condition and reason that it was for, and its result, in
//!   their order. One that was refused has done nothing: it was thought better of when the guest
//!   was looked at once more, and whether it was begun at all hangs on the look before;
//! * the verdict: how often the guest was not ready. These two are each as in one of the twins,
//!   from their first to their last;
//! * what was denied, which is each `False` condition with its reason, and which of that was named
//!   as the root cause. Everything of that which a guest said, one of its twins has said as well,
//!   and what every twin said, the guest has. What a guest says beyond that hangs on the looks,
//!   and so it is a set between two others. Unknown conditions wait for a look or for another
//!   condition, and are left out;
//! * the end, which is that of the course: all is as it was, and no repair is under way.
//!
//! What this cannot see: in which order conditions were denied and causes named, how often, what
//! was unknown in between, and times.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::course::{Course, show};

/// How a booted guest and its simulated twins are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compares {
    /// Every lane must be as in one of the twins: see [`Course::compare`].
    Courses,
    /// What was decided must be: see this module.
    Decisions,
}

impl Compares {
    /// Fails where a guest's course is none of its twins', and shows how they differ.
    ///
    /// # Errors
    /// What differs, and what the twins say there.
    pub fn compare(self, course: &Course, twins: &[Course]) -> Result<(), String> {
        match self {
            Self::Courses => course.compare(twins),
            Self::Decisions => {
                let twins: Vec<Decisions> = twins.iter().map(Decisions::of).collect();
                Decisions::of(course).compare(&twins)
            }
        }
    }
}

/// What was decided in a course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decisions {
    repairs: Vec<String>,
    verdict: Vec<String>,
    denied: BTreeSet<String>,
    /// What of that was named as the root cause.
    causes: BTreeSet<String>,
}

/// A part of decisions, and what it is called.
type Part<T> = (&'static str, fn(&Decisions) -> &T);

impl Decisions {
    /// Those of a course.
    #[must_use]
    pub fn of(course: &Course) -> Self {
        let done = |repair: &&String| !repair.ends_with(": Refused");
        let denied = course.conditions().flat_map(|(condition, said)| {
            let reasons = said.iter().filter_map(|said| said.strip_prefix("False "));
            reasons.map(move |reason| format!("{condition}/{reason}"))
        });
        let denied: BTreeSet<String> = denied.collect();
        let ready = |said: &String| if said == Course::READY { said } else { "not Ready" }.into();
        let mut verdict: Vec<String> = course.verdict().iter().map(ready).collect();
        verdict.dedup();
        let causes = course.verdict().iter().filter(|cause| denied.contains(*cause)).cloned();
        Self {
            repairs: course.repairs().iter().filter(done).cloned().collect(),
            verdict,
            causes: causes.collect(),
            denied,
        }
    }

    /// Fails where they are not those of `twins`, and shows both.
    ///
    /// # Errors
    /// What differs, and what the twins decided there.
    pub fn compare(&self, twins: &[Self]) -> Result<(), String> {
        if twins.is_empty() {
            return Err("no twin's course came to its end".into());
        }
        let mut shown = String::new();
        let lanes: [Part<Vec<String>>; 2] =
            [("repairs", |it| &it.repairs), ("verdict", |it| &it.verdict)];
        for (name, lane) in lanes {
            let known: BTreeSet<Vec<String>> = twins.iter().map(|it| lane(it).clone()).collect();
            if !known.contains(lane(self)) {
                show(&mut shown, name, lane(self), &known);
            }
        }
        let sets: [Part<BTreeSet<String>>; 2] =
            [("denied", |it| &it.denied), ("named as the cause", |it| &it.causes)];
        for (name, set) in sets {
            let own = set(self);
            let any: BTreeSet<&String> = twins.iter().flat_map(set).collect();
            // Writing to a string does not fail.
            for more in own.iter().filter(|said| !any.contains(said)) {
                let _ = writeln!(shown, "{name}: {more}, by no twin");
            }
            let missed = any.into_iter().filter(|said| !own.contains(*said));
            for less in missed.filter(|said| twins.iter().all(|it| set(it).contains(*said))) {
                let _ = writeln!(shown, "not {name}: {less}, though by every twin");
            }
        }
        if shown.is_empty() { Ok(()) } else { Err(shown) }
    }
}
