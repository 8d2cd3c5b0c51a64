//! The registry: the one place that knows all concerns by name. [`RealGuest`] is the guest as
//! the core sees it, made of them. To add a concern, add its folder, and its line in each table
//! here, in `looks.rs`, `known.rs` and `repairs.rs`.

mod current;
mod facts;
mod files;
mod handle;
mod held;
mod known;
mod looks;
mod others;
mod own;
mod proving;
mod real;
mod reasons;
mod repairs;
mod server;
mod sidecar;

use std::time::Duration;

use crate::core::{Budget, Condition, Outcome, Schedule};
use crate::{bootstrap, core, fix, further, gpu, model, names, network, ollama, storage, system};

pub(crate) use facts::fresh;
pub use facts::{Facts, Seen};
pub use handle::RealGuest;
pub use known::{JUDGED, Known};
pub use reasons::{Declared, declared};
pub use sidecar::{conditions, proven_stuck};

/// All conditions, causes before what hangs on them.
pub static CONDITIONS: &[&Condition] = &[
    &bootstrap::BOOTSTRAP_COMPLETE,
    &network::NETWORK_UP,
    &network::ADDRESS_ASSIGNED,
    &network::NETWORK_AS_CONFIGURED,
    &storage::DATA_DISK_MOUNTED,
    &storage::DATA_DISK_WRITABLE,
    &ollama::MODELS_ON_DATA_DISK,
    &ollama::OLLAMA_RUNNING,
    &ollama::OLLAMA_SERVING,
    &ollama::ENDPOINT_REACHABLE,
    &names::NAMES_RESOLVE,
    &model::MODEL_PRESENT,
    &model::ALIAS_PRESENT,
    &model::MODEL_FILES_INTACT,
    &gpu::GPU_ATTACHED,
    &gpu::GPU_DRIVER_LOADED,
    &gpu::GPU_HEALTHY,
    &gpu::GPU_OFFLOADED,
    &model::EMBEDDING_CORRECT,
    &further::FURTHER_MODELS_SERVED,
    &further::OPTIONAL_MODELS_SERVED,
    &system::CLOCK_SYNCHRONIZED,
    &system::MEMORY_AVAILABLE,
    &system::ROOT_DISK_SPACE,
    &system::RUN_SPACE,
];

/// The concerns' positions in [`CONCERNS`].
pub mod concern {
    /// cloud-init.
    pub const BOOTSTRAP: usize = 0;
    /// The link.
    pub const NETWORK: usize = 1;
    /// The data disk.
    pub const STORAGE: usize = 2;
    /// The server.
    pub const OLLAMA: usize = 3;
    /// The models.
    pub const MODEL: usize = 4;
    /// The proof, apart from the models: it may take minutes.
    pub const PROOF: usize = 5;
    /// The guest itself.
    pub const SYSTEM: usize = 6;
    /// The registry's name, apart from the network: a resolver may take its time.
    pub const NAMES: usize = 7;
    /// The rules that clients are subject to.
    pub const FIREWALL: usize = 8;
    /// The GPUs.
    pub const GPU: usize = 9;
}

/// All concerns and how often they are looked at without an event.
pub static CONCERNS: [Schedule; 10] = [
    every("bootstrap", 5, 2),
    every("network", 15, 2),
    every("storage", 15, 5),
    every("ollama", 10, 2),
    every("model", 10, 2),
    every("proof", 5, 1),
    every("system", 15, 5),
    every("names", 10, 10),
    every("firewall", 30, 5),
    every("gpu", 15, 2),
];

const fn every(concern: &'static str, calm: u64, alert: u64) -> Schedule {
    Schedule { concern, calm: Duration::from_secs(calm), alert: Duration::from_secs(alert) }
}

/// Any remedy of any concern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Of the link.
    Network(network::Remedy),
    /// Of the data disk.
    Storage(storage::Remedy),
    /// Of the server.
    Ollama(ollama::Remedy),
    /// Of the models.
    Model(model::Remedy),
    /// Of those beside the first.
    Further(further::Remedy),
    /// Of the GPUs' driver.
    Gpu(gpu::Remedy),
}

impl Remedy {
    /// All of all concerns.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> = network::Remedy::ALL.map(Self::Network).to_vec();
        all.extend(storage::Remedy::ALL.map(Self::Storage));
        all.extend(ollama::Remedy::ALL.map(Self::Ollama));
        all.extend(model::Remedy::ALL.map(Self::Model));
        all.extend(further::Remedy::ALL.map(Self::Further));
        all.extend(gpu::Remedy::ALL.map(Self::Gpu));
        all
    }
}

