//! The models on the data disk, and the pulls that bring them there.

use super::{World, Wrong};

/// The source model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It is there.
    Present,
    /// It is not.
    Missing,
    /// Its manifest is cut short.
    NoManifest,
    /// Its weights are.
    Damaged,
}

/// The alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alias {
    /// As declared.
    Good,
    /// It is not there.
    Missing,
    /// With another template.
    Drifted,
    /// It has lost weights that nobody has.
    Foreign,
    /// Its manifest is cut short.
    NoManifest,
    /// Its weights are.
    Damaged,
    /// Its weights are not there, which the source shares: the server does not list it.
    Bare,
}

/// What is wrong with what the server computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Vectors of another length than declared.
    Dimension,
    /// Numbers that are none, until the server is restarted.
    NotFinite,
    /// The same, whatever is done.
    StillNotFinite,
    /// Vectors that are not of length 1.
    NotUnit,
    /// Vectors of the right shape that tell nothing, until the model is loaded anew.
    Unlike,
    /// An error, until the server is restarted.
    Error,
    /// An error, whatever is done.
    StillError,
}

/// The models.
#[derive(Debug, Clone)]
pub struct Models {
    /// The source.
    pub source: Source,
    /// The alias.
    pub alias: Alias,
    /// How much of a pull an earlier one has left, in milliseconds of pulling.
    pub part: u64,
    /// A blob is not what its name says.
    pub bad_blob: bool,
    /// What the last pull brought was not what the registry had promised.
    pub garbled: bool,
    /// What is wrong with the vectors.
    pub flaw: Option<Flaw>,
}

/// How a pull begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Began {
    /// It goes on.
    Yes,
    /// The registry was not reached, or nothing can be written.
    No,
    /// The disk has no room for so many bytes.
    NoRoom(u64),
}

/// A pull that goes on in the server.
#[derive(Debug, Clone)]
pub struct Pull {
    /// Milliseconds of pulling that are left.
    pub left: u64,
}

impl Default for Models {
    fn default() -> Self {
        Self {
            source: Source::Present,
            alias: Alias::Good,
            part: 0,
            bad_blob: false,
            garbled: false,
            flaw: None,
        }
    }
}

impl Models {
    /// Whether the store is empty.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.source == Source::Missing && matches!(self.alias, Alias::Missing | Alias::Bare)
    }
}

/// How much of a pull is lost when it is cut off: its current part.
const PART: u64 = 2000;

impl World {
    /// The agent has the server pull the model.
    pub fn begin_pull(&mut self) -> Began {
        self.models.garbled = false;
        if !self.registry_serves() || !self.disk.writable() || self.disk.no_inodes {
            return Began::No;
        }
        if self.disk.free < self.registry.bytes {
            return Began::NoRoom(self.registry.bytes);
        }
        let left = self.registry.takes.saturating_sub(self.models.part).max(1);
        self.pull = Some(Pull { left });
        Began::Yes
    }

    pub(super) fn pull_moves(&self) -> bool {
        self.pull.is_some()
            && self.server_answers()
            && !self.registry.silent
            && !self.registry.away
            && self.disk.writable()
            && !self.is_wrong(Wrong::PullsStandStill)
    }

    pub(super) fn next_of_pull(&self) -> Option<u64> {
        let left = self.pull.as_ref().filter(|_| self.pull_moves())?.left;
        Some(self.now + left)
    }

    pub(super) fn step_pull(&mut self) {
        if self.pull.as_ref().is_some_and(|pull| pull.left == 0) {
            self.pull = None;
            self.models.part = 0;
            // The server removes the first blob that came and is not what was promised. What was
            // there already is taken as it is.
            self.models.garbled = self.registry_garbles();
            if self.models.garbled {
                return;
            }
            self.models.source =
                if self.models.bad_blob { Source::Damaged } else { Source::Present };
            let shares = matches!(self.models.alias, Alias::Damaged | Alias::Bare);
            let is_back = shares && !self.models.bad_blob;
            if is_back || self.is_wrong(Wrong::AliasComesWithModel) {
                self.models.alias = Alias::Good;
            }
        }
    }

    /// Weights on the disk are cut short: those of the source, which the alias shares.
    pub fn damage(&mut self) {
        self.models.bad_blob = true;
        self.models.source = Source::Damaged;
        if !matches!(self.models.alias, Alias::Missing | Alias::Foreign) {
            self.models.alias = Alias::Damaged;
        }
    }

    /// Blobs that are not what their names say are removed. The server then lists no model whose
    /// weights are gone.
    pub fn drop_damaged(&mut self) {
        if std::mem::take(&mut self.models.bad_blob) {
            if self.models.source == Source::Damaged {
                self.models.source = Source::Missing;
            }
            if self.models.alias == Alias::Damaged {
                self.models.alias = Alias::Bare;
            }
        }
    }

    /// The pull ends before its end: what it has loaded stays, but for its current part.
    pub fn cut_pull(&mut self) {
        if let Some(pull) = self.pull.take() {
            let loaded = self.registry.takes.saturating_sub(pull.left);
            self.models.part = loaded.saturating_sub(PART).max(self.models.part);
        }
    }
}
