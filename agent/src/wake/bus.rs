//! Changes of the server's unit and of networkd's links, as D-Bus signals, and of who is on the
//! bus at all.

use std::sync::Arc;

use futures_util::StreamExt;
use tokio::time;
use zbus::message::Type;
use zbus::{MatchRule, MessageStream, OwnedObjectPath};

use crate::bus::{Bus, BusError, DEADLINE, SYSTEMD, asked_already};
use crate::core::Source;
use crate::core::reconcile::Waker;
use crate::guest::concern;
use crate::network::MANAGER as NETWORKD;

type Error = Box<dyn std::error::Error + Send + Sync>;

pub(super) async fn watch(waker: Arc<Waker>, bus: Arc<Bus>, unit: String) {
    loop {
        if let Err(error) = follow(&waker, &bus, &unit).await {
            tracing::debug!(%error, "no D-Bus signals for now");
        }
        // What was known from the bus is not known any more.
        wake_all(&waker);
        time::sleep(super::PAUSE).await;
    }
}

fn wake_all(waker: &Waker) {
    waker.wake_by(Source::Bus, concern::OLLAMA);
    waker.wake_by(Source::Bus, concern::NETWORK);
}

/// Follows signals until the connection ends, or systemd comes to the bus anew.
async fn follow(waker: &Waker, bus: &Bus, unit: &str) -> Result<(), Error> {
    let connection = bus.connection().await?;
    // Anybody may send signals, but only as themselves.
    let properties_of = |service: &'static str| {
        let rule = MatchRule::builder().msg_type(Type::Signal).sender(service);
        rule.interface("org.freedesktop.DBus.Properties")
    };
    let owner_of = |service: &'static str| {
        let rule = MatchRule::builder().msg_type(Type::Signal).sender("org.freedesktop.DBus");
        rule.interface("org.freedesktop.DBus").member("NameOwnerChanged").arg(0, service).build()
    };
    let stream = async |rule| {
        let stream = MessageStream::for_match_rule(rule, &connection, None);
        // Nobody else puts an end to it.
        let silent = || format!("no answer to a subscription within {} s", DEADLINE.as_secs());
        Ok::<_, Error>(time::timeout(DEADLINE, stream).await.map_err(|_| silent())??)
    };
    let mut systemd = stream(owner_of(SYSTEMD.service)?).await?;
    let mut networkd = stream(owner_of(NETWORKD.service)?).await?;
    // systemd sends signals only to those that have asked for them.
    match bus.call(SYSTEMD, "Subscribe", &()).await {
        Err(BusError::Call { source, .. }) if asked_already(&source) => {}
        answer => answer?,
    }
    let path: OwnedObjectPath = bus.call(SYSTEMD, "LoadUnit", &(unit,)).await?;
    // A call that has timed out leaves a new connection behind; systemd would send its signals
    // only as long as that one lasts.
    if bus.connection().await?.unique_name() != connection.unique_name() {
        return Err("the connection was replaced".into());
    }
    let of_unit = properties_of(SYSTEMD.service).path(path.as_str().to_owned()).build()?;
    let mut units = stream(of_unit).await?;
    let of_links = properties_of(NETWORKD.service).path_namespace(NETWORKD.path).build()?;
    let mut links = stream(of_links).await?;
    // Until now nobody told what has happened.
    wake_all(waker);
    loop {
        tokio::select! {
            message = units.next() => match message {
                // A server that ends may have been refused its own files.
                Some(Ok(_)) => {
                    waker.wake_by(Source::Bus, concern::OLLAMA);
                    waker.wake_by(Source::Bus, concern::STORAGE);
                }
                Some(Err(_)) | None => return Ok(()),
            },
            message = links.next() => match message {
                Some(Ok(_)) => waker.wake_by(Source::Bus, concern::NETWORK),
                Some(Err(_)) | None => return Ok(()),
            },
            message = networkd.next() => match message {
                Some(Ok(_)) => waker.wake_by(Source::Bus, concern::NETWORK),
                Some(Err(_)) | None => return Ok(()),
            },
            // It has forgotten who asked for signals.
            _ = systemd.next() => return Ok(()),
        }
    }
}
