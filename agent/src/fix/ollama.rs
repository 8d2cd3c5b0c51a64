//! `ollama-start`, `ollama-reset`, `ollama-restart`, `ollama-bind`: the server by its unit, so
//! that its runner goes with it, and never without its disk.

use std::path::Path;

use super::manager::{Job, Unit};
use super::{Reply, file};
use crate::config::{Ollama, Storage};
use crate::probe::tree::Disk;

/// Runtime units and drop-ins: gone with the next boot.
const RUNTIME_UNITS: &str = "/run/systemd/system";

/// The name sorts after what people and packages call theirs: the last drop-in wins.
const BIND: &str = "zz-saigak-bind.conf";

/// A server that starts without its disk makes an empty store in its place.
pub(super) fn disk_is_there(storage: &Storage) -> Result<(), Reply> {
    let path = storage.path.display();
    match Disk::open(&storage.path) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Reply::refused(format!("nothing is mounted at {path}"))),
        Err(e) => Err(Reply::failed(format!("cannot read {path}: {e}"))),
    }
}

pub(super) async fn start(ollama: &Ollama) -> Reply {
    let start = async {
        let unit = Unit::connect(&ollama.unit).await?;
        unit.must_be_loaded().await?;
        if unit.is_active().await? {
            return Err(Reply::unneeded(format!("{} runs already", ollama.unit)));
        }
        unit.run(Job::Start).await
    };
    said(start.await, || format!("started {}", ollama.unit))
}

pub(super) async fn reset(ollama: &Ollama) -> Reply {
    let reset = async {
        let unit = Unit::connect(&ollama.unit).await?;
        unit.must_be_loaded().await?;
        if unit.is_active().await? {
            return Err(Reply::unneeded(format!("{} runs already", ollama.unit)));
        }
        unit.reset_failed().await?;
        unit.run(Job::Start).await
    };
    said(reset.await, || format!("started {}, its failures forgotten", ollama.unit))
}

pub(super) async fn restart(ollama: &Ollama) -> Reply {
    let restart = async {
        let unit = Unit::connect(&ollama.unit).await?;
        unit.must_be_loaded().await?;
        unit.run(Job::Restart).await
    };
    said(restart.await, || format!("restarted {}", ollama.unit))
}

pub(super) async fn bind(ollama: &Ollama) -> Reply {
    let path = Path::new(RUNTIME_UNITS).join(format!("{}.d", ollama.unit)).join(BIND);
    let text = format!(
        "# Written by saigak-agent: the server answered on loopback only.\n\
         [Service]\nEnvironment=OLLAMA_HOST=0.0.0.0:{}\n",
        ollama.port
    );
    let bind = async {
        let unit = Unit::connect(&ollama.unit).await?;
        unit.must_be_loaded().await?;
        file::put(&path, &text).map_err(|e| Reply::failed(e.to_string()))?;
        // Even if the file was there: whoever wrote it may have been killed before this.
        unit.reload_manager().await?;
        unit.run(Job::Restart).await
    };
    said(bind.await, || format!("wrote {} and restarted {}", path.display(), ollama.unit))
}

fn said(result: Result<(), Reply>, done: impl FnOnce() -> String) -> Reply {
    match result {
        Ok(()) => Reply::done(done()),
        Err(reply) => reply,
    }
}
