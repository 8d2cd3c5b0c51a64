//! The ledger on the root disk: whole after a power cut, the old or the new one, and written on a
//! full disk as well.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::core::Ledger;
use crate::kept_file;

/// More than a full ledger takes (64 repairs and an hour of entries).
const SIZE_LIMIT: u64 = 1 << 20;

/// The file.
#[derive(Debug, Clone)]
pub struct LedgerFile {
    path: PathBuf,
    turn: Arc<Mutex<()>>,
    read_only: bool,
}

impl LedgerFile {
    /// The file `ledger.json` in `directory`.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self { path: directory.join("ledger.json"), turn: Arc::default(), read_only: false }
    }

    /// The path of the file `name` beside it.
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        self.path.with_file_name(name)
    }

    /// The same file, which is never written: for an engine that only looks.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// Whether it is never written.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Reads it. A missing file is a fresh ledger; one that cannot be read is a closed one,
    /// and why.
    #[must_use]
    pub fn load(&self, boot_id: &str, uptime: Duration) -> (Ledger, Option<String>) {
        let future = || format!("{}: tells of what has not been yet", self.path.display());
        match self.read() {
            Ok(Some(ledger)) if ledger.is_from_the_future(boot_id, uptime) => {
                (Ledger::closed(boot_id, uptime), Some(future()))
            }
            Ok(ledger) => {
                let mut ledger = ledger.unwrap_or_else(Ledger::fresh);
                ledger.carry_over(boot_id, uptime);
                (ledger, None)
            }
            Err(error) => (Ledger::closed(boot_id, uptime), Some(error)),
        }
    }

    fn read(&self) -> Result<Option<Ledger>, String> {
        let name = self.path.display();
        let size = match fs::metadata(&self.path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{name}: {error}")),
        };
        if size > SIZE_LIMIT {
            return Err(format!("{name}: {size} bytes are more than {SIZE_LIMIT}"));
        }
        let bytes = fs::read(&self.path).map_err(|error| format!("{name}: {error}"))?;
        let ledger: Ledger =
            serde_json::from_slice(&bytes).map_err(|error| format!("{name}: {error}"))?;
        if ledger.version != 1 {
            return Err(format!("{name}: version {} is not 1", ledger.version));
        }
        Ok(Some(ledger))
    }

    /// Writes it, beside the loop. Calls take effect in their order.
    ///
    /// # Errors
    /// Where it cannot be written; what was there before is there still.
    pub async fn save(&self, ledger: Ledger) -> Result<(), String> {
        if self.read_only {
            return Ok(());
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || {
            let text = serde_json::to_vec(&ledger).map_err(io::Error::from);
            let outcome = text.and_then(|text| kept_file::write(&path, &text));
            drop(turn);
            outcome.map_err(|error| format!("{}: {error}", path.display()))
        });
        written.await.map_err(|error| error.to_string())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("saigak-{}-{name}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    #[tokio::test]
    async fn what_was_saved_is_loaded() {
        let directory = directory("ledger");
        let file = LedgerFile::in_directory(&directory);
        assert_eq!(file.load("b", Duration::ZERO), (Ledger::fresh(), None));
        let mut ledger = Ledger::fresh();
        ledger.reserve("network/Reconfigure", "b", Duration::from_secs(3));
        file.save(ledger.clone()).await.unwrap();
        assert_eq!(file.load("b", Duration::from_secs(3)), (ledger, None));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_torn_empty_or_future_file_closes_the_budget_and_says_so() {
        let directory = directory("torn");
        let file = LedgerFile::in_directory(&directory);
        for text in ["", "{\"version\":1,\"ent", "{\"version\":2,\"entries\":[],\"repairs\":[]}"] {
            fs::write(&file.path, text).unwrap();
            let (ledger, error) = file.load("b", Duration::from_secs(9));
            assert_eq!(ledger, Ledger::closed("b", Duration::from_secs(9)), "{text:?}");
            assert!(error.unwrap().contains("ledger.json"));
        }
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_repair_that_is_still_to_come_closes_the_budget() {
        let directory = directory("future");
        let file = LedgerFile::in_directory(&directory);
        let text = "{\"version\":1,\"entries\":[{\"remedy\":\"network/Reconfigure\",\
            \"bootId\":\"b\",\"uptimeMs\":18446744073709551615}],\"repairs\":[],\
            \"closedUntil\":null}";
        fs::write(&file.path, text).unwrap();
        let (ledger, error) = file.load("b", Duration::from_secs(9));
        assert_eq!(ledger, Ledger::closed("b", Duration::from_secs(9)));
        assert!(error.unwrap().contains("has not been yet"));
        assert_eq!(file.load("another boot", Duration::from_secs(9)).1, None);
        fs::remove_dir_all(directory).unwrap();
    }

    #[tokio::test]
    async fn a_directory_in_its_place_makes_way_and_is_kept() {
        let directory = directory("in-place");
        let file = LedgerFile::in_directory(&directory);
        fs::create_dir(&file.path).unwrap();
        fs::write(file.path.join("kept"), "").unwrap();
        let (ledger, error) = file.load("b", Duration::ZERO);
        assert!(error.is_some());
        for _ in 0..2 {
            file.save(ledger.clone()).await.unwrap();
        }
        assert_eq!(file.load("b", Duration::ZERO), (ledger, None));
        let mut names: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert!(names.len() == 3 && names[0].starts_with("ledger.directory-"), "{names:?}");
        assert!(directory.join(&names[0]).join("kept").exists());
        fs::remove_dir_all(directory).unwrap();
    }
}
