//! How far a job has come, by its bytes and the monotonic clock: a wall clock that jumps moves
//! nothing here.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use crate::core::PullReport;

/// The rate is that of so long a time: long enough to outlast the pauses between two parts, short
/// enough to follow a registry that has become slow.
const WINDOW: Duration = Duration::from_secs(10);

/// Between two samples, of which a window holds twenty.
const SAMPLE_EVERY: Duration = Duration::from_millis(500);

/// A shorter time tells no rate.
const SHORTEST: Duration = Duration::from_secs(1);

/// One line of the server's stream. Everything may be missing; `completed` is while it is 0.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Line {
    pub(super) status: String,
    pub(super) digest: String,
    pub(super) total: u64,
    pub(super) completed: u64,
    pub(super) error: String,
}

/// How far a job has come.
#[derive(Debug)]
pub(super) struct Progress {
    /// Total and completed bytes of each layer that was named so far.
    layers: BTreeMap<String, (u64, u64)>,
    /// Bytes that have come since it began. What was there before is none of them.
    gained: u64,
    /// When so many had come, oldest first.
    samples: VecDeque<(Instant, u64)>,
    /// When anything last moved.
    pub(super) moved: Instant,
    status: String,
}

impl Progress {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            layers: BTreeMap::new(),
            gained: 0,
            samples: VecDeque::from([(now, 0)]),
            moved: now,
            status: String::new(),
        }
    }

    /// Takes in one line; says whether anything moved. Hashing and writing the manifest come
    /// without bytes: they count by their new status.
    pub(super) fn take(&mut self, line: &Line, now: Instant) -> bool {
        let mut moves = line.status != self.status;
        self.status.clone_from(&line.status);
        if !line.digest.is_empty() {
            let known = self.layers.insert(line.digest.clone(), (line.total, line.completed));
            let before = known.map_or(0, |(_, before)| before);
            moves |= line.completed != before;
            // The first line of a layer tells of what an earlier pull has left.
            if known.is_some() {
                let came = line.completed.saturating_sub(before);
                self.gained = self.gained.saturating_add(came);
            }
        }
        if moves {
            self.moved = now;
        }
        let latest = self.samples.back().map(|(at, _)| *at);
        if latest.is_none_or(|at| now.saturating_duration_since(at) >= SAMPLE_EVERY) {
            self.samples.push_back((now, self.gained));
        }
        while self.samples.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) > WINDOW)
        {
            self.samples.pop_front();
        }
        moves
    }

    fn sum(&self, pick: fn(&(u64, u64)) -> u64) -> u64 {
        self.layers.values().map(pick).fold(0, u64::saturating_add)
    }

    /// How many layers were named so far.
    pub(super) fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Bytes that are still to come, of all layers that were named so far.
    pub(super) fn remaining(&self) -> u64 {
        self.sum(|(total, completed)| total.saturating_sub(*completed))
    }

    /// Bytes for which room is needed, and bytes that have it, where so many of a layer are `kept`
    /// on the disk: a server that was killed loads what it has written once more, to the same place.
    pub(super) fn needs(&self, kept: impl Fn(&str) -> u64) -> (u64, u64) {
        let of_layers = self.layers.iter().map(|(digest, (total, completed))| {
            let here = kept(digest).max(*completed).min(*total);
            (total - here, here)
        });
        of_layers.fold((0, 0), |(needs, has), (lacks, here)| {
            (u64::saturating_add(needs, lacks), u64::saturating_add(has, here))
        })
    }

    /// Whether any have come since it began.
    pub(super) fn has_gained(&self) -> bool {
        self.gained > 0
    }

    /// Bytes a second, as long as any have come lately.
    fn rate(&self, now: Instant) -> Option<u64> {
        let (since, before) = *self.samples.front()?;
        let time = now.saturating_duration_since(since);
        if time < SHORTEST || now.saturating_duration_since(self.moved) > WINDOW {
            return None;
        }
        let bytes = u128::from(self.gained.saturating_sub(before));
        let rate = (bytes * 1000).checked_div(time.as_millis())?;
        u64::try_from(rate).ok().filter(|rate| *rate > 0)
    }

    /// What is told of it.
    pub(super) fn report(&self, model: &str, source: &str, now: Instant) -> PullReport {
        let rate = self.rate(now);
        PullReport {
            model: model.into(),
            source: source.into(),
            completed_bytes: self.sum(|layer| layer.1),
            total_bytes: self.sum(|layer| layer.0),
            status: self.status.clone(),
            rate_bytes_per_second: rate,
            seconds_left: rate.map(|rate| self.remaining().div_ceil(rate)),
            ..PullReport::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(json: &str) -> Line {
        serde_json::from_str(json).unwrap()
    }

    fn weights(completed: u64) -> Line {
        Line {
            status: "pulling ab".into(),
            digest: "ab".into(),
            total: 100,
            completed,
            ..Line::default()
        }
    }

    #[test]
    fn only_changed_bytes_or_words_count_as_movement() {
        let now = Instant::now();
        let mut progress = Progress::new(now);
        assert!(progress.take(&line(r#"{"status":"pulling ab","digest":"ab","total":100}"#), now));
        assert!(progress.take(&weights(40), now));
        assert!(!progress.take(&weights(40), now));
        assert!(progress.take(&line(r#"{"status":"verifying sha256 digest"}"#), now));
        assert!(!progress.take(&line(r#"{"status":"verifying sha256 digest"}"#), now));
        let other = r#"{"status":"pulling cd","digest":"cd","total":10,"completed":10}"#;
        assert!(progress.take(&line(other), now));
        let report = progress.report("m", "s", now);
        assert_eq!((report.completed_bytes, report.total_bytes), (50, 110));
        assert_eq!(progress.remaining(), 60);
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds_and_of_what_has_come_in_them() {
        let start = Instant::now();
        let mut progress = Progress::new(start);
        let second = |seconds| start + Duration::from_secs(seconds);
        // Half of it is there from an earlier pull.
        progress.take(&weights(50), start);
        assert_eq!(progress.report("m", "s", start).rate_bytes_per_second, None);
        for seconds in 1..=10 {
            progress.take(&weights(50 + 2 * seconds), second(seconds));
        }
        let report = progress.report("m", "s", second(10));
        assert_eq!((report.rate_bytes_per_second, report.seconds_left), (Some(2), Some(15)));
        // It stands still, and the server repeats itself.
        for seconds in 11..=21 {
            progress.take(&weights(70), second(seconds));
        }
        let report = progress.report("m", "s", second(21));
        assert_eq!((report.rate_bytes_per_second, report.seconds_left), (None, None));
        assert_eq!(progress.moved, second(10));
    }

    #[test]
    fn absurd_sizes_are_told_too() {
        let now = Instant::now();
        let mut progress = Progress::new(now);
        for digest in ["ab", "cd"] {
            let (digest, total) = (digest.into(), u64::MAX);
            progress.take(&Line { digest, total, completed: 9, ..Line::default() }, now);
        }
        let report = progress.report("m", "s", now + Duration::from_secs(5));
        assert_eq!((report.completed_bytes, report.total_bytes), (18, u64::MAX));
        assert_eq!(progress.remaining(), u64::MAX);
    }
}
