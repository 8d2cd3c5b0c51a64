//! What must be known of a GGUF file to make a model of it: its SHA-256, and for what
//! architecture it is. The file format is GGML's: a magic word, a version, two counts, and then
//! pairs of a key and a value, of which the architecture is the first by convention.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::atomic::Ordering;

use rustix::fs::{Mode, OFlags};
use serde_json::json;

use super::found::Read as Counted;
use crate::probe::blob;

/// What the file begins with.
const MAGIC: [u8; 4] = *b"GGUF";

/// The key of the architecture.
const ARCHITECTURE: &str = "general.architecture";

/// The type of a text.
const TEXT: u32 = 8;

/// No architecture has a longer name.
const LONGEST: u64 = 64;

/// A file of weights.
pub(super) struct Gguf {
    pub(super) file: File,
    pub(super) bytes: u64,
    architecture: String,
}

impl Gguf {
    /// Opens the file at `path`. Nothing is waited for: what is a pipe has no content.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        let data = file.metadata()?;
        let none = || io::Error::other("this is no GGUF file");
        if !data.is_file() {
            return Err(none());
        }
        let mut magic = [0; 4];
        file.read_exact(&mut magic).map_err(|_| none())?;
        if magic != MAGIC {
            return Err(none());
        }
        let architecture = architecture(&mut file).unwrap_or_else(|| "unknown".into());
        file.rewind()?;
        Ok(Self { file, bytes: data.len(), architecture })
    }

    /// The SHA-256 of all of it. `counted` follows it.
    pub(super) fn hash(&self, counted: &Counted) -> io::Result<String> {
        blob::sha256(&self.file, |bytes| {
            counted.done.fetch_add(bytes as u64, Ordering::Relaxed);
            Ok(())
        })
    }

    /// The small file that tells a server what kind of model this is.
    pub(super) fn config(&self, digest: &str) -> Vec<u8> {
        let config = json!({
            "model_format": "gguf",
            "model_family": self.architecture,
            "model_families": [self.architecture],
            "model_type": "",
            "file_type": "",
            "architecture": "amd64",
            "os": "linux",
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{digest}")] },
        });
        config.to_string().into_bytes()
    }
}

/// The value of the first key, behind the version and the counts of tensors and keys.
fn architecture(file: &mut File) -> Option<String> {
    file.seek_relative(4 + 8 + 8).ok()?;
    if text(file)? != ARCHITECTURE {
        return None;
    }
    let mut kind = [0; 4];
    file.read_exact(&mut kind).ok()?;
    if u32::from_le_bytes(kind) != TEXT {
        return None;
    }
    text(file)
}

fn text(file: &mut File) -> Option<String> {
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = Some(u64::from_le_bytes(length)).filter(|length| *length <= LONGEST)?;
    let mut text = String::new();
    file.take(length).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The beginning of a file for that architecture.
    pub(in super::super) fn header(architecture: &str) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend([0_u64, 1].map(u64::to_le_bytes).concat());
        for (text, kind) in [(ARCHITECTURE, Some(TEXT)), (architecture, None)] {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
            bytes.extend(kind.map(u32::to_le_bytes).into_iter().flatten());
        }
        bytes
    }

    #[test]
    fn a_file_is_hashed_whole_and_its_architecture_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.gguf");
        std::fs::write(&path, header("qwen3")).unwrap();
        let file = Gguf::open(&path).unwrap();
        assert_eq!(file.architecture, "qwen3");
        let counted = Counted::default();
        assert_eq!(file.hash(&counted).unwrap(), blob::sha256_of(&header("qwen3")));
        assert_eq!(counted.done.into_inner(), file.bytes);
        for (content, known) in [(&b"GGUF"[..], true), (b"<html>", false), (b"", false)] {
            std::fs::write(&path, content).unwrap();
            let told = Gguf::open(&path).map(|file| file.architecture).map_err(|e| e.to_string());
            let wanted = known.then(|| "unknown".into()).ok_or("this is no GGUF file".into());
            assert_eq!(told, wanted);
        }
        assert!(Gguf::open(directory.path()).is_err());
    }
}
