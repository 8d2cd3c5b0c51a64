//! What is built before anything boots, as the user who called.

#[path = "../../../../build/c_library.rs"]
mod c_library;
pub mod cross;
pub mod equipment;
pub mod nvidia;
pub mod package;
pub mod tools;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::paths::Paths;
use crate::plan::Sources;
use crate::process;

/// What a build for another architecture needs from outside: all crates, and cargo-deb.
pub async fn sources(paths: &Paths) -> Result<Sources> {
    let mut fetch = process::command(&paths.cargo, &["fetch", "--quiet", "--locked"]);
    fetch.current_dir(&paths.workspace);
    process::run(fetch, Duration::from_mins(10)).await?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    Ok(Sources {
        workspace: paths.workspace.clone(),
        cargo_home: home.context("cargo has no home")?,
        cargo_deb: package::cargo_deb(paths).await?.into(),
    })
}
