//! `ollama-start`, `ollama-reset`, `ollama-restart`, `ollama-bind`: the server by its unit, so
//! that its runner goes with it, and never without its disk.

use std::path::Path;

use super::manager::{Job, Unit};
use super::{Reply, file};
use crate::config::{Config, Ollama};
use crate::probe::tree::Disk;

/// Runtime units and drop-ins: gone with the next boot.
const RUNTIME_UNITS: &str = "/run/systemd/system";

/// The name sorts after what people and packages call theirs: the last drop-in wins.
const BIND: &str = "zz-saigak-bind.conf";

pub(super) async fn start(config: &Config) -> Reply {
    let start = async {
        let unit = stopped(config).await?;
        unit.run(Job::Start).await
    };
    said(start.await, || format!("started {}", config.ollama.unit))
}

pub(super) async fn reset(config: &Config) -> Reply {
    let reset = async {
        let unit = stopped(config).await?;
        unit.reset_failed().await?;
        unit.run(Job::Start).await
    };
    said(reset.await, || format!("started {}, its failures forgotten", config.ollama.unit))
}

pub(super) async fn restart(config: &Config) -> Reply {
    let restart = async {
        let unit = startable(config).await?;
        unit.run(Job::Restart).await
    };
    said(restart.await, || format!("restarted {}", config.ollama.unit))
}

pub(super) async fn bind(config: &Config) -> Reply {
    let Ollama { unit: name, port } = &config.ollama;
    let path = Path::new(RUNTIME_UNITS).join(format!("{name}.d")).join(BIND);
    let text = format!(
        "# Written by saigak-agent: the server answered on loopback only.\n\
         [Service]\nEnvironment=OLLAMA_HOST=0.0.0.0:{port}\n"
    );
    let bind = async {
        let unit = startable(config).await?;
        file::put(&path, &text).map_err(|e| Reply::failed(e.to_string()))?;
        // Even if the file was there: whoever wrote it may have been killed before this.
        unit.reload_manager().await?;
        unit.run(Job::Restart).await
    };
    said(bind.await, || format!("wrote {} and restarted {name}", path.display()))
}

/// The server's unit, if it can be started and its disk is there.
async fn startable(config: &Config) -> Result<Unit<'_>, Reply> {
    // A server that starts without its disk makes an empty store in its place.
    let path = config.storage.path.display();
    match Disk::open(&config.storage.path) {
        Ok(Some(_)) => {}
        Ok(None) => return Err(Reply::refused(format!("nothing is mounted at {path}"))),
        Err(e) => return Err(Reply::failed(format!("cannot read {path}: {e}"))),
    }
    let unit = Unit::connect(&config.ollama.unit).await?;
    unit.must_be_loaded().await?;
    Ok(unit)
}

/// The same, if it does not run yet.
async fn stopped(config: &Config) -> Result<Unit<'_>, Reply> {
    let unit = startable(config).await?;
    if unit.is_active().await? {
        return Err(Reply::unneeded(format!("{} runs already", config.ollama.unit)));
    }
    Ok(unit)
}

fn said(result: Result<(), Reply>, done: impl FnOnce() -> String) -> Reply {
    result.map_or_else(|reply| reply, |()| Reply::done(done()))
}
