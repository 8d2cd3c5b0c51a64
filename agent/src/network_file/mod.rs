//! systemd's `.network` files, as far as the question "which one applies to this link?" goes.
//!
//! A file is read the way systemd-networkd reads it: by name, `/etc` before `/run` before
//! `/usr/lib`; its drop-ins after it; repeated keys add up and an empty one clears what came
//! before. This is no judge of what networkd did: ask it over D-Bus. It tells *why*.

mod addressing;
mod glob;
mod matching;
mod ours;
mod syntax;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

pub(crate) use addressing::superseded;
pub(crate) use matching::parse_mac;
pub use matching::{Link, Match};
pub(crate) use ours::{DROP_IN, LEASE, RUNTIME, WHOLE, drop_ins, ours};
pub use syntax::Assignment;

/// Where networkd looks, the strongest first.
pub const DIRECTORIES: [&str; 4] = [
    "/etc/systemd/network",
    "/run/systemd/network",
    "/usr/local/lib/systemd/network",
    "/usr/lib/systemd/network",
];

/// More than any such file holds; a larger one is not read into memory.
const SIZE_MAX: u64 = 1 << 20;

/// A `.network` file with its drop-ins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkFile {
    /// The main file.
    pub path: PathBuf,
    /// What the main file and its drop-ins say, in the order in which it counts. Empty for a
    /// file that is masked by an empty file or a link to `/dev/null`.
    pub assignments: Vec<Assignment>,
}

/// A directory that cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("cannot list {}: {source}", path.display())]
pub struct ReadError {
    /// The directory.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

impl NetworkFile {
    /// The file's name, such as `10-netplan-enp1s0.network`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// The same file as if the drop-ins of that name were not there.
    #[must_use]
    pub fn without_drop_in(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.assignments.retain(|assignment| {
            *assignment.source == *self.path
                || assignment.source.file_name().is_none_or(|file| file != name)
        });
        other
    }

    /// All files of `directories`, the strongest directory first, in the order in which
    /// networkd tries them. A file that networkd could not load is left out, as it does: one
    /// broken file must not hide the others.
    ///
    /// # Errors
    /// Where a directory cannot be listed: then nothing is known of what is in it.
    pub fn load_all<P: AsRef<Path>>(directories: &[P]) -> Result<Vec<Self>, ReadError> {
        by_name(directories.iter().map(AsRef::as_ref), "network")?
            .into_values()
            .filter_map(|path| Self::load(path, directories).transpose())
            .collect()
    }

    /// The file at `path` with its drop-ins of all `directories`. `None`: it is not there, or it
    /// or a drop-in cannot be read.
    fn load<P: AsRef<Path>>(path: PathBuf, directories: &[P]) -> Result<Option<Self>, ReadError> {
        let Ok(mut assignments) = read(&path) else { return Ok(None) };
        // A masked file stays masked, whatever its drop-ins say.
        if !assignments.is_empty()
            && let Some(name) = path.file_name()
        {
            let mut folder = name.to_owned();
            folder.push(".d");
            let folders: Vec<_> =
                directories.iter().map(|directory| directory.as_ref().join(&folder)).collect();
            for drop_in in by_name(folders.iter().map(PathBuf::as_path), "conf")?.into_values() {
                match read(&drop_in) {
                    Ok(more) => assignments.extend(more),
                    // Gone since, or a link to nothing: it says nothing.
                    Err(e) if e.kind() == ErrorKind::NotFound => {}
                    // What it would change is not known.
                    Err(_) => return Ok(None),
                }
            }
        }
        Ok(Some(Self { path, assignments }))
    }
}

/// The file that networkd takes for the link: the first that matches. `None`: none does.
#[must_use]
pub fn applying<'a>(files: &'a [NetworkFile], link: &Link) -> Option<&'a NetworkFile> {
    files.iter().find(|file| file.matches(link) == Match::Matches)
}

/// The files with that extension, by name; the first directory that has a name decides.
fn by_name<'a>(
    directories: impl DoubleEndedIterator<Item = &'a Path>,
    extension: &str,
) -> Result<BTreeMap<OsString, PathBuf>, ReadError> {
    let mut files = BTreeMap::new();
    for directory in directories.rev() {
        let broken = |source| ReadError { path: directory.to_owned(), source };
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                continue;
            }
            Err(e) => return Err(broken(e)),
        };
        for entry in entries {
            let path = entry.map_err(broken)?.path();
            if path.extension().is_some_and(|found| found == extension)
                && let Some(name) = path.file_name()
            {
                files.insert(name.to_owned(), path);
            }
        }
    }
    Ok(files)
}

fn read(path: &Path) -> io::Result<Vec<Assignment>> {
    let size = fs::metadata(path)?.len();
    if size > SIZE_MAX {
        return Err(io::Error::other(format!("{size} bytes, more than {SIZE_MAX}")));
    }
    // Bytes that are no UTF-8 stand in descriptions and comments; they cannot match a link.
    let text = fs::read(path)?;
    Ok(syntax::parse(path, &String::from_utf8_lossy(&text)))
}

#[cfg(test)]
mod tests;
