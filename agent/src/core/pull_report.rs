//! The pull that runs, as it is told everywhere.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Seconds that nothing may move before that is told.
const TOLD: u64 = 3;

/// The pull that runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullReport {
    /// The model's name.
    pub model: String,
    /// Which of its sources it comes from: a name, or a path.
    #[serde(default)]
    pub source: String,
    /// Bytes at hand, of all layers that were named so far.
    pub completed_bytes: u64,
    /// Bytes of those layers.
    pub total_bytes: u64,
    /// The server's own word for what it does.
    pub status: String,
    /// Bytes a second in the last ten seconds, once that can be told.
    #[serde(default)]
    pub rate_bytes_per_second: Option<u64>,
    /// Seconds until all bytes are here, at that rate.
    #[serde(default)]
    pub seconds_left: Option<u64>,
    /// Seconds since anything has moved.
    #[serde(default)]
    pub stalled_seconds: u64,
    /// Which attempt this is, from 1, since the model was last there.
    #[serde(default)]
    pub attempt: u64,
}

impl PullReport {
    /// How much of it is here, rounded down.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let part = (u128::from(self.completed_bytes) * 100).checked_div(self.total_bytes.into());
        u64::try_from(part.unwrap_or_default()).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for PullReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (completed, total) = (self.completed_bytes, self.total_bytes);
        write!(f, "{} % ({} of {} MB", self.percent(), completed / 1_000_000, total / 1_000_000)?;
        if let Some(rate) = self.rate_bytes_per_second {
            write!(f, ", {}.{} MB/s", rate / 1_000_000, rate / 100_000 % 10)?;
        }
        if let Some(seconds) = self.seconds_left {
            let (minutes, seconds) = (seconds / 60, seconds % 60);
            write!(f, ", {minutes}:{seconds:02} left")?;
        }
        if self.stalled_seconds > TOLD {
            write!(f, ", nothing has moved for {} s", self.stalled_seconds)?;
        }
        if self.attempt > 1 {
            write!(f, ", attempt {}", self.attempt)?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_is_told_as_far_as_it_is_known() {
        let begun = PullReport::default();
        assert_eq!(begun.to_string(), "0 % (0 of 0 MB)");
        let slow = PullReport {
            completed_bytes: 320_000_000,
            total_bytes: 640_000_000,
            rate_bytes_per_second: Some(2_550_000),
            seconds_left: Some(125),
            attempt: 2,
            ..PullReport::default()
        };
        let told = "50 % (320 of 640 MB, 2.5 MB/s, 2:05 left, attempt 2)";
        assert_eq!(slow.to_string(), told);
        let stuck = PullReport { completed_bytes: 1, total_bytes: 3, stalled_seconds: 9, ..begun };
        assert_eq!(stuck.to_string(), "33 % (0 of 0 MB, nothing has moved for 9 s)");
    }
}
