//! The data disk: an ext4 image behind a loop device, which the guest sees as /dev/vdb and
//! mounts by a unit of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::options::{Options, Owner};
use crate::paths::{discard, make_directory, write};
use crate::{process, say};

/// Where the guest mounts it.
pub const MOUNT: &str = "/var/lib/ollama";
/// The unit that mounts it.
pub const UNIT: &str = "var-lib-ollama.mount";
/// Size of the image. It is sparse; the agent wants a gibibyte free beside the model.
const BYTES: u64 = 8 << 30;
const SHORT: Duration = Duration::from_mins(2);

/// A guest's data disk.
pub enum DataDisk {
    /// A block device.
    Loop {
        /// The device, on this machine.
        device: PathBuf,
        /// The image behind it.
        image: PathBuf,
        /// The device detaches itself when it is closed for the last time: with the run's end at
        /// the latest, however the run ends. Taken when it is given up.
        hold: Option<File>,
    },
    /// A directory, where this machine gives no loop device.
    Directory(PathBuf),
}

impl DataDisk {
    /// Makes a disk with the content that the options ask for, and the unit that mounts it.
    pub async fn make(
        root: &Path,
        directory: &Path,
        options: &Options,
        owner: Owner,
    ) -> Result<Self> {
        let disk = match image(directory, options, owner).await {
            Ok(disk) => disk,
            Err(error) => {
                say::error(&format!("no loop device, a directory serves as data disk: {error:#}"));
                tree(directory, options.data.as_deref(), owner).await?
            }
        };
        let (what, rest) = match &disk {
            Self::Loop { .. } => ("/dev/vdb", "Type=ext4"),
            Self::Directory(_) => ("/mnt/data", "Type=none\nOptions=bind"),
        };
        let unit = format!(
            "[Unit]\nDescription=Data disk\n\n[Mount]\nWhat={what}\nWhere={MOUNT}\n{rest}\n\n\
             [Install]\nWantedBy=local-fs.target\n"
        );
        let units = root.join("etc/systemd/system");
        write(&units.join(UNIT), unit)?;
        let wants = units.join("local-fs.target.wants");
        make_directory(&wants)?;
        let link = wants.join(UNIT);
        std::os::unix::fs::symlink(format!("../{UNIT}"), &link)
            .with_context(|| format!("cannot make {}", link.display()))?;
        Ok(disk)
    }

    /// The nspawn option that puts it into the guest.
    #[must_use]
    pub fn bind(&self) -> String {
        match self {
            Self::Loop { device, .. } => format!("--bind={}:/dev/vdb", device.display()),
            Self::Directory(path) => format!("--bind={}:/mnt/data", path.display()),
        }
    }

    /// Removes what it occupies.
    pub fn forget(&mut self) {
        match self {
            Self::Loop { image, hold, .. } => {
                let _ = std::fs::remove_file(image);
                // The last to close a device waits until all is written that was written to it:
                // gigabytes, for as much as a minute, in which nothing else would be played.
                let hold = hold.take();
                std::thread::spawn(move || drop(hold));
            }
            Self::Directory(path) => discard(path),
        }
    }
}

async fn image(directory: &Path, options: &Options, owner: Owner) -> Result<DataDisk> {
    let image = directory.join("data.ext4");
    File::create(&image)
        .and_then(|file| file.set_len(BYTES))
        .with_context(|| format!("cannot make {}", image.display()))?;
    let mut command = process::command("mke2fs", &["-q", "-t", "ext4", "-m", "0", "-E"]);
    // Nothing to initialise or discard later, behind the guest's back.
    command.arg(format!("root_owner={}:{},nodiscard", owner.user, owner.group));
    if let Some(inodes) = options.inodes {
        command.arg("-N").arg(inodes.to_string());
    }
    if let Some(data) = &options.data {
        command.arg("-d").arg(data);
    }
    command.arg(&image);
    process::run(command, SHORT).await?;
    // `mount` finds a free device and has it detach itself after its last user; this process
    // becomes a user before the mount goes away again.
    let mountpoint = directory.join("disk");
    make_directory(&mountpoint)?;
    let mut mount = process::command("mount", &["-o", "loop"]);
    mount.arg(&image).arg(&mountpoint);
    process::run(mount, SHORT).await?;
    let found = hold(&mountpoint).await;
    process::run(process::command("umount", &[&mountpoint]), SHORT).await?;
    let (device, hold) = found?;
    Ok(DataDisk::Loop { device, image, hold: Some(hold) })
}

async fn hold(mountpoint: &Path) -> Result<(PathBuf, File)> {
    let mut command = process::command("findmnt", &["--noheadings", "--output", "SOURCE"]);
    command.arg(mountpoint);
    let device = PathBuf::from(process::run(command, SHORT).await?.trim());
    let file = File::open(&device).with_context(|| format!("cannot open {}", device.display()))?;
    Ok((device, file))
}

async fn tree(directory: &Path, data: Option<&Path>, owner: Owner) -> Result<DataDisk> {
    let path = directory.join("data");
    make_directory(&path)?;
    if let Some(data) = data {
        let mut copy = process::command("cp", &["--archive", "--no-target-directory"]);
        copy.arg(data).arg(&path);
        process::run(copy, SHORT).await?;
    }
    std::os::unix::fs::chown(&path, Some(owner.user), Some(owner.group))
        .with_context(|| format!("cannot change the owner of {}", path.display()))?;
    Ok(DataDisk::Directory(path))
}
