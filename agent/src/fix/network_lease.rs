//! `network-note` notes the link's lease down; `network-lease` repeats one that has run out, or
//! takes that back.
//!
//! Only where `network.repeat_lease` is on. While networkd holds a lease, that is noted in a
//! directory of root's: the daemon can ask for it, and has no say in what is noted. Whoever asks
//! for that gets nothing else done, whatever has become of the lease meanwhile. Where the link
//! has no address any more, a runtime drop-in beside its `.network` file gives it the last one of
//! its MAC address and of this boot again: address, ways out, MTU, DNS and time servers, search
//! domains, each as far as networkd made use of it. DHCP stays on, so the next lease takes its
//! place, and then the drop-in goes; so it does once the link is configured otherwise, without
//! DHCP. networkd probes whether another machine has taken the address meanwhile (RFC 5227), and
//! leaves it to that one.
//!
//! networkd has to be told: `networkctl reload`.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Reply, file};
use crate::bus::Bus;
use crate::config::Network;
use crate::links;
use crate::network::{Holding, Lease, Way};
use crate::network_file::{
    DIRECTORIES, LEASE, Link, NetworkFile, RUNTIME, applying, drop_ins, superseded,
};

/// The last lease. In `StateDirectory=` of the unit that notes it.
const NOTE: &str = "/var/lib/saigak-fix/lease.json";

/// The units' variable for the id of this boot.
const BOOT: &str = "SAIGAK_BOOT_ID";

/// What is noted.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// The boot that the lease was seen in.
    boot: String,
    lease: Lease,
}

/// An answer either way.
type Acted = Result<Reply, Reply>;

pub(super) async fn run(network: &Network) -> Reply {
    if !network.repeat_lease {
        return match withdraw(Path::new(RUNTIME), |_| false) {
            Ok(done) if done.is_empty() => {
                Reply::unneeded("network.repeat_lease is off, and nothing is repeated")
            }
            Ok(done) => Reply::done(done.join(", ")),
            Err(reply) => reply,
        };
    }
    let files = || NetworkFile::load_all(&DIRECTORIES).map_err(|e| Reply::failed(e.to_string()));
    let acted = found(network).await.and_then(|(boot, link, holding)| {
        act(&link, &holding, files, &boot, Path::new(NOTE), Path::new(RUNTIME))
    });
    acted.unwrap_or_else(|reply| reply)
}

/// `network-note`: writes the note, and nothing else ever.
pub(super) async fn note(network: &Network) -> Reply {
    if !network.repeat_lease {
        return Reply::unneeded("network.repeat_lease is off");
    }
    let found = found(network).await;
    let noted = found.and_then(|(boot, _, holding)| note_down(holding, boot, Path::new(NOTE)));
    noted.unwrap_or_else(|reply| reply)
}

fn note_down(holding: Holding, boot: String, to: &Path) -> Acted {
    let Holding::Lease(lease) = holding else {
        return Err(Reply::refused("there is no lease to note"));
    };
    let address = lease.address;
    let text = serde_json::to_string(&Note { boot, lease });
    let text = text.map_err(|e| Reply::failed(e.to_string()))?;
    Ok(if file::put(to, &text)? {
        Reply::done(format!("noted the lease of {address}"))
    } else {
        Reply::unneeded(format!("the lease of {address} is noted already"))
    })
}

/// The id of this boot, from the unit: `/proc/sys` is hidden from repairs.
fn boot() -> Result<String, Reply> {
    let boot = std::env::var(BOOT).ok().filter(|boot| !boot.is_empty());
    boot.ok_or_else(|| Reply::failed(format!("{BOOT} is not set: it is set by the unit")))
}

async fn link(network: &Network) -> Result<Link, Reply> {
    let seen = links::list().await.map_err(Reply::failed)?;
    links::choose(&seen, network).map(|seen| seen.link.clone()).map_err(Reply::refused)
}

/// What both go by: the id of this boot, the link, and what it holds.
async fn found(network: &Network) -> Result<(String, Link, Holding), Reply> {
    let boot = boot()?;
    let link = link(network).await?;
    let holding = Holding::of(&link.name, &Bus::default()).await.map_err(Reply::failed)?;
    Ok((boot, link, holding))
}

