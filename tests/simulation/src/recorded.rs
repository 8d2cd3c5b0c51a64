//! Courses that booted guests took, each in a file. The simulated guests are held against them
//! where none is booted. [`ANEW`] writes them anew.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::course::Course;
use crate::decisions::Compares;
use crate::fault::Fault;
use crate::twin::Case;

/// What records them all.
pub const ANEW: &str = "SAIGAK_BLESS=1 cargo lab test alias cable crash disk disk-files \
    disk-matters disk-place firewall link loopback model model-files models networkd ports proof \
    pull-room registry runner-in-flight server unit";

/// What became of a fault in a booted guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The fault.
    pub fault: Fault,
    /// The condition that named it.
    pub condition: String,
    /// The reasons by which it is named: one of these.
    pub reasons: Vec<String>,
    /// After how many milliseconds somebody else mended it, if he did.
    pub cured: Option<u64>,
    /// How it is compared.
    pub compares: Compares,
    /// What was said.
    pub course: Course,
}

impl Recorded {
    /// The folder of those that are kept.
    #[must_use]
    pub fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded")
    }

    /// What a booted guest said of `case`.
    #[must_use]
    pub fn of(case: &Case<'_>, compares: Compares, course: Course) -> Self {
        Self {
            fault: case.fault,
            condition: case.condition.into(),
            reasons: case.reasons.iter().map(|reason| (*reason).into()).collect(),
            cured: case.cured,
            compares,
            course,
        }
    }

    /// All that are kept, in the order of their names.
    ///
    /// # Errors
    /// The folder or the file that cannot be read, and why.
    pub fn all() -> io::Result<Vec<Self>> {
        let folder = Self::folder();
        let files = fs::read_dir(&folder).map_err(|error| about(&folder, &error))?;
        let mut paths: Vec<_> = files.map(|file| Ok(file?.path())).collect::<io::Result<_>>()?;
        paths.sort();
        let read = |path: &PathBuf| {
            let text = fs::read_to_string(path).map_err(|error| about(path, &error))?;
            serde_json::from_str(&text).map_err(|error| about(path, &error.into()))
        };
        paths.iter().map(read).collect()
    }

    /// Keeps it, in place of what was kept of this fault.
    ///
    /// # Errors
    /// The file that cannot be written, and why.
    pub fn keep(&self) -> io::Result<()> {
        let path = Self::folder().join(format!("{:?}.json", self.fault));
        let text = serde_json::to_string_pretty(self)?;
        fs::write(&path, text + "\n").map_err(|error| about(&path, &error))
    }
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
