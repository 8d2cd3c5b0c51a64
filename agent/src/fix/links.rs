//! The guest's links, from netlink. In a container `/sys` shows the links of the outer machine.

use std::fs;
use std::io;
use std::path::Path;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::link::{LinkAttribute, LinkInfo, LinkMessage};

use crate::config::Network;
use crate::network_file::Link;

/// Why the links are not known.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No netlink socket.
    #[error("cannot open a netlink socket: {0}")]
    Open(#[from] io::Error),
    /// Netlink did not list the links.
    #[error("netlink: {0}")]
    List(#[from] rtnetlink::Error),
}

/// All links. `sys` is `/sys`, which alone knows a link's driver.
pub async fn read_links(sys: &Path) -> Result<Vec<Link>, LinkError> {
    let (connection, handle, _) = rtnetlink::new_connection()?;
    let connection = tokio::spawn(connection);
    let messages = handle.link().get().execute().try_collect::<Vec<_>>().await;
    connection.abort();
    Ok(messages?.into_iter().map(|message| link(message, sys)).collect())
}

/// The link that the configuration means: the one of that name or, where there is none, the one
/// link of that driver. Else `Err` with what a person needs to know.
pub fn choose<'a>(links: &'a [Link], network: &Network) -> Result<&'a Link, String> {
    if let Some(link) = links.iter().find(|link| link.name == network.link) {
        return Ok(link);
    }
    let driven = |link: &&Link| link.driver.as_deref() == Some(&network.driver);
    let mut candidates = links.iter().filter(driven);
    match (candidates.next(), candidates.count()) {
        (Some(link), 0) => Ok(link),
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

fn link(message: LinkMessage, sys: &Path) -> Link {
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
        "" => None,
        _ => driver(&link, sys),
    };
    link
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

    fn named(name: &str, driver: Option<&str>) -> Link {
        Link { name: name.into(), driver: driver.map(Into::into), ..Link::default() }
    }

    #[test]
    fn the_name_decides_then_the_only_link_of_the_driver() {
        let network = Network::default();
        let virtio = Some("virtio_net");
        let links = [named("lo", None), named("ens3", virtio), named("enp1s0", None)];
        assert_eq!(choose(&links, &network).unwrap().name, "enp1s0");
        assert_eq!(choose(&links[..2], &network).unwrap().name, "ens3");
        assert!(choose(&links[..1], &network).unwrap_err().contains("no link is named enp1s0 or"));
        let two = [named("ens3", virtio), named("ens4", virtio)];
        assert!(choose(&two, &network).unwrap_err().contains("2 have driver virtio_net"));
    }

    #[tokio::test]
    async fn the_loopback_link_is_always_there() {
        let links = read_links(Path::new("/sys")).await.unwrap();
        let lo = links.iter().find(|link| link.name == "lo").unwrap();
        assert_eq!((lo.mac, lo.driver.as_deref()), (Some([0; 6]), None));
    }
}
