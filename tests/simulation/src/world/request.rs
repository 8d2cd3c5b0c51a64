//! The agent's proof, while the server has it.

use super::{Flaw, Runner, World};

/// An embedding that was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Work that is left before its answer, in milliseconds.
    pub left: u64,
    /// It waits behind another client's, which the runner does not get done.
    pub waits: bool,
    /// How it has ended.
    pub ended: Option<Ended>,
}

/// How it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With an embedding.
    Answered(Option<Flaw>),
    /// With 503.
    Full,
    /// Without an answer: nobody listens, or the server has ended.
    Cut,
    /// With an answer that there is no such model.
    NoModel,
}

impl World {
    /// An embedding is asked for at the guest's own address.
    pub fn ask_embedding(&mut self) {
        let ended = if !self.server_listens_at_address() {
            Some(Ended::Cut)
        } else if self.server.full && self.server_answers() {
            Some(Ended::Full)
        } else {
            None
        };
        let load = if self.server.runner == Runner::Unloaded { self.server.load } else { 0 };
        let left = self.server.queue + load + self.server.embeds;
        let waits = self.server.runner == Runner::Stuck;
        self.request = Some(Request { left, waits, ended });
    }

    /// Whether a connection to the server at the guest's address is taken.
    fn server_listens_at_address(&self) -> bool {
        self.server_is_bound()
            && self.link.address.is_some()
            && self.server.listens() == super::Bound::All
    }

    pub(super) fn request_moves(&self) -> bool {
        let waits = self.request.as_ref().is_some_and(|request| request.ended.is_none());
        // It goes over the loopback link, whatever clients meet on theirs.
        waits && self.can_compute() && self.link.address.is_some() && !self.link.locked
    }

    /// Whether the server works on what it is asked.
    pub(super) fn can_compute(&self) -> bool {
        // A model that is not loaded is read from the disk.
        let reads = self.server.runner != Runner::Unloaded || !self.disk.hangs;
        self.server_answers() && self.server.runner != Runner::Stuck && reads
    }

    pub(super) fn next_of_request(&self) -> Option<u64> {
        let request = self.request.as_ref().filter(|_| self.request_moves())?;
        Some(self.now + request.left)
    }

    pub(super) fn step_request(&mut self) {
        let missing = !self.has_alias();
        let flaw = self.models.flaw.or(self.lost_its_gpu().then_some(Flaw::StillError));
        let Some(request) = &mut self.request else { return };
        if request.left == 0 && request.ended.is_none() {
            request.ended = Some(if missing { Ended::NoModel } else { Ended::Answered(flaw) });
            if !missing {
                self.server.runner = Runner::Loaded;
            }
        }
    }

    /// The model is unloaded. A runner that does nothing cannot end either.
    pub fn unload(&mut self) {
        if self.server.runner == Runner::Loaded {
            self.server.runner = Runner::Unloaded;
        }
        if self.models.flaw == Some(Flaw::Unlike) {
            self.models.flaw = None;
        }
    }

    /// The process that computes has ended, and with it what it computed. The server takes
    /// another for the next request, which may wait already.
    pub fn end_runner(&mut self) {
        if self.server.runner == Runner::Unloaded {
            return;
        }
        self.server.runner = Runner::Unloaded;
        match &mut self.request {
            Some(request) if request.waits => {
                request.waits = false;
                request.left += self.server.load;
            }
            Some(request) => {
                request.ended.get_or_insert(Ended::Cut);
            }
            None => {}
        }
    }

    /// The server has ended, and with it what it was asked.
    pub(super) fn cut_requests(&mut self) {
        if let Some(request) = &mut self.request {
            request.ended.get_or_insert(Ended::Cut);
        }
        self.cut_pull();
        if matches!(self.models.flaw, Some(Flaw::NotFinite | Flaw::Unlike | Flaw::Error)) {
            self.models.flaw = None;
        }
    }
}