/// `files` reads all `.network` files, which takes a disk that answers.
fn act(
    link: &Link,
    holding: &Holding,
    files: impl FnOnce() -> Result<Vec<NetworkFile>, Reply>,
    boot: &str,
    from: &Path,
    runtime: &Path,
) -> Acted {
    let (done, else_said) = match holding {
        Holding::Lease(Lease { address, .. }) => {
            let said = format!("{address} is leased, and nothing is repeated");
            (withdraw(runtime, |_| false)?, said)
        }
        Holding::Addresses { all, file } => {
            let said = format!("{} has {all:?} without a lease", link.name);
            let files = files()?;
            (withdraw(runtime, |path| !superseded(path, file, &files, all))?, said)
        }
        Holding::Nothing => return repeat(link, &files()?, boot, from, runtime),
    };
    Ok(if done.is_empty() { Reply::unneeded(else_said) } else { Reply::done(done.join(", ")) })
}

fn repeat(link: &Link, files: &[NetworkFile], boot: &str, from: &Path, runtime: &Path) -> Acted {
    let text = fs::read_to_string(from)
        .map_err(|e| Reply::failed(format!("no lease to repeat: {}: {e}", from.display())))?;
    let Note { boot: noted, lease } = serde_json::from_str(&text)
        .map_err(|e| Reply::failed(format!("no lease to repeat: {}: {e}", from.display())))?;
    // While the guest was off, its network may have become another.
    if noted != boot {
        return Err(Reply::failed("the last lease was that of another boot"));
    }
    if link.mac != Some(lease.mac) {
        return Err(Reply::failed(format!(
            "the last lease was for another MAC than {}'s",
            link.name
        )));
    }
    let base = applying(files, link)
        .ok_or_else(|| Reply::failed(format!("no .network file matches {}", link.name)))?
        .without_drop_in(LEASE);
    if !base.asks_for_lease() {
        return Err(Reply::failed(format!("{} asks for no lease", base.path.display())));
    }
    let path = runtime.join(format!("{}.d", base.name())).join(LEASE);
    // First what needs no room, and makes some.
    let mut done = withdraw(runtime, |found| found == path)?;
    match file::put(&path, &drop_in(&lease, base.takes_mtu())) {
        Ok(true) => done.push(format!("wrote {}", path.display())),
        Ok(false) => {}
        Err(error) if done.is_empty() => return Err(error.into()),
        // networkd is to be told of what was withdrawn.
        Err(error) => done.push(error.to_string()),
    }
    Ok(if done.is_empty() {
        Reply::unneeded(format!("{} is repeated already", lease.address))
    } else {
        Reply::done(done.join(", "))
    })
}

/// Takes the drop-ins away, but for those that are `kept`.
fn withdraw(runtime: &Path, kept: impl Fn(&Path) -> bool) -> Result<Vec<String>, Reply> {
    let found = drop_ins(runtime, LEASE)
        .map_err(|e| Reply::failed(format!("cannot list {}: {e}", runtime.display())))?;
    let mut done = Vec::new();
    for path in found.iter().filter(|path| !kept(path)) {
        file::take_away(path)?;
        done.push(format!("withdrew {}", path.display()));
    }
    Ok(done)
}

/// What repeats the lease. `mtu`: the link's MTU is the lease's as well.
fn drop_in(lease: &Lease, mtu: bool) -> String {
    use std::fmt::Write as _;
    let mut text = String::from(
        "# Written by saigak-agent: the last lease, while no DHCP server answers. It takes this\n\
         # away when one does.\n",
    );
    // Writing to a string cannot fail.
    if let Some(bytes) = lease.mtu.filter(|_| mtu) {
        let _ = writeln!(text, "[Link]\nMTUBytes={bytes}");
    }
    text.push_str("[Network]\n");
    for server in &lease.dns {
        let _ = writeln!(text, "DNS={server}");
    }
    for domain in &lease.domains {
        let _ = writeln!(text, "Domains={domain}");
    }
    for server in &lease.ntp {
        let _ = writeln!(text, "NTP={server}");
    }
    let Lease { address, prefix, .. } = lease;
    let _ = writeln!(text, "[Address]\nAddress={address}/{prefix}\nDuplicateAddressDetection=ipv4");
    for Way { to, prefix, gateway, metric } in &lease.routes {
        let _ = writeln!(text, "[Route]\nDestination={to}/{prefix}\nGateway={gateway}");
        // A DHCP server may give a gateway outside the address's own network, and a route to it.
        let _ = writeln!(text, "GatewayOnLink=yes\nMetric={metric}");
    }
    text
}

#[cfg(test)]
mod tests;
