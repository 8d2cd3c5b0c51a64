//! The agent's own files beside those of the network's configuration. They lie under `/run` and
//! are gone with the next boot.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where they lie.
pub(crate) const RUNTIME: &str = "/run/systemd/network";

/// The name of the agent's drop-in beside a file of netplan's.
pub(crate) const DROP_IN: &str = "50-saigak.conf";

/// The name of the drop-in that repeats a lease.
pub(crate) const LEASE: &str = "60-saigak-lease.conf";

/// The first part of the name of a whole file of the agent's. It sorts after what others write.
pub(crate) const WHOLE: &str = "95-saigak-";

/// The files in `runtime` by which the agent makes the link match.
pub(crate) fn ours(runtime: &Path) -> io::Result<Vec<PathBuf>> {
    let mut ours = drop_ins(runtime, DROP_IN)?;
    for path in list(runtime)? {
        let name = name(&path);
        if name.starts_with(WHOLE) && name.ends_with(".network") {
            ours.push(path);
        }
    }
    Ok(ours)
}

/// The drop-ins of that name in `runtime`, whichever file they are beside.
pub(crate) fn drop_ins(runtime: &Path, called: &str) -> io::Result<Vec<PathBuf>> {
    let folders = list(runtime)?.into_iter().filter(|path| name(path).ends_with(".network.d"));
    Ok(folders.map(|folder| folder.join(called)).filter(|path| path.exists()).collect())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn list(runtime: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(runtime) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.map(|entry| Ok(entry?.path())).collect(),
    }
}
