//! Files inside a guest, read and written from outside. The guest is where things are broken on
//! purpose: a link in it must not lead out of it.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::Mode;

use super::Guest;

impl Guest {
    /// Reads a file. The path is the guest's own, absolute.
    pub fn read_file(&self, path: &str) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        self.open(path, OFlag::O_RDONLY)?
            .read_to_end(&mut content)
            .with_context(|| format!("cannot read {path} in {}", self.name))?;
        Ok(content)
    }

    /// Writes a file, over the one that is there. The path is the guest's own, absolute.
    pub fn write_file(&self, path: &str, content: impl AsRef<[u8]>) -> Result<()> {
        self.open(path, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC)?
            .write_all(content.as_ref())
            .with_context(|| format!("cannot write {path} in {}", self.name))
    }

    fn open(&self, path: &str, flags: OFlag) -> Result<File> {
        let root = format!("/proc/{}/root", self.leader()?);
        let top = File::open(&root).with_context(|| format!("cannot open {root}"))?;
        // Resolved as the guest would: its absolute links start at its own root.
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .mode(if flags.contains(OFlag::O_CREAT) {
                Mode::from_bits_truncate(0o644)
            } else {
                Mode::empty()
            })
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        let file = openat2(&top, Path::new(path), how)
            .with_context(|| format!("cannot open {path} in {}", self.name))?;
        Ok(file.into())
    }
}
