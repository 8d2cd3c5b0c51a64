//! From paths to files and documents.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::cloud::is_cloud_config;
use super::iso;
use super::text::Text;
use crate::file;
use crate::source::{File, Place};
use crate::yaml::{self, Node};

/// Bytes of one file. An object in a cluster has a tenth of it at most.
const FILE_LIMIT: u64 = 16 << 20;
/// Bytes of all files together.
const TOTAL_LIMIT: u64 = 512 << 20;

/// What could not be read, and why.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// A path, where there is no place in a file.
    pub(crate) path: String,
    pub(crate) place: Option<Place>,
    pub(crate) message: String,
}

/// Files as they are read, each once.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) files: Vec<File>,
    /// Documents, in the order of their files.
    pub(crate) documents: Vec<Rc<Node>>,
    /// Files that are cloud-init's user-data by their first line or name.
    pub(crate) user_data: Vec<usize>,
    /// Files that are cloud-init's network-config by their name.
    pub(crate) network_config: Vec<usize>,
    pub(crate) errors: Vec<Unreadable>,
    seen: HashMap<PathBuf, Option<usize>>,
    total: u64,
}

impl Reader {
    /// Reads what the user named: a file, a folder and all below it, or `-`.
    pub(crate) fn read_named(&mut self, path: &Path) {
        if path == Path::new("-") {
            let text = self.read_text(&mut io::stdin().lock());
            if let Some(file) = self.keep("<stdin>", text, false) {
                self.take(file, "");
            }
        } else if path.is_dir() {
            self.read_folder(path);
        } else {
            self.read_file(path);
        }
    }

    /// Hidden folders, links to folders, and files that are neither YAML nor JSON are passed by.
    fn read_folder(&mut self, folder: &Path) {
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.fail(&folder.to_string_lossy(), error.to_string()),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !name.starts_with('.') {
                self.read_folder(&path);
            } else if !is_folder && is_of_interest(&name) {
                self.read_file(&path);
            }
        }
    }

    /// Reads a file and its documents, once.
    pub(crate) fn read_file(&mut self, path: &Path) {
        if self.has(path) || self.is_full() {
            return;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if is_image(&name) {
            return self.read_image(path);
        }
        if let Some(file) = self.load(path) {
            self.take(file, &name);
        }
    }

    /// Reads a file without looking for documents in it, once.
    pub(crate) fn load(&mut self, path: &Path) -> Option<usize> {
        let canonical = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if let Some(file) = self.seen.get(&canonical) {
            return *file;
        }
        if self.is_full() {
            return None;
        }
        let text = file::open(path).and_then(|mut file| self.read_text(&mut file));
        let file = self.keep(&path.to_string_lossy(), text, true);
        self.seen.insert(canonical, file);
        file
    }

    /// Reads the files of cloud-init in an image of its disk, once.
    fn read_image(&mut self, path: &Path) {
        if self.has(path) {
            return;
        }
        self.seen.insert(path.canonicalize().unwrap_or_else(|_| path.to_owned()), None);
        let name = path.to_string_lossy();
        let bytes = file::open(path).and_then(|mut file| self.read_bytes(&mut file));
        let files = bytes.as_deref().map_err(Clone::clone);
        match files.and_then(|bytes| iso::files(bytes).map_err(str::to_owned)) {
            Ok(files) if files.is_empty() => {
                self.fail(&name, "an image without cloud-init's files".to_owned());
            }
            Ok(files) => {
                for (inner, bytes) in files {
                    let text = text(bytes.to_vec());
                    if let Some(file) = self.keep(&format!("{name}:/{inner}"), text, false) {
                        self.take(file, inner);
                    }
                }
            }
            Err(message) => self.fail(&name, message),
        }
    }

    /// The index of a file that was read.
    pub(crate) fn index(&self, path: &Path) -> Option<usize> {
        self.seen.get(&path.canonicalize().ok()?).copied().flatten()
    }

    /// Whether all that may be read was read. That was said for the file that did not fit.
    fn is_full(&self) -> bool {
        self.total > TOTAL_LIMIT
    }

    pub(crate) fn has(&self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|path| self.seen.contains_key(&path))
    }

    fn read_text(&mut self, from: &mut dyn Read) -> Result<String, String> {
        text(self.read_bytes(from)?)
    }

    fn read_bytes(&mut self, from: &mut dyn Read) -> Result<Vec<u8>, String> {
        let bytes = file::read(from, FILE_LIMIT)?;
        self.total += bytes.len() as u64;
        if self.total > TOTAL_LIMIT {
            let limit = TOTAL_LIMIT >> 20;
            return Err(format!("more than {limit} MiB in all: nothing more is read"));
        }
        Ok(bytes)
    }

    fn keep(&mut self, path: &str, text: Result<String, String>, on_disk: bool) -> Option<usize> {
        match text {
            Ok(text) => {
                self.files.push(File::new(path.to_owned(), text, on_disk));
                Some(self.files.len() - 1)
            }
            Err(message) => {
                self.fail(path, message);
                None
            }
        }
    }

    /// Takes a text as if it were a file of this name.
    pub(crate) fn take_text(&mut self, name: &str, text: &str) {
        if let Some(file) = self.keep(name, Ok(text.to_owned()), false) {
            self.take(file, name);
        }
    }

    fn take(&mut self, file: usize, name: &str) {
        let text = Text::whole(file, &self.files[file]);
        if is_cloud_config(&text.content) || name == "user-data" {
            self.user_data.push(file);
        } else if name == "network-config" {
            self.network_config.push(file);
        } else {
            let documents = self.parse(&text);
            self.documents.extend(documents);
        }
    }

    /// All documents of a text; an error is kept, and there are none.
    pub(crate) fn parse(&mut self, text: &Text) -> Vec<Rc<Node>> {
        yaml::parse(&text.content, &|start, end| text.locate(start, end)).unwrap_or_else(|error| {
            let place = text.locate(error.offset, error.offset + 1);
            let template = text.content.contains("{{");
            let hint = if template { "; a template is rendered first" } else { "" };
            self.errors.push(Unreadable {
                path: self.files[place.file].path.clone(),
                place: Some(place),
                message: format!("{}{hint}", error.message),
            });
            Vec::new()
        })
    }

    pub(crate) fn fail(&mut self, path: &str, message: String) {
        self.errors.push(Unreadable { path: path.to_owned(), place: None, message });
    }
}

