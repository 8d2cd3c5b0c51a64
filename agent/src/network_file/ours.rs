//! The agent's own files beside those of the network's configuration. They lie under `/run` and
//! are gone with the next boot.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where they lie.
pub(crate) const RUNTIME: &str = "/run/systemd/network";

/// The name of the agent's drop-in beside a file of netplan's.
pub(crate) const DROP_IN: &str = "50-saigak.conf";

/// The first part of the name of a whole file of the agent's. It sorts after what others write.
pub(crate) const WHOLE: &str = "95-saigak-";

/// The agent's files in `runtime`.
pub(crate) fn ours(runtime: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(runtime) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut ours = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(WHOLE) && name.ends_with(".network") {
            ours.push(path);
        } else if name.ends_with(".network.d") && path.join(DROP_IN).exists() {
            ours.push(path.join(DROP_IN));
        }
    }
    Ok(ours)
}