impl core::Remedy for Remedy {
    fn name(self) -> &'static str {
        match self {
            Self::Network(remedy) => remedy.name(),
            Self::Storage(remedy) => remedy.name(),
            Self::Ollama(remedy) => remedy.name(),
            Self::Model(remedy) => remedy.name(),
            Self::Further(remedy) => remedy.name(),
            Self::Gpu(remedy) => remedy.name(),
        }
    }

    fn budget(self) -> Budget {
        match self {
            Self::Network(remedy) => remedy.budget(),
            Self::Storage(remedy) => remedy.budget(),
            Self::Ollama(remedy) => remedy.budget(),
            Self::Model(remedy) => remedy.budget(),
            Self::Further(remedy) => remedy.budget(),
            Self::Gpu(remedy) => remedy.budget(),
        }
    }

    fn deadline(self) -> Duration {
        match self {
            Self::Network(remedy) => remedy.deadline(),
            Self::Storage(remedy) => remedy.deadline(),
            Self::Ollama(remedy) => remedy.deadline(),
            Self::Model(remedy) => remedy.deadline(),
            Self::Further(remedy) => remedy.deadline(),
            Self::Gpu(remedy) => remedy.deadline(),
        }
    }

    fn touches(self) -> &'static [&'static str] {
        match self {
            Self::Network(_) => &["network"],
            Self::Gpu(_) => &["gpu"],
            Self::Storage(storage::Remedy::FixOwner) => &["disk"],
            Self::Ollama(_) => &["server"],
            // It reads every model, for minutes: the server may be restarted meanwhile. But what
            // it sets aside is not to be found at that moment by the server, and built upon.
            // And a pull may go on where another was given up.
            Self::Model(model::Remedy::DropDamaged) | Self::Storage(storage::Remedy::MakeRoom) => {
                &["disk", "models"]
            }
            // A model is changed through the server.
            Self::Model(_) | Self::Further(_) => &["server", "models"],
        }
    }
}

impl From<Result<fix::Reply, fix::CallError>> for Outcome {
    fn from(reply: Result<fix::Reply, fix::CallError>) -> Self {
        match reply {
            Ok(reply) => match reply.outcome {
                fix::Outcome::Done | fix::Outcome::Unneeded => Self::Succeeded(reply.message),
                fix::Outcome::Refused => Self::Refused(reply.message),
                fix::Outcome::Failed => Self::Failed(reply.message),
            },
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::core::{BootClock, Clock, Engine, Ledger, Remedy as _};

    #[test]
    fn conditions_stand_in_order() {
        let moment = BootClock.now();
        let engine = Engine::<Remedy>::new(
            CONDITIONS,
            core::AgentReport::default(),
            Ledger::fresh(),
            moment,
        );
        assert!(engine.is_ok());
    }

    #[test]
    fn names_of_conditions_and_remedies_are_unique() {
        let names: HashSet<_> = CONDITIONS.iter().map(|condition| condition.name).collect();
        assert_eq!(names.len(), CONDITIONS.len());
        let names: HashSet<_> = Remedy::all().iter().map(|remedy| remedy.name()).collect();
        assert_eq!(names.len(), Remedy::all().len());
    }

    #[test]
    fn no_model_is_written_while_damaged_files_are_set_aside_and_a_server_can_be_restarted() {
        let drop = Remedy::Model(model::Remedy::DropDamaged);
        for remedy in Remedy::all() {
            let models = matches!(remedy, Remedy::Model(_) | Remedy::Further(_));
            let apart = models || matches!(remedy, Remedy::Storage(_));
            assert_eq!(drop.collides(remedy), apart, "{}", remedy.name());
            assert_eq!(remedy.collides(drop), apart, "{}", remedy.name());
        }
    }

    #[test]
    fn budgets_fit_the_ledger_s_window() {
        for remedy in Remedy::all() {
            assert!(remedy.budget().limit > 0);
            assert!(remedy.budget().window <= Duration::from_secs(3600), "{}", remedy.name());
        }
    }

    #[test]
    fn every_condition_belongs_to_a_concern() {
        let concerns: HashSet<_> = CONCERNS.iter().map(|schedule| schedule.concern).collect();
        for condition in CONDITIONS {
            assert!(concerns.contains(condition.concern), "{}", condition.name);
        }
    }
}
