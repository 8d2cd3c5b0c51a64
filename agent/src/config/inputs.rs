//! The fragments of all drop-in files, merged: the last file that sets a key decides.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::ConfigError;
use super::fragment::{self, Fragment};

/// All drop-in files that count, in the order in which they were read.
pub(super) struct Inputs(Vec<Source>);

struct Source {
    file: PathBuf,
    text: String,
    fragment: Fragment,
}

/// A value and the place that it was written at.
pub(super) struct Located<'a, T> {
    pub(super) value: &'a T,
    source: &'a Source,
    offset: usize,
}

impl<T> Located<'_, T> {
    pub(super) fn error(&self, message: impl fmt::Display) -> ConfigError {
        self.error_at(self.offset, message)
    }

    /// The same about something inside it, at this byte of the same file.
    pub(super) fn error_at(&self, offset: usize, message: impl fmt::Display) -> ConfigError {
        ConfigError::at(&self.source.file, self.source.text.as_bytes(), offset, message)
    }
}

impl Inputs {
    pub(super) fn read<P: AsRef<Path>>(directories: &[P]) -> Result<Self, ConfigError> {
        let mut files = BTreeMap::new();
        for directory in directories {
            list(directory.as_ref(), &mut files)?;
        }
        files.into_values().map(Source::read).collect::<Result<_, _>>().map(Self)
    }

    /// The same, with the errors of all files.
    pub(super) fn read_all<P: AsRef<Path>>(directories: &[P]) -> Result<Self, Vec<ConfigError>> {
        let (mut files, mut errors) = (BTreeMap::new(), Vec::new());
        for directory in directories {
            errors.extend(list(directory.as_ref(), &mut files).err());
        }
        let mut sources = Vec::new();
        for file in files.into_values() {
            match Source::read(file) {
                Ok(source) => sources.push(source),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Self(sources)) } else { Err(errors) }
    }

    /// The value that counts for one key, `None` where no file sets it.
    pub(super) fn last<'a, T>(
        &'a self,
        key: impl Fn(&'a Fragment) -> Option<&'a Spanned<T>>,
    ) -> Option<Located<'a, T>> {
        self.0.iter().rev().find_map(|source| {
            let spanned = key(&source.fragment)?;
            Some(Located { value: spanned.get_ref(), source, offset: spanned.span().start })
        })
    }

    /// The model's parameters, each from the last file that sets it.
    pub(super) fn parameters(&self) -> BTreeMap<&str, Located<'_, toml::Value>> {
        self.0
            .iter()
            .flat_map(|source| source.fragment.model.parameters.keys())
            .filter_map(|name| {
                let located = self.last(|fragment| fragment.model.parameters.get(name))?;
                Some((name.as_str(), located))
            })
            .collect()
    }
}

impl Source {
    fn read(file: PathBuf) -> Result<Self, ConfigError> {
        let bytes = fs::read(&file)
            .map_err(|e| ConfigError::in_file(&file, format!("not readable: {e}")))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let offset = e.utf8_error().valid_up_to();
            ConfigError::at(&file, e.as_bytes(), offset, "not UTF-8, which TOML must be")
        })?;
        match fragment::parse(&text) {
            Ok(fragment) => Ok(Self { file, text, fragment }),
            Err((offset, message)) => Err(ConfigError::at(&file, text.as_bytes(), offset, message)),
        }
    }
}

/// The text of the drop-in files that can be read, in their order.
pub(super) fn texts<P: AsRef<Path>>(directories: &[P]) -> Vec<String> {
    let mut files = BTreeMap::new();
    for directory in directories {
        // What could be listed counts.
        let _ = list(directory.as_ref(), &mut files);
    }
    files.into_values().filter_map(|file| fs::read_to_string(file).ok()).collect()
}

/// Adds the drop-in files of one directory, by name.
fn list(directory: &Path, files: &mut BTreeMap<OsString, PathBuf>) -> Result<(), ConfigError> {
    let broken = |e| ConfigError::in_file(directory, format!("not readable: {e}"));
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(broken(e)),
    };
    for entry in entries {
        let path = entry.map_err(broken)?.path();
        let Some(name) = path.file_name() else { continue };
        let hidden = name.as_encoded_bytes().starts_with(b".");
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            files.insert(name.to_owned(), path);
        }
    }
    Ok(())
}
