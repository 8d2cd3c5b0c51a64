//! Where a model is put: on a GPU that the server found when it started, as much of it as there is
//! room for, else in memory.
//!
//! A server that started before the driver has found none, and looks for none again. A runner
//! whose GPU falls off the bus is ended by its next computation.

use std::io;
use std::time::Duration;

use saigak_lab_gpu::{State, client, directory};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// A driver that hangs keeps the recorded server silent for so long (67f), and then it starts
/// without a GPU.
const DISCOVERY: Duration = Duration::from_secs(30);

/// The GPUs that can be used now, by UUID.
pub(crate) async fn discover() -> Vec<String> {
    let (tell, found) = oneshot::channel();
    // A thread of its own: one that hangs in the kernel must not be waited for.
    std::thread::spawn(move || tell.send(usable().unwrap_or_default()));
    let gpus = timeout(DISCOVERY, found).await.ok().and_then(Result::ok).unwrap_or_default();
    tracing::info!(?gpus, "inference compute");
    gpus
}

fn usable() -> io::Result<Vec<String>> {
    let Some(state) = State::read()? else { return Ok(Vec::new()) };
    state.reach_driver()?;
    if state.connect(&state.library).is_some() {
        return Ok(Vec::new());
    }
    let usable = state.gpus.into_iter().filter(|gpu| gpu.trouble().is_none());
    Ok(usable.map(|gpu| gpu.uuid).collect())
}

/// Room on a GPU, held by this process.
#[derive(Debug)]
pub(super) struct Place {
    uuid: String,
    pub(super) bytes: u64,
    _memory: client::Held,
}

/// Takes room for a model on the first of these GPUs that can be used and has any; `None` where
/// none has.
pub(super) fn place(gpus: &[String], size: u64) -> io::Result<Option<Place>> {
    if gpus.is_empty() {
        return Ok(None);
    }
    let usable = usable()?;
    let directory = directory();
    for gpu in State::read()?.into_iter().flat_map(|state| state.gpus) {
        let bytes = size.min(gpu.memory - State::used(&gpu, &directory));
        if gpus.contains(&gpu.uuid) && usable.contains(&gpu.uuid) && bytes > 0 {
            let memory = client::take(&directory, &gpu.uuid, bytes)?;
            return Ok(Some(Place { uuid: gpu.uuid, bytes, _memory: memory }));
        }
    }
    Ok(None)
}

impl Place {
    /// Whether the GPU is gone. One that is not known any more is.
    pub(super) fn is_lost(&self) -> bool {
        let state = State::read().ok().flatten();
        let gpu = state.iter().flat_map(|state| &state.gpus).find(|gpu| gpu.uuid == self.uuid);
        gpu.is_none_or(|gpu| gpu.trouble().is_some())
    }
}
