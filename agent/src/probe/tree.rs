//! The data disk by descriptor: no path is resolved twice, no link followed, no mount crossed.
//!
//! Every name is opened by itself below its directory's descriptor, as a place (`O_PATH`) and
//! without following it; whatever is asked or changed then goes through that descriptor. This
//! is what `openat2` promises too, but `RestrictSUIDSGID=` forbids that call altogether.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, RawMode, RenameFlags, StatVfs, StatVfsMountFlags,
    Statx, StatxAttributes, StatxFlags, Uid,
};
use rustix::io::Errno;

use super::facts::Owner;

/// A filesystem keeps what a check recovers here, in the name of root.
const RECOVERED: &CStr = c"lost+found";

/// The filesystem that is mounted at a path.
pub(crate) struct Disk(Entry);

impl Disk {
    /// Opens the disk at `path`, or says `None` where that is no mount point now.
    ///
    /// The kernel is asked about the very directory that is opened, so the answer stays true
    /// for whatever is done through the descriptor, even if the disk is unmounted meanwhile.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let statx = look(&fd)?;
        let mounted = statx.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
        Ok(mounted.then(|| Self(Entry::new(fd, &statx))))
    }

    /// A directory that is no mount point, for tests.
    #[cfg(test)]
    pub(crate) fn directory(path: &Path) -> io::Result<Self> {
        Ok(Self(Entry::directory(path)?))
    }

    /// The directory at the mount point.
    pub(crate) fn top(&self) -> &Entry {
        &self.0
    }

    /// Whether it takes no writes, here or anywhere.
    pub(crate) fn read_only(&self) -> io::Result<bool> {
        Ok(self.space()?.f_flag.contains(StatVfsMountFlags::RDONLY))
    }

    pub(crate) fn space(&self) -> io::Result<StatVfs> {
        Ok(rustix::fs::fstatvfs(&self.0.fd)?)
    }

    /// A new file without a name in the directory `name`. It goes when it is closed, however
    /// this process ends.
    pub(crate) fn nameless(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(File::from(rustix::fs::openat(&self.0.fd, name, flags, mode)?))
    }
}

/// One entry of the tree: a descriptor that stays with the inode, whatever its names become.
pub(crate) struct Entry {
    fd: OwnedFd,
    pub(crate) kind: FileType,
    pub(crate) owner: Owner,
    pub(crate) mode: RawMode,
    /// Bytes of its content.
    pub(crate) size: u64,
    /// Bytes that it takes on the disk: fewer where it has holes.
    pub(crate) allocated: u64,
    links: u32,
    mount: u64,
    immutable: bool,
}

/// What an entry of another owner is to the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It has the right owner.
    Right,
    /// It should be given to the right owner.
    Wrong,
    /// A file with another name somewhere, maybe outside the tree.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A file that runs with its owner's rights.
    SetId,
    /// A socket, a pipe or a device.
    Special,
    /// It should be given to the right owner, and is marked as not to be changed by anybody.
    Immutable,
}

impl Entry {
    fn new(fd: OwnedFd, statx: &Statx) -> Self {
        let mode = RawMode::from(statx.stx_mode);
        Self {
            fd,
            kind: FileType::from_raw_mode(mode),
            owner: Owner { uid: statx.stx_uid, gid: statx.stx_gid },
            mode: Mode::from_raw_mode(mode).as_raw_mode(),
            size: statx.stx_size,
            // In units of 512 bytes, whatever the filesystem's own are.
            allocated: statx.stx_blocks.saturating_mul(512),
            links: statx.stx_nlink,
            mount: statx.stx_mnt_id,
            immutable: statx
                .stx_attributes
                .intersects(StatxAttributes::IMMUTABLE | StatxAttributes::APPEND),
        }
    }

    /// A directory that need not be a mount point.
    pub(crate) fn directory(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        let statx = look(&fd)?;
        Ok(Self::new(fd, &statx))
    }

    /// What this entry is, where all should belong to the user `wanted`. The group is left
    /// out: who owns a file can use it, whatever its group.
    pub(crate) fn claim(&self, wanted: Owner) -> Claim {
        if self.owner.uid == wanted.uid {
            return Claim::Right;
        }
        let set_id = (Mode::SUID | Mode::SGID).as_raw_mode();
        match self.kind {
            FileType::RegularFile if self.links > 1 => Claim::HardLink,
            FileType::RegularFile if self.mode & set_id != 0 => Claim::SetId,
            FileType::Directory | FileType::RegularFile if self.immutable => Claim::Immutable,
            FileType::Directory | FileType::RegularFile => Claim::Wrong,
            FileType::Symlink => Claim::Symlink,
            _ => Claim::Special,
        }
    }

