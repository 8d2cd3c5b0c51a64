//! Who has memory on a GPU: a file for each process, named by its id and locked as long as it
//! lives. So what a killed process had is free at once, as with a driver.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::state::{Gpu, State};

/// The directory of those files, in the state's. Clients write there.
pub const DIRECTORY: &str = "clients";

/// A process that has memory on a GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub pid: u32,
    /// Which GPU, by its UUID.
    pub uuid: String,
    /// How much, in bytes.
    pub bytes: u64,
}

/// Memory on a GPU, held by this process.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    // Open for its lock alone.
    _lock: File,
}

/// Takes memory for this process.
///
/// # Errors
/// The file cannot be made.
pub fn take(directory: &Path, uuid: &str, bytes: u64) -> io::Result<Held> {
    let path = directory.join(DIRECTORY).join(std::process::id().to_string());
    let mut file = File::create(&path)?;
    file.lock()?;
    file.write_all(format!("{uuid} {bytes}").as_bytes())?;
    Ok(Held { path, _lock: file })
}

impl Drop for Held {
    fn drop(&mut self) {
        // One that is left behind is no longer locked, and does not count.
        let _ = fs::remove_file(&self.path);
    }
}

/// Everyone who has memory, by id.
#[must_use]
pub fn all(directory: &Path) -> Vec<Client> {
    let entries = fs::read_dir(directory.join(DIRECTORY)).into_iter().flatten().flatten();
    let mut clients: Vec<Client> = entries.filter_map(|entry| read(&entry.path())).collect();
    clients.sort_by_key(|client| client.pid);
    clients
}

fn read(path: &Path) -> Option<Client> {
    let pid = path.file_name()?.to_str()?.parse().ok()?;
    let mut file = File::open(path).ok()?;
    // Whoever gets the lock has found a process that is gone.
    if file.try_lock_shared().is_ok() {
        return None;
    }
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let (uuid, bytes) = text.split_once(' ')?;
    Some(Client { pid, uuid: uuid.to_owned(), bytes: bytes.parse().ok()? })
}

impl State {
    /// The clients of a GPU.
    #[must_use]
    pub fn clients_of(gpu: &Gpu, directory: &Path) -> Vec<Client> {
        let mut clients = all(directory);
        clients.retain(|client| client.uuid == gpu.uuid);
        clients
    }

    /// Bytes of a GPU's memory that are used.
    #[must_use]
    pub fn used(gpu: &Gpu, directory: &Path) -> u64 {
        let known: u64 = Self::clients_of(gpu, directory).iter().map(|client| client.bytes).sum();
        known.saturating_add(gpu.foreign).min(gpu.memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_counts_as_long_as_its_process_holds_it() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join(DIRECTORY)).unwrap();
        let gpu = Gpu::geforce(0);
        let held = take(directory.path(), &gpu.uuid, 7 << 30).unwrap();
        let clients = State::clients_of(&gpu, directory.path());
        assert_eq!(clients.len(), 1);
        assert_eq!((clients[0].pid, clients[0].bytes), (std::process::id(), 7 << 30));
        assert_eq!(State::used(&gpu, directory.path()), 7 << 30);
        assert_eq!(State::used(&Gpu::geforce(1), directory.path()), 0);
        // What a killed process leaves behind.
        fs::write(directory.path().join(DIRECTORY).join("1"), format!("{} 9", gpu.uuid)).unwrap();
        assert_eq!(State::used(&gpu, directory.path()), 7 << 30);
        drop(held);
        assert_eq!(State::used(&gpu, directory.path()), 0);
    }
}