/// Text from its bytes. Places are counted without a byte order mark.
fn text(bytes: Vec<u8>) -> Result<String, String> {
    let mut text = String::from_utf8(bytes)
        .map_err(|error| format!("not UTF-8 from byte {} on", error.utf8_error().valid_up_to()))?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

fn is_image(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("iso"))
}

fn is_of_interest(name: &str) -> bool {
    let extension = Path::new(name).extension().unwrap_or_default().to_ascii_lowercase();
    ["yaml", "yml", "json"].iter().any(|known| extension == *known)
        || ["user-data", "network-config"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::{Reader, TOTAL_LIMIT};

    #[test]
    fn all_files_together_have_an_end() {
        let folder = tempfile::TempDir::new().unwrap();
        for name in ["a.yaml", "b.yaml", "c.yaml", "d.yaml"] {
            std::fs::write(folder.path().join(name), "a: 1\n").unwrap();
        }
        // As if all but the first file's bytes had been read.
        let mut reader = Reader { total: TOTAL_LIMIT - 5, ..Reader::default() };
        reader.read_named(folder.path());
        assert_eq!((reader.files.len(), reader.documents.len()), (1, 1));
        // Said once, for the first that did not fit.
        let errors: Vec<_> =
            reader.errors.iter().map(|error| (&error.path, &error.message)).collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].0.ends_with("b.yaml"), "{errors:?}");
        assert_eq!(errors[0].1, "more than 512 MiB in all: nothing more is read");
        // A reference into the rest leads to nothing, and says nothing.
        assert_eq!(reader.load(&folder.path().join("d.yaml")), None);
        assert_eq!(reader.errors.len(), 1);
    }
}
