//! The mounts that a guest's root is made of.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::paths::make_directory;

/// Mounts an overlay: `lower` topmost first, changes kept in `upper`.
pub fn mount_overlay(lower: &[PathBuf], upper: &Path, work: &Path, target: &Path) -> Result<()> {
    for directory in [upper, work, target] {
        make_directory(directory)?;
    }
    let lower: Vec<String> = lower.iter().map(|path| escape(path)).collect();
    let data =
        format!("lowerdir={},upperdir={},workdir={}", lower.join(":"), escape(upper), escape(work));
    mount(Some("overlay"), target, Some("overlay"), MsFlags::empty(), Some(data.as_str()))
        .with_context(|| format!("cannot mount an overlay on {} ({data})", target.display()))
}

/// Mounts a file system in memory that holds no more than `bytes`.
pub fn mount_memory(target: &Path, bytes: u64) -> Result<()> {
    make_directory(target)?;
    let data = format!("mode=0755,size={bytes}");
    mount(Some("tmpfs"), target, Some("tmpfs"), MsFlags::empty(), Some(data.as_str()))
        .with_context(|| format!("cannot mount a tmpfs on {} ({data})", target.display()))
}

/// Unmounts a directory and forgets what hangs below it.
pub fn unmount(target: &Path) -> Result<()> {
    umount2(target, MntFlags::MNT_DETACH)
        .with_context(|| format!("cannot unmount {}", target.display()))
}

/// The kernel splits its options at commas, and lower directories at colons.
fn escape(path: &Path) -> String {
    let mut text = String::new();
    for character in path.to_string_lossy().chars() {
        if matches!(character, ',' | ':' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::escape;
    use std::path::Path;

    #[test]
    fn separators_are_escaped() {
        assert_eq!(escape(Path::new("/a,b:c\\d")), "/a\\,b\\:c\\\\d");
    }
}
