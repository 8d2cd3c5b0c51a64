//! The server's process: when it answers, and what uses the CPU.

use super::{Active, World, come};

/// Where it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// On all addresses.
    All,
    /// On 127.0.0.1 alone.
    Loopback,
    /// At another port.
    Elsewhere,
}

/// Where it keeps its models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// On the data disk.
    Inside,
    /// In its home directory, since nothing says otherwise.
    Home,
    /// Where an environment file says, which beats every drop-in.
    ByFile,
}

/// The process that computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// No model is loaded.
    Unloaded,
    /// One is.
    Loaded,
    /// One is, and its process does nothing any more.
    Stuck,
}

/// The server.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each of them comes about by itself")]
pub struct Server {
    /// It was stopped by a signal.
    pub frozen: bool,
    /// It does not listen to SIGTERM either.
    pub deaf: bool,
    /// It ends as soon as it is started.
    pub crashes: bool,
    /// Where its configuration has it listen.
    pub bound: Bound,
    /// A runtime drop-in has it listen on all addresses, whatever its configuration says.
    pub by_drop_in: bool,
    /// Its environment file beats every drop-in.
    pub stubborn: bool,
    /// Where its configuration has it keep its models.
    pub store: Store,
    /// A runtime drop-in has it keep them on the data disk.
    pub store_by_drop_in: bool,
    /// Its program is gone.
    pub gone: bool,
    /// Its user is.
    pub no_user: bool,
    /// Somebody else listens at its port as soon as it does not.
    pub port_taken: bool,
    /// Clients keep it busy: each request waits for so long before it is served.
    pub queue: u64,
    /// Its queue is full: it answers 503.
    pub full: bool,
    /// How long systemd takes at most to execute it, until which its unit is activating, and as
    /// long from a stop to a start.
    pub executing: u64,
    /// How long it takes to stop, at the least and at most.
    pub stopping: (u64, u64),
    /// How long it takes until it listens at its port.
    pub binding: u64,
    /// How long it takes then to find out what GPUs there are.
    pub discovery: u64,
    /// How long a model takes to load.
    pub load: u64,
    /// How long an embedding takes once the model is loaded.
    pub embeds: u64,
    /// When it is executed. `None`: it is, or does not run.
    executes: Option<u64>,
    /// When it listens. `None`: it does, or would if it ran.
    binds: Option<u64>,
    /// When it answers for the first time.
    pub works_from: Option<u64>,
    /// When it ends by itself.
    pub(super) dies: Option<u64>,
    /// What computes.
    pub runner: Runner,
    /// It found a GPU when it was started.
    pub on_gpu: bool,
    /// CPU time of its control group so far, in microseconds.
    pub cpu: u64,
    /// Where it listened when it was started.
    listens: Bound,
    /// Where it kept its models when it was started.
    keeps: Store,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            frozen: false,
            deaf: false,
            crashes: false,
            bound: Bound::All,
            by_drop_in: false,
            stubborn: false,
            store: Store::Inside,
            store_by_drop_in: false,
            gone: false,
            no_user: false,
            port_taken: false,
            queue: 0,
            full: false,
            executing: 0,
            stopping: (150, 150),
            binding: 40,
            discovery: 600,
            load: 1500,
            embeds: 30,
            executes: None,
            binds: None,
            works_from: None,
            dies: None,
            runner: Runner::Unloaded,
            on_gpu: false,
            cpu: 0,
            listens: Bound::All,
            keeps: Store::Inside,
        }
    }
}

/// How soon a server ends that cannot start.
const ENDS_AFTER: u64 = 100;

impl Server {
    /// After a boot: what lay under `/run` or in memory is gone.
    pub(super) fn reset(&mut self) {
        self.frozen = false;
        self.deaf = false;
        self.by_drop_in = false;
        self.store_by_drop_in = false;
        self.runner = Runner::Unloaded;
        self.forget_start();
        self.dies = None;
        self.cpu = 0;
    }

    /// Its process has ended.
    pub(super) fn forget_start(&mut self) {
        self.executes = None;
        self.binds = None;
        self.works_from = None;
    }

