//! `ollama-start`, `ollama-reset`, `ollama-restart`, `ollama-bind`, `ollama-models`: the server
//! by its unit, so that its runner goes with it, and never without its disk.

use std::path::Path;

use super::manager::{Job, Unit};
use super::{Reply, file};
use crate::config::{Config, Ollama};
use crate::probe::tree::Disk;

/// Runtime units and drop-ins: gone with the next boot.
const RUNTIME_UNITS: &str = "/run/systemd/system";

// The names sort after what people and packages call theirs: the last drop-in wins.
const BIND: &str = "zz-saigak-bind.conf";
const MODELS: &str = "zz-saigak-models.conf";

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
    let host = format!("OLLAMA_HOST=0.0.0.0:{}", config.ollama.port);
    configure(config, BIND, "the server answered on loopback only", &host).await
}

pub(super) async fn models(config: &Config) -> Reply {
    // systemd has its own marks in a value: a specifier, and quotes around white space.
    let path = config.storage.path.display().to_string().replace('%', "%%");
    if path.contains(|c: char| c.is_control() || matches!(c, '"' | '\\')) {
        return Reply::refused(format!("{path:?} cannot stand in a unit file"));
    }
    let models = format!("\"OLLAMA_MODELS={path}\"");
    configure(config, MODELS, "the server kept its models elsewhere", &models).await
}

/// Writes a runtime drop-in of that name with one assignment, and restarts the server.
async fn configure(config: &Config, name: &str, why: &str, assignment: &str) -> Reply {
    let Ollama { unit: server, .. } = &config.ollama;
    let path = Path::new(RUNTIME_UNITS).join(format!("{server}.d")).join(name);
    let text = format!("# Written by saigak-agent: {why}.\n[Service]\nEnvironment={assignment}\n");
    let configured = async {
        let unit = startable(config).await?;
        file::put(&path, &text)?;
        // Even if the file was there: whoever wrote it may have been killed before this.
        unit.reload_manager().await?;
        unit.run(Job::Restart).await
    };
    said(configured.await, || format!("wrote {} and restarted {server}", path.display()))
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
