//! systemd's manager over D-Bus: jobs on one unit, waited for.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::timeout;
use zbus::OwnedObjectPath;

use super::Reply;
use crate::bus::asked_already;

/// A unit may take `DefaultTimeoutStartSec=` (90 s) to stop and as much to start.
const JOB_DEADLINE: Duration = Duration::from_secs(200);

/// How a job meets jobs that others have queued: it gives way. A person who stops the unit, or
/// a shutdown, is never overruled.
const MODE: &str = "fail";

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait SystemdManager {
    fn subscribe(&self) -> zbus::Result<()>;
    fn reload(&self) -> zbus::Result<()>;
    fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn reset_failed_unit(&self, name: &str) -> zbus::Result<()>;
    #[zbus(signal)]
    fn job_removed(
        &self,
        id: u32,
        job: OwnedObjectPath,
        unit: String,
        result: String,
    ) -> zbus::Result<()>;
}

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Unit",
    default_service = "org.freedesktop.systemd1"
)]
trait SystemdUnit {
    #[zbus(property)]
    fn load_state(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn active_state(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn unit_file_state(&self) -> zbus::Result<String>;
}

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Service",
    default_service = "org.freedesktop.systemd1"
)]
trait SystemdService {
    #[zbus(property)]
    fn result(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn control_group(&self) -> zbus::Result<String>;
}

/// What a unit is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    Start,
    Restart,
}

/// One unit, as systemd's manager knows it.
pub(super) struct Unit<'a> {
    manager: SystemdManagerProxy<'static>,
    name: &'a str,
}

impl<'a> Unit<'a> {
    /// Connects to the system bus.
    pub(super) async fn connect(name: &'a str) -> Result<Self, Reply> {
        let manager = async {
            let connection = zbus::Connection::system().await?;
            SystemdManagerProxy::new(&connection).await
        };
        let manager =
            manager.await.map_err(|e| Reply::failed(format!("cannot reach systemd: {e}")))?;
        Ok(Self { manager, name })
    }

    /// Refuses a unit that cannot be started at all.
    pub(super) async fn must_be_loaded(&self) -> Result<(), Reply> {
        match self.unit().await?.load_state().await.map_err(|e| self.refused_or_failed(&e))? {
            state if state == "loaded" => Ok(()),
            state => Err(Reply::refused(format!("{} is {state}", self.name))),
        }
    }

    /// Refuses a unit that nobody runs and nobody wants to be run.
    pub(super) async fn must_be_in_use(&self) -> Result<(), Reply> {
        let unit = self.unit().await?;
        let states = async { Ok((unit.active_state().await?, unit.unit_file_state().await?)) };
        let (active, file): (String, String) =
            states.await.map_err(|e: zbus::Error| self.refused_or_failed(&e))?;
        if is_out_of_use(&active, &file) {
            return Err(Reply::refused(format!("{} is {active} and {file}", self.name)));
        }
        Ok(())
    }

    /// Whether it runs, and is not on its way to somewhere else.
    pub(super) async fn is_active(&self) -> Result<bool, Reply> {
        let state =
            self.unit().await?.active_state().await.map_err(|e| self.refused_or_failed(&e))?;
        Ok(state == "active")
    }

    /// Its control group, as a path below the root of all groups; empty while it has none.
    pub(super) async fn control_group(&self) -> Result<String, Reply> {
        let group = async { self.service().await?.control_group().await };
        group.await.map_err(|e| self.refused_or_failed(&e))
    }

    /// Has systemd forget the unit's failure and its starts.
    pub(super) async fn reset_failed(&self) -> Result<(), Reply> {
        match self.manager.reset_failed_unit(self.name).await {
            // A unit that is not in memory has nothing to be forgotten; starting loads it.
            Err(zbus::Error::MethodError(name, ..)) if name.as_str() == NO_SUCH_UNIT => Ok(()),
            result => result.map_err(|e| self.refused_or_failed(&e)),
        }
    }

    /// Has systemd read all unit files again.
    pub(super) async fn reload_manager(&self) -> Result<(), Reply> {
        let what = "systemd does not reload its units";
        self.manager.reload().await.map_err(|e| refused_or_failed(what, &e))
    }

