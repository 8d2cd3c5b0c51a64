//! Changes of the server's unit and of networkd's links, as D-Bus signals.

use std::sync::Arc;

use futures_util::StreamExt;
use zbus::OwnedObjectPath;
use zbus::message::Type;
use zbus::{MatchRule, MessageStream};

use crate::bus::{Bus, SYSTEMD};
use crate::core::Source;
use crate::core::reconcile::Waker;
use crate::guest::concern;

pub(super) async fn watch(waker: Arc<Waker>, bus: Arc<Bus>, unit: String) {
    loop {
        if let Err(error) = follow(&waker, &bus, &unit).await {
            tracing::debug!(%error, "no D-Bus signals for now");
        }
        tokio::time::sleep(super::PAUSE).await;
        waker.wake_by(Source::Bus, concern::OLLAMA);
        waker.wake_by(Source::Bus, concern::NETWORK);
    }
}

/// Follows signals until the connection ends.
async fn follow(
    waker: &Waker,
    bus: &Bus,
    unit: &str,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let connection = bus.connection().await?;
    // systemd sends signals only to those that have asked for them.
    bus.call::<_, ()>(SYSTEMD, "Subscribe", &()).await?;
    let path: OwnedObjectPath = bus.call(SYSTEMD, "LoadUnit", &(unit,)).await?;
    let properties =
        || MatchRule::builder().msg_type(Type::Signal).interface("org.freedesktop.DBus.Properties");
    let of_unit = properties().path(path.as_str().to_owned()).build()?;
    let of_links = properties().path_namespace("/org/freedesktop/network1").build()?;
    let mut unit_changes = MessageStream::for_match_rule(of_unit, &connection, None).await?;
    let mut link_changes = MessageStream::for_match_rule(of_links, &connection, None).await?;
    loop {
        tokio::select! {
            message = unit_changes.next() => match message {
                // A server that ends may have been refused its own files.
                Some(_) => {
                    waker.wake_by(Source::Bus, concern::OLLAMA);
                    waker.wake_by(Source::Bus, concern::STORAGE);
                }
                None => return Ok(()),
            },
            message = link_changes.next() => match message {
                Some(_) => waker.wake_by(Source::Bus, concern::NETWORK),
                None => return Ok(()),
            },
        }
    }
}
