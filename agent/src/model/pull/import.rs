//! A model from files: found, offered to the server by a registry on loopback, and pulled.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::spawn_blocking;
use tokio::time::{self, Instant};

use super::failure::Failure;
use super::found::{self, Found};
use super::progress::{Line, Progress};
use super::registry::Registry;
use super::withdraw::withdraw;
use super::{Job, REPORT_EVERY, not_declared, stalled};
use crate::model::{ask, names};

impl Job {
    /// Brings the model that is at `path` to the server.
    pub(super) async fn import(&mut self, path: &Path) -> Result<(), Failure> {
        let told = path.display().to_string();
        let model = self.model.source.clone();
        let found = self.find(path, &told).await?;
        if let Some(declared) = &self.model.weights
            && *declared != found.weights
        {
            return Err(not_declared(Some(&found.weights), declared));
        }
        let reads = Arc::clone(&self.pull.reads.0);
        let registry = Registry::serve(found, reads)
            .await
            .map_err(|error| format!("no registry on loopback: {error}"))?;
        let offered = names::offered(&model, registry.address)
            .ok_or_else(|| format!("{model} is no name of a model"))?;
        self.pull(&offered, true, &told).await?;
        self.api.copy(&offered, &model, ask::DEADLINE).await?;
        // The model is there, whatever comes of that: it is tried again at the next look.
        let _ = withdraw(&self.api, &model).await;
        Ok(())
    }

    async fn find(&mut self, path: &Path, told: &str) -> Result<Found, Failure> {
        let stall = self.model.pull_stall;
        let counted = Arc::new(found::Read::default());
        let (owned, model) = (path.to_owned(), self.model.source.clone());
        let (reads, follows) = (Arc::clone(&self.pull.reads.0), Arc::clone(&counted));
        let find = async move {
            let permit = reads.acquire_owned().await.map_err(|error| error.to_string())?;
            let find = spawn_blocking(move || {
                let found = found::find(&owned, &model, &follows);
                drop(permit);
                found
            });
            find.await.map_err(|error| error.to_string())?
        };
        tokio::pin!(find);
        let mut progress = Progress::new(Instant::now());
        loop {
            let line = Line {
                status: format!("reading {told}"),
                digest: told.into(),
                total: counted.total.load(Ordering::Relaxed),
                completed: counted.done.load(Ordering::Relaxed),
                ..Line::default()
            };
            progress.take(&line, Instant::now());
            self.tell(&progress, told);
            if progress.moved.elapsed() >= stall {
                return Err(stalled(stall));
            }
            tokio::select! {
                biased;
                found = &mut find => return found.map_err(Into::into),
                () = time::sleep(REPORT_EVERY) => {}
            }
        }
    }
}
