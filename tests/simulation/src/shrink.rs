//! Makes a history that breaks a rule as short as it can be and still break it.

use crate::history::History;
use crate::mind::Mind;
use crate::play::play_with;
use crate::story::Story;
use crate::watch::Violation;

/// The shortest history found that breaks the same rule as `history` does, with how it does.
/// `None`: it breaks none.
pub fn shrink<M: Mind>(history: &History, mind: &M) -> Option<(History, Violation)> {
    let broken = |history: &History| play_with(history, mind.clone(), None).err();
    let mut found = broken(history)?;
    let mut shortest = history.clone();
    let mut try_it = |shortest: &mut History, candidate: History| {
        let broke = broken(&candidate).filter(|broke| broke.rule == found.rule);
        let shorter = broke.is_some();
        if let Some(broke) = broke {
            found = broke;
            *shortest = candidate;
        }
        shorter
    };
    loop {
        let mut better = false;
        for at in (0..shortest.events.len()).rev() {
            let mut candidate = shortest.clone();
            candidate.events.remove(at);
            better |= try_it(&mut shortest, candidate);
        }
        for at in 0..shortest.events.len() {
            let mut candidate = shortest.clone();
            let before = at.checked_sub(1).map_or(0, |before| candidate.events[before].0);
            let gap = candidate.events[at].0 - before;
            // Everything from there on comes sooner, by half of the pause before it.
            for event in &mut candidate.events[at..] {
                event.0 -= gap / 2;
            }
            candidate.cured -= gap / 2;
            better |= gap > 1000 && try_it(&mut shortest, candidate);
        }
        if !better {
            return Some((shortest, found));
        }
    }
}

/// The story of a history that breaks a rule, shrunk, for people.
pub fn explain<M: Mind>(history: &History, mind: &M) -> String {
    let Some((shortest, violation)) = shrink(history, mind) else {
        return "breaks no rule".into();
    };
    let mut story = Story::default();
    // It was just played: it breaks the same rule again.
    let _ = play_with(&shortest, mind.clone(), Some(&mut story));
    let seed = history.seed;
    format!("{violation}\nSAIGAK_SEED={seed}, shrunk to {shortest:?}\n{}", story.text())
}
