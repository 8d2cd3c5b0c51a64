//! What the supervisor hands to the inside of a run. It travels as one argument, as JSON.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::architecture::Architecture;
use crate::build::nvidia::Nvidia;

/// One run: what it is made of and what it does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// `target/lab`.
    pub lab: PathBuf,
    /// The server that guests run, and the registry beside it.
    pub equipment: Equipment,
    /// The agent's package, unless the run itself builds it, for another architecture.
    pub package: Option<PathBuf>,
    /// What the run builds for another architecture, if it does.
    pub sources: Option<Sources>,
    /// What to do.
    pub task: Task,
}

impl Plan {
    /// The agent's package.
    pub fn package(&self) -> Result<&Path> {
        self.package.as_deref().context("this run has no package of the agent's")
    }
}

/// The programs around the agent. Those are there that the task needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Equipment {
    /// The stand-in for Ollama's server.
    pub stand_in: PathBuf,
    /// The model registry.
    pub registry: PathBuf,
    /// The stand-in for NVIDIA's management library.
    pub nvml: PathBuf,
    /// The stand-in for nvidia-smi.
    pub nvidia_smi: PathBuf,
    /// The program for outside the guest.
    pub saigakctl: PathBuf,
    /// NVIDIA's own library and nvidia-smi, where a scenario needs them and they could be had.
    pub nvidia: Option<Nvidia>,
    /// Prefix of a real Ollama (`bin/ollama`, `lib/ollama`) that takes the stand-in's place.
    pub ollama: Option<PathBuf>,
    /// The model that the registry serves under the reference name, instead of a made-up one.
    pub gguf: Option<PathBuf>,
}

/// What guests run in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// A booted container: this machine's kernel, up in a second.
    Container,
    /// A virtual machine, whose first boot is cloud-init's.
    Vm(Architecture),
}

impl Place {
    /// Whether all that runs in it is built for another architecture than this machine's.
    #[must_use]
    pub fn is_foreign(self) -> bool {
        matches!(self, Self::Vm(architecture) if architecture.is_foreign())
    }
}

/// What a run does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Task {
    /// Play scenarios.
    Test {
        /// Names; all where empty.
        names: Vec<String>,
        /// Leave the guests of failed scenarios running.
        keep: bool,
        /// Scenarios at once, at least 1.
        jobs: usize,
        /// How often all of them are played.
        repeat: NonZeroU32,
        /// What their guests are.
        place: Place,
    },
    /// Play the demonstration.
    Demo {
        /// What its guest is.
        place: Place,
    },
    /// Boot one guest and leave it to a person.
    Up,
    /// See whether KVM boots the virtual machines' kernel.
    Kvm,
    /// Build the agent for arm64, and run its tests.
    Arm64,
}

/// What is built for another architecture, and by what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sources {
    /// The repository's root.
    pub workspace: PathBuf,
    /// Cargo's home, with all crates that are needed.
    pub cargo_home: PathBuf,
    /// The program that makes packages.
    pub cargo_deb: PathBuf,
}

impl Task {
    /// Whether it plays that scenario.
    #[must_use]
    pub fn plays(&self, name: &str) -> bool {
        match self {
            Self::Test { names, place: Place::Container, .. } => {
                names.is_empty() || names.iter().any(|known| known == name)
            }
            Self::Test { .. } | Self::Demo { .. } | Self::Up | Self::Kvm | Self::Arm64 => false,
        }
    }

    /// Whether it builds the agent for another architecture.
    #[must_use]
    pub fn crosses(&self) -> bool {
        self.place().is_none_or(Place::is_foreign)
    }

    /// What its guests are; `None` where none boots.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Test { place, .. } | Self::Demo { place } => Some(*place),
            Self::Up => Some(Place::Container),
            Self::Kvm => Some(Place::Vm(Architecture::HERE)),
            Self::Arm64 => None,
        }
    }
}

/// A supervised run: the plan and what the supervisor made for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// The plan.
    pub plan: Plan,
    /// Name of the run; also the name of its directory under `target/lab/run`.
    pub id: String,
}

impl Run {
    /// The run's scratch directory, as the whole machine sees it.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.plan.lab.join("run").join(&self.id)
    }
}
