//! Copy and delete.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use nix::errno::Errno;

use super::{ModelError, Store, make_directories};
use crate::go::{self, PathError};
use crate::name::Name;

impl Store {
    /// Copies the manifest's bytes; no blob is touched.
    ///
    /// As in a real server the file is truncated and written in place, and the destination's
    /// directory is made before the source is looked for.
    pub(crate) fn copy(&self, source: Name, destination: Name) -> Result<(), ModelError> {
        if source == destination {
            return Ok(());
        }
        let (from, to) = (self.existing(source), self.existing(destination));
        let (from, to) = (self.manifest_path(&from), self.manifest_path(&to));
        if let Some(directory) = to.parent() {
            make_directories(directory).map_err(broken)?;
        }
        let mut input = File::open(&from).map_err(go::on("open", &from)).map_err(|error| {
            if error.not_found() { ModelError::NotFound } else { broken(error) }
        })?;
        let mut output = File::create(&to).map_err(go::on("open", &to)).map_err(broken)?;
        io::copy(&mut input, &mut output).map(drop).map_err(|error| {
            // The call that Go copies files with; it names it where it fails.
            let call = if error.raw_os_error() == Some(Errno::ENOSPC as i32) {
                "copy_file_range: "
            } else {
                ""
            };
            ModelError::Broken(format!("write {}: {call}{}", to.display(), go::io_text(&error)))
        })
    }

    /// Removes the manifest, then each blob of it that no other manifest names.
    pub(crate) fn delete(&self, name: Name) -> Result<(), ModelError> {
        let name = self.existing(name);
        let found = self.manifest(&name)?;
        let path = self.manifest_path(&name);
        fs::remove_file(&path).map_err(go::on("remove", &path)).map_err(broken)?;
        self.remove_empty_directories();

        let used = self.used_blobs().unwrap_or_default();
        for blob in found.manifest.blobs().filter(|blob| !used.contains(&blob.digest)) {
            let path = self.blob(&blob.digest);
            match fs::remove_file(&path).map_err(go::on("remove", &path)) {
                Err(error) if !error.not_found() => return Err(broken(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes the directories below `manifests/` that hold nothing.
    pub(super) fn remove_empty_directories(&self) {
        for entry in super::entries(&self.manifests()) {
            remove_if_empty(&entry);
        }
    }
}

fn remove_if_empty(path: &Path) {
    if path.is_dir() {
        for entry in super::entries(path) {
            remove_if_empty(&entry);
        }
        // Fails on a directory that is not empty, which is the wish.
        let _ = fs::remove_dir(path);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err asks for")]
fn broken(error: PathError) -> ModelError {
    ModelError::Broken(error.to_string())
}
