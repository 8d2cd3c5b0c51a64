//! The data disk.

use saigak_agent::guest::concern;

use super::World;

/// The data disk, and what is wrong with it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each of them comes about by itself")]
pub struct Disk {
    /// The device is there.
    pub attached: bool,
    /// It is mounted.
    pub mounted: bool,
    /// It is to be unmounted, once nobody uses it.
    pub leaves: bool,
    /// Entries that do not belong to the server's user.
    pub foreign: u32,
    /// Entries among those that nobody may change.
    pub immutable: u32,
    /// A link lies in place of a directory.
    pub linked: bool,
    /// It is mounted read-only.
    pub read_only: bool,
    /// Bytes that are free.
    pub free: u64,
    /// Bytes of downloads that were given up long ago.
    pub abandoned: u64,
    /// It answers nothing any more.
    pub hangs: bool,
    /// It takes no writes any more.
    pub writes_hang: bool,
    /// It has no inodes left.
    pub no_inodes: bool,
    /// A directory above it lets the server's user not pass.
    pub closed: bool,
}

/// Bytes that are free on a disk that is not full.
pub const ROOM: u64 = 20 << 30;

/// Bytes that a model takes.
pub(super) const MODEL: u64 = 640 << 20;

impl Default for Disk {
    fn default() -> Self {
        Self {
            attached: true,
            mounted: true,
            leaves: false,
            foreign: 0,
            immutable: 0,
            linked: false,
            read_only: false,
            free: ROOM,
            abandoned: 0,
            hangs: false,
            writes_hang: false,
            no_inodes: false,
            closed: false,
        }
    }
}

impl Disk {
    /// Whether the server's user can write to it.
    #[must_use]
    pub fn writable(&self) -> bool {
        let taken = self.read_only || self.foreign > 0 || self.closed;
        self.mounted && !taken && !self.hangs && !self.writes_hang
    }

    /// Whether there is room on it for a model.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.free >= MODEL && !self.no_inodes
    }
}

impl World {
    /// Downloads that were given up are removed, all of them or half, until so many bytes are free.
    /// Says whether they are.
    pub fn make_room(&mut self, wanted: u64, half: bool) -> bool {
        let disk = &mut self.disk;
        let removed = if half { disk.abandoned / 2 } else { disk.abandoned };
        if disk.free < wanted {
            disk.abandoned -= removed;
            disk.free += removed;
        }
        disk.free >= wanted
    }

    /// The disk is unmounted; before, systemd stops the unit that requires it.
    pub fn unmount(&mut self) {
        if self.disk.mounted {
            self.disk.leaves = true;
            self.stop_unit();
            self.leave();
        }
    }

    /// The disk that is to be unmounted is, once nobody uses it.
    pub(super) fn leave(&mut self) {
        if self.disk.leaves && !self.unit.runs() {
            self.disk.leaves = false;
            self.disk.mounted = false;
            self.event(concern::STORAGE);
        }
    }

    /// The disk is there, and its mount unit is started.
    pub fn mount(&mut self) {
        self.disk.leaves = false;
        if self.disk.mounted {
            return;
        }
        self.disk.attached = true;
        self.disk.mounted = true;
        self.event(concern::STORAGE);
    }
}
