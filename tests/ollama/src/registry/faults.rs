//! What a registry does to a pull in the field, switched by a file.
//!
//! The file is read again at each request, and no file means no fault. Example:
//! `{"status": 429, "body": "too many requests"}`.

use std::io;
use std::path::Path;

use serde::Deserialize;

/// The faults switched on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Faults {
    /// All of it happens only to those who ask for this host by name, if one is named.
    pub(super) host: Option<String>,
    /// Whoever asks for a manifest gets this status. 401 comes with a way to a token, which is
    /// not given.
    pub(super) status: Option<u16>,
    /// The body that goes with it.
    pub(super) body: String,
    /// Whoever asks for a manifest waits for ever.
    pub(super) silent: bool,
    /// Each connection that reads a blob breaks off after so many bytes.
    pub(super) cut_after: Option<u64>,
    /// Each connection that reads a blob falls silent after so many bytes, and stays open.
    pub(super) stall_after: Option<u64>,
    /// Blobs arrive with every bit turned.
    pub(super) wrong: bool,
}

impl Faults {
    /// Reads the file.
    ///
    /// # Errors
    /// One line with the path, where the file is there and cannot be read or is not understood:
    /// a test with a misspelt fault must not pass as one without.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| format!("registry faults {}: {error}", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("registry faults {}: {error}", path.display())),
        }
    }
}

impl Faults {
    /// What of it happens to those who ask for `host`.
    pub(super) fn of_host(self, host: &str) -> Self {
        let name = host.split_once(':').map_or(host, |(name, _)| name);
        let meant = self.host.as_deref().is_none_or(|meant| meant == name);
        if meant { self } else { Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_no_fault_and_a_misspelt_one_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("faults.json");
        assert_eq!(Faults::read(&path), Ok(Faults::default()));
        std::fs::write(&path, r#"{"cut_after": 5}"#).unwrap();
        let cut = Faults { cut_after: Some(5), ..Faults::default() };
        assert_eq!(Faults::read(&path), Ok(cut.clone()));
        assert_eq!(cut.clone().of_host("any.example"), cut);
        let named = Faults { host: Some("one.example".into()), ..cut };
        assert_eq!(named.clone().of_host("one.example:443"), named);
        assert_eq!(named.of_host("other.example"), Faults::default());
        for wrong in [r#"{"sillent": true}"#, "{", ""] {
            std::fs::write(&path, wrong).unwrap();
            assert!(Faults::read(&path).is_err(), "{wrong}");
        }
    }
}
