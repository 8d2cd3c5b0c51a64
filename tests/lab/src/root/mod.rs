//! The guests' root: Debian once, the agent's package once for each build, and above both an
//! overlay of each guest's own.

pub mod base;
pub mod emulator;
pub mod layer;
pub mod overlay;
pub mod recipes;
pub mod tools;

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};

use crate::paths::make_directory;

/// Waits until no other run of this checkout builds a root, a layer or a disk.
pub fn lock(lab: &Path) -> Result<File> {
    make_directory(lab)?;
    let path = lab.join("build.lock");
    let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}