    /// Has the unit started or restarted, and waits for the end of that job.
    pub(super) async fn run(&self, job: Job) -> Result<(), Reply> {
        match timeout(JOB_DEADLINE, self.job_result(job)).await {
            Ok(Ok(result)) if result == "done" => Ok(()),
            Ok(Ok(result)) => Err(self.explain(&result).await),
            Ok(Err(e)) => Err(self.refused_or_failed(&e)),
            Err(_) => {
                let seconds = JOB_DEADLINE.as_secs();
                Err(Reply::failed(format!("{}: still not done after {seconds} s", self.name)))
            }
        }
    }

    async fn job_result(&self, job: Job) -> zbus::Result<String> {
        // The match is in place before the job is, so its end cannot be missed.
        let mut ends = self.manager.receive_job_removed().await?;
        match self.manager.subscribe().await {
            Err(error) if asked_already(&error) => {}
            answer => answer?,
        }
        let path = match job {
            Job::Start => self.manager.start_unit(self.name, MODE).await?,
            Job::Restart => self.manager.restart_unit(self.name, MODE).await?,
        };
        while let Some(end) = ends.next().await {
            let end = end.args()?;
            if end.job == path {
                return Ok(end.result);
            }
        }
        Err(zbus::Error::Failure("the bus closed the connection".into()))
    }

    async fn unit(&self) -> Result<SystemdUnitProxy<'static>, Reply> {
        let unit = async {
            let path = self.manager.load_unit(self.name).await?;
            SystemdUnitProxy::builder(self.manager.inner().connection()).path(path).build().await
        };
        unit.await.map_err(|e| self.refused_or_failed(&e))
    }

    async fn service(&self) -> zbus::Result<SystemdServiceProxy<'static>> {
        let path = self.manager.load_unit(self.name).await?;
        let connection = self.manager.inner().connection();
        SystemdServiceProxy::builder(connection).path(path).build().await
    }

    /// A job that ended badly: with the reason that the unit remembers.
    async fn explain(&self, result: &str) -> Reply {
        let reason = async { self.service().await?.result().await };
        let reason = match reason.await {
            Ok(reason) if reason != "success" => format!(" ({reason})"),
            _ => String::new(),
        };
        Reply::failed(format!("{}: the job ended as {result}{reason}", self.name))
    }

    fn refused_or_failed(&self, error: &zbus::Error) -> Reply {
        refused_or_failed(self.name, error)
    }
}

fn refused_or_failed(what: &str, error: &zbus::Error) -> Reply {
    let message = format!("{what}: {error}");
    match error {
        zbus::Error::MethodError(name, ..) if REFUSALS.contains(&name.as_str()) => {
            Reply::refused(message)
        }
        _ => Reply::failed(message),
    }
}

/// By its `ActiveState` and its `UnitFileState`. A unit that a generator wants, as netplan's
/// does, is `enabled-runtime`; one that has run and failed was wanted by somebody.
pub(crate) fn is_out_of_use(active: &str, file: &str) -> bool {
    active == "inactive" && file == "disabled"
}

const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";

/// Answers by which systemd says that this cannot be, or not now.
const REFUSALS: [&str; 5] = [
    // Below 16 MiB in /run it reads no unit files again.
    "org.freedesktop.systemd1.DiskFull",
    NO_SUCH_UNIT,
    "org.freedesktop.systemd1.UnitMasked",
    "org.freedesktop.systemd1.TransactionIsDestructive",
    "org.freedesktop.systemd1.ShuttingDown",
];

#[cfg(test)]
mod tests {
    use super::is_out_of_use;

    #[test]
    fn a_unit_that_is_stopped_and_disabled_is_out_of_use() {
        for (active, file, expected) in [
            ("inactive", "disabled", true),
            ("inactive", "enabled", false),
            ("inactive", "enabled-runtime", false),
            ("inactive", "static", false),
            ("failed", "disabled", false),
            ("active", "disabled", false),
        ] {
            assert_eq!(is_out_of_use(active, file), expected, "{active} {file}");
        }
    }
}
