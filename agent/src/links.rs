//! The guest's links, from netlink. In a container `/sys` shows the links of the outer machine.

use std::fs;
use std::io;
use std::path::Path;

use futures_util::TryStreamExt;
use rtnetlink::Handle;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use tokio::task::JoinHandle;

use crate::config::Network;
use crate::network_file::Link;

/// A connection to netlink, which ends when this is dropped.
#[derive(Debug)]
pub struct Netlink {
    /// What requests are made with.
    pub handle: Handle,
    task: JoinHandle<()>,
}

impl Netlink {
    /// Connects.
    ///
    /// # Errors
    /// Where the kernel gives no netlink socket.
    pub fn connect() -> io::Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        Ok(Self { handle, task: tokio::spawn(connection) })
    }

    /// All links. `sys` is `/sys`, which alone knows some links' driver.
    ///
    /// # Errors
    /// Where netlink does not list them.
    pub async fn links(&self, sys: &Path) -> Result<Vec<Seen>, rtnetlink::Error> {
        let messages: Vec<_> = self.handle.link().get().execute().try_collect().await?;
        Ok(messages.into_iter().map(|message| seen(message, sys)).collect())
    }
}

impl Drop for Netlink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// All links, over a connection of its own.
///
/// # Errors
/// Where netlink cannot be had, or does not list them.
pub async fn list() -> Result<Vec<Seen>, String> {
    let netlink =
        Netlink::connect().map_err(|error| format!("cannot open a netlink socket: {error}"))?;
    netlink.links(Path::new("/sys")).await.map_err(|error| format!("netlink: {error}"))
}

/// A link as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// What `.network` files match it by.
    pub link: Link,
    /// The kernel's index.
    pub index: u32,
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// Has a carrier. Only meaningful while up.
    pub carrier: bool,
    /// The guest's own loopback link.
    pub loopback: bool,
}

/// The link that the configuration means: the one of that name or, where there is none, the one
/// link of that driver. Else `Err` with what a person needs to know.
pub fn choose<'a>(links: &'a [Seen], network: &Network) -> Result<&'a Seen, String> {
    if let Some(link) = links.iter().find(|seen| seen.link.name == network.link) {
        return Ok(link);
    }
    let driven = |seen: &&Seen| seen.link.driver.as_deref() == Some(&network.driver);
    let mut candidates = links.iter().filter(driven);
    match (candidates.next(), candidates.count()) {
        (Some(seen), 0) => Ok(seen),
        (None, _) => {
            Err(format!("no link is named {} or has driver {}", network.link, network.driver))
        }
        (Some(_), more) => Err(format!(
            "no link is named {}, and {} have driver {}",
            network.link,
            more + 1,
            network.driver
        )),
    }
}

fn seen(message: LinkMessage, sys: &Path) -> Seen {
    let flags = message.header.flags;
    let mut link = Link::default();
    let mut bus = String::new();
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Address(bytes) => link.mac = bytes.try_into().ok(),
            LinkAttribute::PermAddress(bytes) => link.permanent_mac = bytes.try_into().ok(),
            LinkAttribute::ParentDevBusName(name) => bus = name,
            LinkAttribute::LinkInfo(infos) => {
                link.kind = infos.into_iter().find_map(|info| match info {
                    LinkInfo::Kind(kind) => Some(kind.to_string()),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    // Only one driver drives network devices on the virtio bus, so that one needs no /sys.
    link.driver = match bus.as_str() {
        "virtio" => Some("virtio_net".to_owned()),
        // A link made by software: those that may serve (veth, bridge, macvlan) have a driver
        // of the same name as their kind.
        "" => link.kind.clone(),
        _ => driver(&link, sys),
    };
    Seen {
        link,
        index: message.header.index,
        up: flags.contains(LinkFlags::Up),
        carrier: flags.contains(LinkFlags::LowerUp),
        loopback: flags.contains(LinkFlags::Loopback),
    }
}

/// The driver by `/sys`, if that shows the same link: its address tells.
fn driver(link: &Link, sys: &Path) -> Option<String> {
    let folder = sys.join("class/net").join(&link.name);
    let address = fs::read_to_string(folder.join("address")).ok()?;
    if crate::network_file::parse_mac(address.trim()) != link.mac {
        return None;
    }
    let target = fs::read_link(folder.join("device/driver")).ok()?;
    Some(target.file_name()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, driver: Option<&str>) -> Seen {
        let link = Link { name: name.into(), driver: driver.map(Into::into), ..Link::default() };
        Seen { link, ..Seen::default() }
    }

    #[test]
    fn the_name_decides_then_the_only_link_of_the_driver() {
        let network = Network::default();
        let virtio = Some("virtio_net");
        let links = [named("lo", None), named("ens3", virtio), named("enp1s0", None)];
        assert_eq!(choose(&links, &network).unwrap().link.name, "enp1s0");
        assert_eq!(choose(&links[..2], &network).unwrap().link.name, "ens3");
        assert!(choose(&links[..1], &network).unwrap_err().contains("no link is named enp1s0 or"));
        let two = [named("ens3", virtio), named("ens4", virtio)];
        assert!(choose(&two, &network).unwrap_err().contains("2 have driver virtio_net"));
    }

    #[tokio::test]
    async fn the_loopback_link_is_always_there() {
        let links = list().await.unwrap();
        let lo = links.iter().find(|seen| seen.link.name == "lo").unwrap();
        assert!(lo.loopback);
        assert_eq!((lo.link.mac, lo.link.driver.as_deref()), (Some([0; 6]), None));
    }
}