    /// The guest has slept for `time` milliseconds.
    pub(super) fn sleep(&mut self, time: u64) {
        let waits = [&mut self.executes, &mut self.binds, &mut self.works_from, &mut self.dies];
        for at in waits.into_iter().flatten() {
            *at += time;
        }
    }

    /// Where the next process keeps its models.
    #[must_use]
    pub fn is_told_to_keep(&self) -> Store {
        let by_drop_in = self.store_by_drop_in && self.store != Store::ByFile;
        if by_drop_in { Store::Inside } else { self.store }
    }

    /// Where the next process listens.
    #[must_use]
    pub fn is_told_to_listen(&self) -> Bound {
        if self.by_drop_in && !self.stubborn { Bound::All } else { self.bound }
    }

    /// Where its process keeps its models.
    #[must_use]
    pub fn keeps(&self) -> Store {
        self.keeps
    }

    /// Whether systemd has not executed it yet.
    #[must_use]
    pub fn is_to_be_executed(&self) -> bool {
        self.executes.is_some()
    }

    /// Where its process listens.
    #[must_use]
    pub fn listens(&self) -> Bound {
        self.listens
    }
}

impl World {
    /// What systemd takes `most` milliseconds for, or less.
    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        if most == 0 { 0 } else { self.chance.u64(..=most) }
    }

    pub(super) fn start_server(&mut self) {
        let executed = self.now + self.up_to(self.server.executing);
        let server = &mut self.server;
        server.listens = server.is_told_to_listen();
        server.keeps = server.is_told_to_keep();
        server.on_gpu = self.gpu.is_usable();
        server.executes = (executed > self.now).then_some(executed);
        server.binds = Some(executed + server.binding);
        server.works_from = Some(executed + server.binding + server.discovery);
        // An empty store of another user cannot be written, and then it does not start.
        let inside = server.keeps == Store::Inside;
        let bare = inside && self.models.is_bare() && !self.disk.writable();
        let ends = server.crashes || server.gone || server.no_user || server.port_taken;
        let ends = ends || bare || (inside && self.disk.closed);
        server.dies = ends.then_some(self.now + ENDS_AFTER);
    }

    /// Whether somebody else listens at its port.
    #[must_use]
    pub fn port_is_taken(&self) -> bool {
        self.server.port_taken && self.unit.active != Active::Stopping && !self.unit.is_to_begin()
    }

    /// Whether its process does anything at all.
    #[must_use]
    pub fn server_moves(&self) -> bool {
        self.unit.runs() && !self.server.frozen
    }

    /// Whether it has its port.
    #[must_use]
    pub fn server_is_bound(&self) -> bool {
        self.unit.runs() && self.server.binds.is_none_or(|at| at <= self.now)
    }

    /// Whether it answers `GET /` to those who reach it.
    #[must_use]
    pub fn server_answers(&self) -> bool {
        self.server_moves() && self.server.works_from.is_none_or(|from| from <= self.now)
    }

    /// CPU time in thousandths of a core.
    pub(super) fn cpu_use(&self) -> u64 {
        if !self.server_moves() {
            return 0;
        }
        let discovers = self.server.works_from.is_some_and(|from| from > self.now);
        let serves = self.server.queue > 0 || self.server.full;
        let stuck = self.server.runner == Runner::Stuck;
        let works = discovers || (serves && !stuck) || self.request_moves() || self.pull_moves();
        if works { 800 } else { 1 }
    }

    pub(super) fn next_of_server(&self) -> Option<u64> {
        let Server { executes, binds, works_from, dies, .. } = self.server;
        [self.next_of_unit(), executes, binds, works_from, dies].into_iter().flatten().min()
    }

    pub(super) fn step_server(&mut self) {
        if come(&mut self.server.dies, self.now) {
            self.server_dies("exit-code");
        }
        if come(&mut self.server.executes, self.now) {
            self.unit_changed();
        }
        come(&mut self.server.binds, self.now);
        come(&mut self.server.works_from, self.now);
        self.step_unit();
    }

    /// The process is stopped by a signal, or goes on.
    pub fn freeze(&mut self, frozen: bool) {
        if self.unit.active == Active::Active {
            self.server.frozen = frozen;
        }
    }
}