    /// Gives this very inode to `owner`.
    pub(crate) fn give_to(&self, owner: Owner) -> io::Result<()> {
        let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
        Ok(rustix::fs::chownat(&self.fd, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?)
    }

    /// Adds permission bits to this directory.
    pub(crate) fn permit(&self, bits: RawMode) -> io::Result<()> {
        let mode = Mode::from_raw_mode(self.mode | bits);
        Ok(rustix::fs::chmodat(&self.fd, c".", mode, AtFlags::empty())?)
    }

    /// The entries of this directory.
    pub(crate) fn list(&self) -> io::Result<Listing> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, c".", flags, Mode::empty())?;
        let directory = Dir::read_from(&fd)?;
        Ok(Listing { directory, fd: File::from(fd), mount: self.mount, top: false })
    }

    /// The directory at `path` below this one, or this one itself where that is empty. `None`: it
    /// is none, or another filesystem's.
    pub(crate) fn directory_below(&self, path: &str) -> io::Result<Option<Self>> {
        let mut found = open_below(self.fd.as_fd(), c".")?;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let Some(entry) = found.child(part)?.filter(|entry| entry.kind.is_dir()) else {
                return Ok(None);
            };
            found = entry;
        }
        Ok(Some(found))
    }

    /// The entry `name` of this directory, without a walk through all of them. `None`: there is
    /// none, or it is another filesystem's.
    pub(crate) fn child(&self, name: &str) -> io::Result<Option<Self>> {
        if matches!(name, "" | "." | "..") || name.contains('/') {
            return Ok(None);
        }
        match open_below(self.fd.as_fd(), &CString::new(name)?) {
            Ok(entry) => Ok((entry.mount == self.mount).then_some(entry)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Where the symbolic link `name` leads, if that is one.
    pub(crate) fn link(&self, name: &str) -> io::Result<Option<String>> {
        match rustix::fs::readlinkat(&self.fd, name, Vec::new()) {
            Ok(target) => Ok(Some(target.to_string_lossy().into_owned())),
            // What is there is no link, or nothing is.
            Err(Errno::INVAL | Errno::NOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Opens the plain file `name` in this directory. Nothing is waited for: what has become a
    /// pipe has no content.
    pub(crate) fn read_below(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.fd, name, flags, Mode::empty())?))
    }

    /// Renames the file `name` in this directory to a name that nothing has there.
    pub(crate) fn rename_below(&self, name: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat_with(&self.fd, name, &self.fd, to, RenameFlags::NOREPLACE)?)
    }

    /// Removes the file `name` from this directory.
    pub(crate) fn remove_below(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// The entries of this directory at a mount point, without what a check recovered.
    pub(crate) fn list_top(&self) -> io::Result<Listing> {
        Ok(Listing { top: true, ..self.list()? })
    }
}

/// A directory that is being read.
pub(crate) struct Listing {
    directory: Dir,
    fd: File,
    mount: u64,
    top: bool,
}

impl Iterator for Listing {
    /// A name below this directory, and what it is or why that cannot be told.
    type Item = (String, io::Result<Entry>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let found = match self.directory.next()? {
                Ok(found) => found,
                Err(e) => return Some((".".to_owned(), Err(e.into()))),
            };
            let name = found.file_name();
            if name == c"." || name == c".." || (self.top && name == RECOVERED) {
                continue;
            }
            let printed = name.to_string_lossy().into_owned();
            match open_below(self.fd.as_fd(), name) {
                Ok(entry) if entry.mount == self.mount => return Some((printed, Ok(entry))),
                // Another filesystem is mounted there.
                Ok(_) => {}
                // Gone since.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Some((printed, Err(e))),
            }
        }
    }
}

/// `name` comes from the directory itself, so it is one component and never `..`.
fn open_below(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<Entry> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(directory, name, flags, Mode::empty())?;
    let statx = look(&fd)?;
    Ok(Entry::new(fd, &statx))
}

fn look(fd: &OwnedFd) -> io::Result<Statx> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::NO_AUTOMOUNT;
    let statx = rustix::fs::statx(fd, c"", flags, StatxFlags::BASIC_STATS | StatxFlags::MNT_ID)?;
    let told = statx.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT)
        && StatxFlags::from_bits_retain(statx.stx_mask).contains(StatxFlags::MNT_ID);
    if told {
        Ok(statx)
    } else {
        Err(io::Error::other("this kernel does not tell mounts apart (Linux 5.8 and later do)"))
    }
}
