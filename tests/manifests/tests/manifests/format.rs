//! The script that makes the data disk's filesystem, run on files in place of disks.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::objects::list;
use crate::repository::Repository;

const DISK_BYTES: usize = 8 << 20;
/// Where an ext4 superblock has its magic number, little-endian.
const EXT4_MAGIC: (usize, [u8; 2]) = (0x438, [0x53, 0xef]);

/// A folder with the script in it; `None`, said aloud, where a program is missing.
struct Bench(TempDir);

impl Bench {
    fn set_up() -> Option<Self> {
        for program in ["wipefs", "mkfs.ext4", "cmp"] {
            if !["/usr/sbin", "/usr/bin"].iter().any(|at| Path::new(at).join(program).exists()) {
                eprintln!("skipped: no {program} here");
                return None;
            }
        }
        let text = Repository::copy().read("cloud-init/user-data");
        let config: Value = serde_saphyr::from_str(&text).unwrap();
        let path = "/usr/local/sbin/saigak-data-format";
        let script = list(&config["write_files"]).iter().find(|f| f["path"] == path).unwrap();
        let bench = Self(TempDir::new().unwrap());
        let content = script["content"].as_str().unwrap();
        std::fs::write(bench.0.path().join("script"), content).unwrap();
        Some(bench)
    }

    /// Whether the script succeeded, and the disk after it.
    fn run(&self, disk: &[u8]) -> (bool, Vec<u8>) {
        let path = self.0.path().join("disk");
        std::fs::write(&path, disk).unwrap();
        (self.run_on(&path), std::fs::read(&path).unwrap())
    }

    fn run_on(&self, disk: &Path) -> bool {
        let script = self.0.path().join("script");
        let mut command = Command::new("/bin/sh");
        command.arg(script).arg(disk).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.output().unwrap().status.success()
    }
}

fn has_ext4(disk: &[u8]) -> bool {
    let (offset, magic) = EXT4_MAGIC;
    disk[offset..].starts_with(&magic)
}

#[test]
fn blank_disk_gets_a_filesystem_and_keeps_it() {
    let Some(bench) = Bench::set_up() else { return };
    let (succeeded, formatted) = bench.run(&vec![0; DISK_BYTES]);
    assert!(succeeded && has_ext4(&formatted));
    assert!(formatted.windows(11).any(|bytes| bytes == b"saigak-data"), "the label");
    let (succeeded, again) = bench.run(&formatted);
    assert!(succeeded && again == formatted, "the second run changes nothing");
}

#[test]
fn disk_with_partitions_is_left_alone() {
    let Some(bench) = Bench::set_up() else { return };
    let mut disk = vec![0; DISK_BYTES];
    // An MBR with one partition: type Linux, from sector 2048, 8192 sectors long.
    disk[0x1be + 4] = 0x83;
    disk[0x1be + 8..0x1be + 12].copy_from_slice(&2048_u32.to_le_bytes());
    disk[0x1be + 12..0x1be + 16].copy_from_slice(&8192_u32.to_le_bytes());
    disk[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    let (succeeded, after) = bench.run(&disk);
    assert!(succeeded && after == disk);
}

#[test]
fn unknown_data_is_left_alone_and_reported() {
    let Some(bench) = Bench::set_up() else { return };
    let mut disk = vec![0; DISK_BYTES];
    disk[4096..4104].copy_from_slice(b"precious");
    let (succeeded, after) = bench.run(&disk);
    assert!(!succeeded && after == disk);
}

#[test]
fn disk_that_cannot_be_read_is_reported() {
    let Some(bench) = Bench::set_up() else { return };
    let path = bench.0.path().join("absent");
    assert!(!bench.run_on(&path));
    assert!(!path.exists(), "nothing is made in its place");
    // Shorter than what has to be read.
    let (succeeded, after) = bench.run(&[0; 4096]);
    assert!(!succeeded && after == [0; 4096]);
}
