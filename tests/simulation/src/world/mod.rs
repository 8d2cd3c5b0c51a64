//! The guest as it is, whatever anyone sees of it: parts with a state of their own, and what
//! becomes of them as time passes. All times are milliseconds since the history began.

mod bootstrap;
mod contain;
mod disk;
mod gpu;
mod lease;
mod models;
mod network;
mod networkd;
mod registry;
mod request;
mod server;
mod sleep;
mod state;
mod truth;
mod unit;
mod wrong;

use saigak_agent::guest::concern;

pub use bootstrap::CloudInit;
pub use disk::{Disk, ROOM};
pub use gpu::Gpu;
pub use models::{Alias, Began, Flaw, Models, Pull, Source};
pub use network::READY_IN;
pub use networkd::{Admin, Dhcp, File, Link, Networkd, Process};
pub use registry::{Registry, Turn};
pub use request::{Ended, Request};
pub use server::{Bound, Runner, Server, Store};
pub use truth::{LastSo, PARTS};
pub use unit::{Active, BURST, INTERVAL, Load, Start, Unit};
pub use wrong::Wrong;

/// The guest, and the little of its surroundings that it depends on.
#[derive(Debug, Clone)]
pub struct World {
    /// Now.
    pub now: u64,
    /// When this boot began.
    pub booted: u64,
    /// How long it has slept since then.
    pub asleep: u64,
    /// How many boots there were before this one.
    pub boots: u32,
    /// cloud-init.
    pub cloud_init: CloudInit,
    /// The link to the cluster.
    pub link: Link,
    /// The DHCP server at its other end.
    pub dhcp: Dhcp,
    /// systemd-networkd.
    pub networkd: Networkd,
    /// The data disk.
    pub disk: Disk,
    /// The server's unit.
    pub unit: Unit,
    /// The server's process, and what it would be if it ran.
    pub server: Server,
    /// The GPU.
    pub gpu: Gpu,
    /// The models on the disk.
    pub models: Models,
    /// Where models come from.
    pub registry: Registry,
    /// The boot whose lease is noted. `None`: none is, or nobody can read the note.
    pub lease_noted: Option<u32>,
    /// Nobody answers for the registry's name.
    pub dns_dead: bool,
    /// The agent's pull, as the server knows it.
    pub pull: Option<Pull>,
    /// The agent's proof, as the server knows it.
    pub request: Option<Request>,
    /// The concerns of which an event was sent since somebody last took them: one bit each.
    pub events: u32,
    /// When each of what a client needs was last so.
    pub last_so: LastSo,
    /// When the model last was where it was promised to be.
    pub placed: u64,
    /// When a client would last have got none.
    pub failed: u64,
    /// What goes otherwise than in any guest.
    pub wrong: Option<Wrong>,
    /// Chance, of which this history has its own.
    pub chance: fastrand::Rng,
}

impl World {
    /// A guest that has just been switched on, on which nothing is wrong.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut world = Self {
            now: 0,
            booted: 0,
            asleep: 0,
            boots: 0,
            cloud_init: CloudInit::Absent,
            link: Link::default(),
            dhcp: Dhcp::default(),
            networkd: Networkd::default(),
            disk: Disk::default(),
            unit: Unit::default(),
            server: Server::default(),
            gpu: Gpu::default(),
            models: Models::default(),
            registry: Registry::default(),
            lease_noted: None,
            dns_dead: false,
            pull: None,
            request: None,
            events: 0,
            last_so: LastSo::default(),
            placed: 0,
            failed: 0,
            wrong: None,
            chance: fastrand::Rng::with_seed(seed),
        };
        world.boot();
        world
    }

    /// Time since the kernel started.
    #[must_use]
    pub fn uptime(&self) -> u64 {
        self.now - self.booted
    }

    /// How long clients have been served without a break.
    #[must_use]
    pub fn serves_for(&self) -> u64 {
        if self.can_embed() { self.now - self.failed } else { 0 }
    }

    /// The kernel starts: what lay in memory is gone.
    pub fn boot(&mut self) {
        self.booted = self.now;
        self.asleep = 0;
        self.boots += 1;
        self.pull = None;
        self.request = None;
        self.boot_network();
        self.boot_gpu();
        self.boot_server();
        self.boot_cloud_init();
    }

    /// An event about `concern` is sent.
    pub fn event(&mut self, concern: usize) {
        self.events |= 1 << concern;
    }

    /// The next instant at which something changes by itself.
    #[must_use]
    pub fn next(&self) -> Option<u64> {
        [
            self.next_of_network(),
            self.next_of_server(),
            self.next_of_pull(),
            self.next_of_request(),
            self.cloud_init.next(),
            self.gpu.next(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Lets time pass until `until`.
    pub fn advance(&mut self, until: u64) {
        while let Some(at) = self.next().filter(|at| *at <= until) {
            self.pass(at);
            self.step_network();
            self.step_gpu();
            self.step_server();
            self.step_pull();
            self.step_request();
            self.step_cloud_init();
        }
        self.pass(until);
    }

    /// Nothing happens from now until `until` but that what works goes on.
    fn pass(&mut self, until: u64) {
        let past = until.saturating_sub(self.now);
        self.gpu.note(self.now);
        let parts = PARTS.map(|(_, so)| so(self));
        if past > 0 {
            self.work(past);
        }
        self.now += past;
        self.note_parts(parts);
        let placed = self.is_placed();
        if placed {
            self.placed = self.now;
        }
        if !placed || parts.contains(&false) {
            self.failed = self.now;
        }
    }

    /// What is moved by work, and uses the CPU, in `past` milliseconds.
    fn work(&mut self, past: u64) {
        let used = self.cpu_use();
        // In thousandths of milliseconds, so that nothing is lost by rounding.
        self.server.cpu += past * used;
        if self.pull_moves()
            && let Some(pull) = &mut self.pull
        {
            pull.left = pull.left.saturating_sub(past);
        }
        if self.request_moves()
            && let Some(request) = &mut self.request
        {
            request.left = request.left.saturating_sub(past);
        }
    }

    /// What events about the server's unit look like.
    fn unit_changed(&mut self) {
        self.event(concern::OLLAMA);
    }

    fn network_changed(&mut self) {
        self.event(concern::NETWORK);
    }
}

/// Takes a time that has come out of `slot`; says whether it had.
fn come(slot: &mut Option<u64>, now: u64) -> bool {
    let has = slot.is_some_and(|at| at <= now);
    if has {
        *slot = None;
    }
    has
}
