//! The GPU, its driver, and the server's one look for it.

use super::{World, come};

/// The GPU, and what is wrong with it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each of them comes about by itself")]
pub struct Gpu {
    /// One is promised: a model on the CPU is not what it should be.
    pub expected: bool,
    /// It is passed through to the VM.
    pub attached: bool,
    /// There is a module of its driver for the kernel that runs.
    pub built: bool,
    /// That is loaded.
    pub loaded: bool,
    /// It has its device nodes.
    pub nodes: bool,
    /// The driver's library was replaced by one of another version, until the next boot.
    pub replaced: bool,
    /// It fell off the bus, until the next boot.
    pub lost: bool,
    /// The server's libraries can do nothing with the driver: that is too old, or too new.
    pub foreign: bool,
    /// Its driver answers nobody who asks for its state, or for GPUs.
    pub hangs: bool,
    /// At the next boot its module is loaded late.
    pub late: bool,
    /// At the next boot nobody makes its nodes.
    pub bare: bool,
    /// When udev loads the module.
    loads: Option<u64>,
    /// Whether its driver worked a moment ago.
    was_driven: bool,
    /// When that changed last.
    pub changed: u64,
    /// When its device nodes were made, if it has any.
    pub made: Option<u64>,
}

impl Default for Gpu {
    fn default() -> Self {
        Self {
            expected: false,
            attached: true,
            built: true,
            loaded: false,
            nodes: false,
            replaced: false,
            lost: false,
            foreign: false,
            hangs: false,
            late: false,
            bare: false,
            loads: None,
            was_driven: false,
            changed: 0,
            made: None,
        }
    }
}

/// A module that udev loads late: half a minute after the server's start.
const LATE: u64 = 30_000;

impl Gpu {
    /// Whether a server that starts now finds it.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.is_driven() && !self.foreign
    }

    /// Whether its driver works, whoever can do anything with that.
    #[must_use]
    pub fn is_driven(&self) -> bool {
        let driven = self.attached && self.loaded && self.nodes && !self.replaced;
        driven && !self.lost && !self.hangs
    }

    /// The module is loaded, if there is one for this kernel, and a GPU for it.
    pub fn load(&mut self) -> bool {
        self.loaded |= self.built && self.attached;
        self.nodes |= self.loaded && !self.bare;
        self.loaded
    }

    /// NVIDIA's daemon is started: it makes the nodes.
    pub fn make_nodes(&mut self) -> bool {
        self.nodes |= self.loaded;
        self.bare &= !self.nodes;
        self.nodes
    }

    pub(super) fn sleep(&mut self, time: u64) {
        if let Some(at) = &mut self.loads {
            *at += time;
        }
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.loads.filter(|_| self.expected)
    }

    /// Notes since when its driver works, or does not, and since when it has its nodes.
    pub(super) fn note(&mut self, now: u64) {
        self.made = self.nodes.then(|| self.made.unwrap_or(now));
        let driven = self.is_driven();
        if driven != self.was_driven {
            self.was_driven = driven;
            self.changed = now;
        }
    }
}

impl World {
    pub(super) fn boot_gpu(&mut self) {
        let now = self.now;
        let gpu = &mut self.gpu;
        (gpu.loaded, gpu.nodes, gpu.replaced, gpu.lost, gpu.hangs, gpu.loads) =
            (false, false, false, false, false, None);
        gpu.made = None;
        if std::mem::take(&mut gpu.late) {
            gpu.loads = Some(now + LATE);
        } else {
            gpu.load();
        }
        gpu.note(now);
    }

    pub(super) fn step_gpu(&mut self) {
        if come(&mut self.gpu.loads, self.now) {
            self.gpu.load();
        }
    }

    /// Whether the model is where it was promised to be, as the server that runs has found it.
    #[must_use]
    pub fn is_placed(&self) -> bool {
        !self.gpu.expected || self.server.on_gpu
    }

    /// Whether what computes has lost what it computes on.
    #[must_use]
    pub fn lost_its_gpu(&self) -> bool {
        self.gpu.expected && self.server.on_gpu && self.gpu.lost
    }

    /// A person follows the agent's advice: whoever runs on the CPU, beside a GPU that can be used,
    /// is started anew.
    pub fn restart_for_gpu(&mut self) {
        if self.gpu.expected && self.gpu.is_usable() && !self.server.on_gpu {
            self.restart_unit();
        }
    }
}
