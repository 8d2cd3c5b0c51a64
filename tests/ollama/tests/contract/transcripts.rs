//! Finding and reading the transcripts.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// One recorded case, or `None`, said aloud, where the transcripts are not on this machine.
pub(crate) fn case(name: &str) -> Option<Value> {
    let Some(directory) = directory() else {
        eprintln!("skipped {name}: no transcripts in SAIGAK_SHARED or ../shared");
        return None;
    };
    let path = directory.join(format!("{name}.json"));
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Some(serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

fn directory() -> Option<PathBuf> {
    let shared = std::env::var_os("SAIGAK_SHARED").map_or_else(beside_repository, PathBuf::from);
    Some(shared.join("ollama-api")).filter(|directory| directory.is_dir())
}

fn beside_repository() -> PathBuf {
    // This package lies two folders deep in the repository.
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared")
}
