//! The system bus. One connection, made when it is first needed and anew when it broke.
//!
//! Asking must not act: a call to a stopped service would start it, so every call carries
//! the no-auto-start flag, and has a deadline.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time;
use zbus::Connection;
use zbus::names::OwnedUniqueName;
use zbus::proxy::{Builder, CacheProperties, MethodFlags, Proxy};
use zbus::wire::DynamicDeserialize;
use zbus::{DynamicType, OwnedVariant};

/// How long one question may take. The services asked answer within milliseconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(3);

/// How long a service may take to do something. To be let in, it may have to wait until polkit is
/// started, on a guest that boots; libdbus waits for 25 s.
const DONE_WITHIN: Duration = Duration::from_secs(20);

/// An object on the bus.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    /// Well-known name of the service.
    pub service: &'a str,
    /// Object path.
    pub path: &'a str,
    /// Interface.
    pub interface: &'a str,
}

/// systemd's manager.
pub const SYSTEMD: Object<'static> = Object {
    service: "org.freedesktop.systemd1",
    path: "/org/freedesktop/systemd1",
    interface: "org.freedesktop.systemd1.Manager",
};

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// Nobody owns the service's name: it does not run.
    #[error("{0} is not running")]
    NotRunning(String),
    /// No answer within the deadline.
    #[error("{service}: no answer to {member} within {} s", after.as_secs())]
    TimedOut {
        /// The service asked.
        service: String,
        /// The method or property asked for.
        member: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The bus or the service refused.
    #[error("{service}: {member}: {source}")]
    Call {
        /// The service asked.
        service: String,
        /// The method or property asked for.
        member: String,
        /// What was said.
        source: zbus::Error,
    },
}

/// The system bus.
#[derive(Debug, Default)]
pub struct Bus {
    connection: Mutex<Option<Connection>>,
}

impl Bus {
    /// The connection, made anew if it is closed.
    pub async fn connection(&self) -> zbus::Result<Connection> {
        let mut held = self.connection.lock().await;
        if let Some(connection) = held.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(connection.clone());
        }
        // A daemon that hangs lets clients connect, and never greets them.
        let greeted = time::timeout(DEADLINE, Connection::system()).await;
        let silent = || format!("the system bus is silent for {} s", DEADLINE.as_secs());
        let connection = greeted.map_err(|_| zbus::Error::Failure(silent()))??;
        *held = Some(connection.clone());
        Ok(connection)
    }

    /// Asks `member` of `object`.
    pub async fn call<B, R>(
        &self,
        object: Object<'_>,
        member: &str,
        body: &B,
    ) -> Result<R, BusError>
    where
        B: Serialize + DynamicType + Sync,
        R: for<'d> DynamicDeserialize<'d>,
    {
        self.call_within(DEADLINE, object, member, body).await
    }

    /// Has `member` of `object` do something, and waits until it is done.
    pub async fn act<B>(&self, object: Object<'_>, member: &str, body: &B) -> Result<(), BusError>
    where
        B: Serialize + DynamicType + Sync,
    {
        self.call_within(DONE_WITHIN, object, member, body).await
    }

    async fn call_within<B, R>(
        &self,
        after: Duration,
        object: Object<'_>,
        member: &str,
        body: &B,
    ) -> Result<R, BusError>
    where
        B: Serialize + DynamicType + Sync,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let service = || object.service.to_owned();
        let mut used = None;
        let answer = async {
            let proxy = self.proxy(object).await?;
            used = proxy.connection().unique_name().cloned();
            proxy
                .call_with_flags::<_, _, R>(member, MethodFlags::NO_AUTO_START, body)
                .await?
                .ok_or(zbus::Error::InvalidReply)
        };
        let answer = time::timeout(after, answer).await;
        match answer {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) if is_not_running(&error) => Err(BusError::NotRunning(service())),
            Ok(Err(source)) => {
                Err(BusError::Call { service: service(), member: member.into(), source })
            }
            Err(_) => {
                self.leave(used.as_ref());
                Err(BusError::TimedOut { service: service(), member: member.into(), after })
            }
        }
    }

    /// Has the next call make a connection anew instead of the one of that name: it may be the
    /// connection that is stuck. Calls under way on it go on.
    fn leave(&self, used: Option<&OwnedUniqueName>) {
        // Whoever holds the lock now is about to have one made, or will time out as well.
        let Ok(mut held) = self.connection.try_lock() else { return };
        if used.is_some() && held.as_ref().and_then(Connection::unique_name) == used {
            *held = None;
        }
    }

    /// Reads one property of `object`.
    pub async fn property<T>(&self, object: Object<'_>, name: &str) -> Result<T, BusError>
    where
        T: TryFrom<OwnedVariant>,
        T::Error: Into<zbus::Error>,
    {
        let properties = Object { interface: "org.freedesktop.DBus.Properties", ..object };
        let value: OwnedVariant = self.call(properties, "Get", &(object.interface, name)).await?;
        T::try_from(value).map_err(|error| BusError::Call {
            service: object.service.into(),
            member: name.into(),
            source: error.into(),
        })
    }

    async fn proxy(&self, object: Object<'_>) -> zbus::Result<Proxy<'static>> {
        let connection = self.connection().await?;
        Builder::<Proxy<'static>>::new(&connection)
            .destination(object.service.to_owned())
            .path(object.path.to_owned())
            .interface(object.interface.to_owned())
            .cache_properties(CacheProperties::No)
            .build()
            .await
    }
}

/// Whether `error` is systemd's answer to a client that asks for its signals once more. systemd
/// remembers who has asked by bus names, and a bus that is started anew gives those names to
/// others: it may say so to one that has never asked.
#[must_use]
pub fn asked_already(error: &zbus::Error) -> bool {
    const NAME: &str = "org.freedesktop.systemd1.AlreadySubscribed";
    matches!(error, zbus::Error::MethodError(name, ..) if name.as_str() == NAME)
}

fn is_not_running(error: &zbus::Error) -> bool {
    const NAMES: [&str; 3] = [
        "org.freedesktop.DBus.Error.ServiceUnknown",
        "org.freedesktop.DBus.Error.NameHasNoOwner",
        "org.freedesktop.DBus.Error.NoServer",
    ];
    match error {
        zbus::Error::MethodError(name, _, _) => NAMES.contains(&name.as_str()),
        zbus::Error::FDO(fdo) => matches!(
            **fdo,
            zbus::fdo::Error::ServiceUnknown(_) | zbus::fdo::Error::NameHasNoOwner(_)
        ),
        _ => false,
    }
}
