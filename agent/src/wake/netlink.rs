//! Links, addresses and routes, as the kernel announces them.

use std::sync::Arc;

use futures_util::StreamExt;
use rtnetlink::MulticastGroup;

use crate::core::Source;
use crate::core::reconcile::Waker;
use crate::guest::concern;

const GROUPS: [MulticastGroup; 3] =
    [MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv4Route];

pub(super) async fn watch(waker: Arc<Waker>) {
    loop {
        match rtnetlink::new_multicast_connection(&GROUPS) {
            Ok((connection, _handle, mut messages)) => {
                let task = tokio::spawn(connection);
                while messages.next().await.is_some() {
                    waker.wake_by(Source::Netlink, concern::NETWORK);
                }
                task.abort();
            }
            Err(error) => tracing::warn!(%error, "netlink events are not to be had"),
        }
        tokio::time::sleep(super::PAUSE).await;
        waker.wake_by(Source::Netlink, concern::NETWORK);
    }
}
