//! `network-match`: frees the link's `.network` file from a MAC address that is not the link's.
//!
//! A guest that was first booted without a network configuration is pinned to the MAC of that
//! boot; with the next pod comes another, no file matches, and the link stays down. `netplan
//! apply` writes the same pin again. So a drop-in beside netplan's file takes the address out of
//! `[Match]`, and all else (DNS, MTU, routes) stays as configured. It lies under `/run`, is gone
//! with the next boot, and is withdrawn when it is not needed any more.
//!
//! networkd has to be told: `networkctl reload`, then `networkctl reconfigure LINK`.

use std::path::Path;

use super::plan::{Plan, plan};
use super::{Reply, file};
use crate::config::Network;
use crate::links;
use crate::network_file::{DIRECTORIES, NetworkFile, RUNTIME, applying, ours};

pub(super) async fn run(network: &Network) -> Reply {
    let seen = match links::list().await {
        Ok(seen) => seen,
        Err(message) => return Reply::failed(message),
    };
    let link = match links::choose(&seen, network) {
        Ok(chosen) => &chosen.link,
        Err(message) => return Reply::refused(message),
    };
    let links: Vec<_> = seen.iter().map(|seen| seen.link.clone()).collect();
    let read = || NetworkFile::load_all(&DIRECTORIES).map_err(|e| Reply::failed(e.to_string()));
    let changed = read().and_then(|files| {
        carry_out(&plan(&files, &links, link, &network.link), Path::new(RUNTIME))
    });
    match changed {
        Err(reply) => reply,
        Ok(reply) => match read() {
            // Another drop-in, sorted after ours, can set the address again.
            Ok(files) if applying(&files, link).is_none() => {
                Reply::failed(format!("{}, but no file matches {} yet", reply.message, link.name))
            }
            Ok(_) => reply,
            Err(e) => e,
        },
    }
}

/// Makes our files in `runtime` be those of the plan.
fn carry_out(plan: &Plan, runtime: &Path) -> Result<Reply, Reply> {
    let (wanted, reason) = match plan {
        Plan::Nothing(file) => (None, format!("{} matches by itself", file.display())),
        Plan::One { path, .. } => {
            let path = runtime.join(path);
            let reason = format!("{} frees the link", path.display());
            (Some(path), reason)
        }
    };
    let mut done = Vec::new();
    if let (Some(path), Plan::One { text, .. }) = (&wanted, plan)
        && file::put(path, text)?
    {
        done.push(format!("wrote {}", path.display()));
    }
    let ours = ours(runtime)
        .map_err(|e| Reply::failed(format!("cannot list {}: {e}", runtime.display())))?;
    for path in ours.iter().filter(|path| wanted.as_ref() != Some(path)) {
        file::take_away(path)?;
        done.push(format!("withdrew {}", path.display()));
    }
    Ok(if done.is_empty() { Reply::unneeded(reason) } else { Reply::done(done.join(", ")) })
}

#[cfg(test)]
mod tests;
