//! `cargo lab shell`: a root shell in a guest that some run keeps.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use std::io::IsTerminal;

use crate::guest::LEADER;
use crate::host::{privilege, scratch, supervise};
use crate::paths::Paths;
use crate::process;

/// Opens a shell in the guest of that name, or in the only one.
pub async fn open(name: Option<String>) -> Result<ExitCode> {
    let lab = Paths::find().await?.lab();
    let guests = guests(&lab)?;
    let names: Vec<&str> = guests.iter().map(|guest| guest.name.as_str()).collect();
    let chosen = match (&name, guests.as_slice()) {
        (_, []) => bail!("no guest is running: cargo lab up boots one"),
        (None, [only]) => only,
        (None, _) => bail!("several guests are running, name one: {}", names.join(" ")),
        (Some(name), _) => guests.iter().find(|guest| guest.name == *name).with_context(|| {
            format!("no guest {name} is running; there are: {}", names.join(" "))
        })?,
    };
    // The shell is started by the guest's systemd, with the guest's capabilities.
    let mut arguments = vec![supervise::DROPPED.to_owned(), "nsenter".into()];
    arguments.extend(["--target", &chosen.init, "--mount", "--pid", "--"].map(str::to_owned));
    arguments
        .extend(["nsenter", "--target", &chosen.leader, "--mount", "--uts"].map(str::to_owned));
    arguments
        .extend(["--ipc", "--net", "--pid", "--cgroup", "--root", "--wd", "--"].map(str::to_owned));
    arguments.extend(["systemd-run", "--quiet", "--collect", "--wait"].map(str::to_owned));
    arguments.push(if std::io::stdin().is_terminal() { "--pty" } else { "--pipe" }.to_owned());
    let terminal = std::env::var("TERM").unwrap_or_else(|_| "linux".into());
    arguments.push(format!("--setenv=TERM={terminal}"));
    arguments.extend(["--setenv=HOME=/root", "--working-directory=/root"].map(str::to_owned));
    arguments.extend(["/bin/bash", "-l"].map(str::to_owned));
    let mut shell = privilege::as_root("setpriv", &arguments);
    let status = shell.status().await.context("cannot start `setpriv`")?;
    Ok(ExitCode::from(u8::try_from(process::code(status)).unwrap_or(1)))
}

struct Running {
    name: String,
    init: String,
    leader: String,
}

fn guests(lab: &Path) -> Result<Vec<Running>> {
    let mut found = Vec::new();
    for run in scratch::alive(lab)? {
        let read = |path: PathBuf| std::fs::read_to_string(path).ok();
        let Some(init) = read(run.join("init")) else { continue };
        let Ok(entries) = std::fs::read_dir(run.join("guests")) else { continue };
        for entry in entries.flatten() {
            if let Some(leader) = read(entry.path().join(LEADER)) {
                let name = entry.file_name().to_string_lossy().into_owned();
                found.push(Running { name, init: init.clone(), leader });
            }
        }
    }
    Ok(found)
}
