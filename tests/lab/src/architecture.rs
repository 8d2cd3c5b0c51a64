//! What a guest's processor is.

use serde::{Deserialize, Serialize};

/// The architectures that the agent is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Architecture {
    /// Intel's and AMD's.
    Amd64,
    /// Arm's.
    Arm64,
}

impl Architecture {
    /// That of this machine.
    pub const HERE: Self = if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::Amd64 };

    /// Whether this machine can run its programs only by emulating each instruction.
    #[must_use]
    pub fn is_foreign(self) -> bool {
        self != Self::HERE
    }

    /// Debian's name for it.
    #[must_use]
    pub fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The program of QEMU that is a machine with such a processor.
    #[must_use]
    pub fn qemu(self) -> &'static str {
        match self {
            Self::Amd64 => "qemu-system-x86_64",
            Self::Arm64 => "qemu-system-aarch64",
        }
    }

    /// QEMU's name for what the processor is on.
    #[must_use]
    pub fn board(self) -> &'static str {
        match self {
            Self::Amd64 => "q35",
            Self::Arm64 => "virt",
        }
    }

    /// The processor that QEMU emulates. That of the reference host's Ampere Altra is a
    /// Neoverse N1.
    #[must_use]
    pub fn processor(self) -> &'static str {
        match self {
            Self::Amd64 => "max",
            Self::Arm64 => "neoverse-n1",
        }
    }

    /// The kernel's name for the first serial port.
    #[must_use]
    pub fn console(self) -> &'static str {
        match self {
            Self::Amd64 => "ttyS0",
            Self::Arm64 => "ttyAMA0",
        }
    }
}
