//! cloud-init.

use super::World;

/// How far cloud-init has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloudInit {
    /// Not installed, or disabled.
    Absent,
    /// At work.
    Runs {
        /// When it has written the network configuration.
        writes: u64,
        /// When it is done. `None`: it hangs.
        ends: Option<u64>,
        /// Whether the network configuration is written.
        written: bool,
    },
    /// Done.
    Done,
}

impl CloudInit {
    pub(super) fn next(&self) -> Option<u64> {
        match self {
            Self::Runs { writes, written: false, .. } => Some(*writes),
            Self::Runs { ends, .. } => *ends,
            Self::Absent | Self::Done => None,
        }
    }

    /// Whether it has still to write the network configuration.
    #[must_use]
    pub fn owes_network(&self) -> bool {
        matches!(self, Self::Runs { written: false, .. })
    }

    /// Whether it is at work.
    #[must_use]
    pub fn runs(&self) -> bool {
        matches!(self, Self::Runs { .. })
    }
}

impl World {
    pub(super) fn boot_cloud_init(&mut self) {
        if self.cloud_init != CloudInit::Absent {
            let (writes, ends) = (self.now + 1500, self.now + 12_000);
            self.cloud_init = CloudInit::Runs { writes, ends: Some(ends), written: false };
        }
    }

    pub(super) fn step_cloud_init(&mut self) {
        let now = self.now;
        if let CloudInit::Runs { writes, ends, written } = &mut self.cloud_init {
            *written |= *writes <= now;
            if *written && ends.is_some_and(|ends| ends <= now) {
                self.cloud_init = CloudInit::Done;
            }
        }
    }
}
