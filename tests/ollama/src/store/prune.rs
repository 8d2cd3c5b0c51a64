//! The clean-up at start.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::{ManifestError, Store};

/// A file younger than this is left alone: a download may be about to go on.
const GRACE: Duration = Duration::from_hours(1);

impl Store {
    /// Removes blobs that no manifest names, finished or partial, and empty directories.
    ///
    /// Does nothing while any manifest cannot be read: its blobs would look unused.
    pub(crate) fn prune(&self) {
        let used = match self.used_blobs() {
            Ok(used) => used,
            Err(error) => {
                tracing::warn!(%error, "a manifest cannot be read, nothing is pruned");
                return;
            }
        };
        self.remove_empty_directories();
        for path in super::entries(&self.blobs()) {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            if used.contains(&file.replacen('-', ":", 1)) || !is_old(&path) {
                continue;
            }
            match fs::remove_file(&path) {
                Ok(()) => tracing::info!(path = %path.display(), "removed unused blob"),
                Err(error) => tracing::warn!(path = %path.display(), %error, "unused blob stays"),
            }
        }
    }

    /// The digests of all blobs that a manifest names.
    pub(super) fn used_blobs(&self) -> Result<BTreeSet<String>, ManifestError> {
        let mut used = BTreeSet::new();
        for name in self.names() {
            let found = self.manifest(&name)?;
            used.extend(found.manifest.blobs().map(|blob| blob.digest.clone()));
        }
        Ok(used)
    }
}

fn is_old(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    let age = modified.ok().and_then(|modified| modified.elapsed().ok());
    age.is_some_and(|age| age > GRACE)
}
