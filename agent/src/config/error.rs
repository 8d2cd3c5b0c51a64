//! What is wrong with a configuration file, said in one line.

use std::fmt;
use std::path::{Path, PathBuf};

/// A configuration that cannot be used. Prints as `FILE:LINE: message`, always on one line;
/// without the line where the file could not be read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: PathBuf,
    line: Option<usize>,
    message: String,
}

impl ConfigError {
    /// The exit status of a program that met one: `EX_CONFIG` of sysexits.h.
    pub const EXIT_STATUS: u8 = 78;

    /// The files in `directory` could not be read at all.
    pub(crate) fn unread(directory: &Path, why: &dyn fmt::Display) -> Self {
        Self::in_file(directory, why)
    }

    pub(super) fn in_file(file: &Path, message: impl fmt::Display) -> Self {
        Self { file: file.to_owned(), line: None, message: message.to_string() }
    }

    /// At byte `offset` of `text`, the content of `file`.
    pub(super) fn at(file: &Path, text: &[u8], offset: usize, message: impl fmt::Display) -> Self {
        let before = &text[..offset.min(text.len())];
        let newlines = before.split(|byte| *byte == b'\n').count();
        Self { file: file.to_owned(), line: Some(newlines), message: message.to_string() }
    }

    /// `FILE:LINE`, or `FILE` where it could not be read at all, on one line.
    #[must_use]
    pub fn place(&self) -> String {
        let file = one_line(&self.file.to_string_lossy());
        self.line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"))
    }

    /// The file that is wrong.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line that is wrong, from 1.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), one_line(&self.message))
    }
}

/// A path or a value may hold a line break, and the reader gets one line.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

impl std::error::Error for ConfigError {}
