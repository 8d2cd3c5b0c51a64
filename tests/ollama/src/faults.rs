//! What a real server cannot be made to do from outside, switched by a file.
//!
//! The file's path is in `SAIGAK_STANDIN_FAULTS`. It is read again at each request, and no file
//! means no fault. Example: `{"vector": "nan", "load_seconds": 4}`.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

/// The environment variable that names the file.
pub const PATH_VARIABLE: &str = "SAIGAK_STANDIN_FAULTS";

/// The faults switched on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// What is wrong with each vector computed from now on.
    pub vector: Option<VectorFault>,
    /// So many vectors each runner computes rightly; from then on they are not numbers, until the
    /// model is loaded anew.
    pub sick_after: Option<u64>,
    /// Every embedding is refused as if the queue were full (503).
    #[serde(default)]
    pub busy: bool,
    /// So many embeddings at a time; all others are refused as if the queue were full (503).
    pub queue: Option<usize>,
    /// The list of loaded models says nothing of models.
    #[serde(default)]
    pub unlisted: bool,
    /// How much longer the next loads take, in seconds.
    #[serde(default)]
    pub load_seconds: f64,
}

/// A wrong vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VectorFault {
    /// One component is not a number: `null` in JSON, NaN in base64.
    Nan,
    /// All components are zero.
    Zero,
    /// Twice as long as it should be.
    NotUnit,
    /// Three quarters of the dimensions.
    Short,
    /// That of another text.
    Other,
    /// Off by more than any machine rounds: each number by three hundredths of itself.
    Rounded,
}

impl Faults {
    /// Reads the file that the environment names.
    ///
    /// # Errors
    /// One line with the path, where the file exists and cannot be read or is not understood:
    /// a test with a misspelt fault must not pass as one without.
    pub fn read() -> Result<Self, String> {
        let Some(path) = std::env::var_os(PATH_VARIABLE) else { return Ok(Self::default()) };
        let path = Path::new(&path);
        match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| format!("stand-in faults {}: {error}", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("stand-in faults {}: {error}", path.display())),
        }
    }

    pub(crate) fn load_delay(&self) -> Duration {
        Duration::try_from_secs_f64(self.load_seconds).unwrap_or_default()
    }
}
