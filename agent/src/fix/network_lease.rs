//! `network-lease`: notes the link's lease down, repeats one that has run out, or takes that back.
//!
//! Only where `network.repeat_lease` is on. While networkd holds a lease, that is noted in a
//! directory of root's: the daemon can ask for it, and has no say in what is noted. Where the
//! link has no address any more, a runtime drop-in beside its `.network` file gives it the last
//! one of its MAC address again. DHCP stays on, so the next lease takes its place, and then the
//! drop-in goes. networkd probes whether another machine has taken the address meanwhile
//! (RFC 5227), and leaves it to that one.
//!
//! networkd has to be told: `networkctl reload`.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Reply, file};
use crate::bus::Bus;
use crate::config::Network;
use crate::links::{self, Netlink};
use crate::network::{Holding, Lease};
use crate::network_file::{DIRECTORIES, LEASE, Link, NetworkFile, RUNTIME, applying, drop_ins};

/// The last lease. `StateDirectory=` of the unit.
const NOTE: &str = "/var/lib/saigak-fix/lease.json";

pub(super) async fn run(network: &Network) -> Reply {
    if !network.repeat_lease {
        return match withdraw(Path::new(RUNTIME), None) {
            Ok(done) if done.is_empty() => {
                Reply::unneeded("network.repeat_lease is off, and nothing is repeated")
            }
            Ok(done) => Reply::done(done.join(", ")),
            Err(reply) => reply,
        };
    }
    match link(network).await {
        Ok(link) => match Holding::of(&link.name, &Bus::default()).await {
            Ok(holding) => {
                act(&link, &holding, Path::new(NOTE), Path::new(RUNTIME)).unwrap_or_else(|e| e)
            }
            Err(why) => Reply::failed(why),
        },
        Err(reply) => reply,
    }
}

async fn link(network: &Network) -> Result<Link, Reply> {
    let netlink = Netlink::connect()
        .map_err(|e| Reply::failed(format!("cannot open a netlink socket: {e}")))?;
    let seen = netlink.links(Path::new("/sys")).await;
    let seen = seen.map_err(|e| Reply::failed(format!("netlink: {e}")))?;
    links::choose(&seen, network).map(|seen| seen.link.clone()).map_err(Reply::refused)
}

fn act(link: &Link, holding: &Holding, note: &Path, runtime: &Path) -> Result<Reply, Reply> {
    match holding {
        Holding::Lease(lease) => {
            let mut done = Vec::new();
            let text = serde_json::to_string(lease).map_err(|e| Reply::failed(e.to_string()))?;
            if file::put(note, &text).map_err(|e| failed(&e))? {
                done.push(format!("noted the lease of {}", lease.address));
            }
            done.extend(withdraw(runtime, None)?);
            Ok(if done.is_empty() {
                Reply::unneeded(format!("{} is leased, and noted", lease.address))
            } else {
                Reply::done(done.join(", "))
            })
        }
        Holding::Address(address) => {
            Ok(Reply::unneeded(format!("{} has {address} without a lease", link.name)))
        }
        Holding::Nothing => repeat(link, note, runtime),
    }
}

fn repeat(link: &Link, note: &Path, runtime: &Path) -> Result<Reply, Reply> {
    let text = fs::read_to_string(note)
        .map_err(|e| Reply::failed(format!("no lease to repeat: {}: {e}", note.display())))?;
    let lease: Lease = serde_json::from_str(&text)
        .map_err(|e| Reply::failed(format!("no lease to repeat: {}: {e}", note.display())))?;
    if link.mac != Some(lease.mac) {
        return Err(Reply::failed(format!(
            "the last lease was for another MAC than {}'s",
            link.name
        )));
    }
    let files = NetworkFile::load_all(&DIRECTORIES).map_err(|e| Reply::failed(e.to_string()))?;
    let base = applying(&files, link)
        .ok_or_else(|| Reply::failed(format!("no .network file matches {}", link.name)))?;
    let path = runtime.join(format!("{}.d", base.name())).join(LEASE);
    let mut done = Vec::new();
    if file::put(&path, &drop_in(&lease)).map_err(|e| failed(&e))? {
        done.push(format!("wrote {}", path.display()));
    }
    done.extend(withdraw(runtime, Some(&path))?);
    Ok(if done.is_empty() {
        Reply::unneeded(format!("{} is repeated already", lease.address))
    } else {
        Reply::done(done.join(", "))
    })
}

/// Takes the drop-ins away, but for `kept`.
fn withdraw(runtime: &Path, kept: Option<&PathBuf>) -> Result<Vec<String>, Reply> {
    let found = drop_ins(runtime, LEASE)
        .map_err(|e| Reply::failed(format!("cannot list {}: {e}", runtime.display())))?;
    let mut done = Vec::new();
    for path in found.iter().filter(|path| Some(*path) != kept) {
        file::take_away(path).map_err(|e| failed(&e))?;
        done.push(format!("withdrew {}", path.display()));
    }
    Ok(done)
}

fn failed(error: &file::FileError) -> Reply {
    Reply::failed(error.to_string())
}

fn drop_in(lease: &Lease) -> String {
    use std::fmt::Write as _;
    let mut text = String::from(
        "# Written by saigak-agent: the last lease, while no DHCP server answers. It takes this\n\
         # away when one does.\n",
    );
    // Writing to a string cannot fail.
    if !lease.dns.is_empty() {
        text.push_str("[Network]\n");
        for server in &lease.dns {
            let _ = writeln!(text, "DNS={server}");
        }
    }
    let Lease { address, prefix, .. } = lease;
    let _ = writeln!(text, "[Address]\nAddress={address}/{prefix}\nDuplicateAddressDetection=ipv4");
    if let Some(gateway) = lease.gateway {
        let _ = writeln!(text, "[Route]\nGateway={gateway}");
    }
    text
}

#[cfg(test)]
mod tests;
