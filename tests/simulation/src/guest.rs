//! The simulated guest as an agent meets it: what its looks bring and how long they take, what
//! its remedies do, and what the agent remembers of it.

mod acts;
mod failures;
mod gpu;
mod looks;
mod pulls;
mod told;

use std::time::{Duration, UNIX_EPOCH};

use saigak_agent::config::{Config, Gpu};
use saigak_agent::core::Moment;
use saigak_agent::guest::{Facts, Known, Remedy};
use saigak_agent::model::{Log, PullState};

pub use acts::{Act, Hands};
pub use looks::{Look, Senses};
pub use told::News;

use crate::seen;
use crate::world::World;
use told::Told;

/// What an agent has in memory of its guest; gone with it.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// What was seen.
    pub facts: Facts,
    /// What was proven.
    pub log: Log,
    /// What the last pull has come to.
    pub pull: PullState,
    /// Uptime at which a pull or a repair of the models ended last.
    worked_until: Duration,
    /// The probe of the GPU's driver.
    probe: gpu::Probe,
    /// How much of the pull was left, and since when.
    pull_stands: Option<(u64, u64)>,
    /// What was concluded.
    told: Told,
}

/// The guest.
#[derive(Debug, Clone)]
pub struct Guest {
    /// As it is.
    pub world: World,
    /// As the agent knows it.
    pub memory: Memory,
    /// How well it is seen.
    pub senses: Senses,
    /// How well remedies do what they should.
    pub hands: Hands,
    /// How long quick things take, in milliseconds at most. 0: no time at all, which makes a
    /// history that is played several times as fast.
    pub tempo: u64,
    /// The concerns that somebody asks to be looked at: one bit each.
    pub woken: u32,
    /// Events that are on their way, and when they arrive.
    late: Vec<(u64, u32)>,
    /// How far the wall clock is ahead of the truth, in seconds.
    pub wall_skew: i64,
    /// Whether repairs forget to ask once more if they are held back: only a broken agent does.
    pub reckless: bool,
    /// Whether a GPU counts as having come with each new probe of its driver: only a broken agent
    /// has it so.
    pub forgetful: bool,
    /// When the last event about each concern arrived. An agent that trusted events would have
    /// this from them.
    pub heard: [u64; looks::CONCERNS],
    config: Config,
}

/// So late an event arrives at most.
const LATE: u64 = 30_000;

/// The longest pause between two looks, and a look at what hangs on them.
const SEES_AGAIN: u64 = 60_000;

/// Seconds since 1970 at which each history begins: in 2027.
const NOW: u64 = 1_800_000_000;

impl Guest {
    /// A guest on which nothing is wrong.
    #[must_use]
    pub fn new(seed: u64, tempo: u64) -> Self {
        Self {
            world: World::new(seed),
            memory: Memory::default(),
            senses: Senses::default(),
            hands: Hands::default(),
            tempo,
            woken: 0,
            late: Vec::new(),
            wall_skew: 0,
            reckless: false,
            forgetful: false,
            heard: [0; looks::CONCERNS],
            // Most guests here have none, which makes a history that is played quicker.
            config: Config { gpu: Gpu { expected: 0, ..Gpu::default() }, ..Config::default() },
        }
    }

    /// The same guest, in which a lease that has run out is repeated.
    #[must_use]
    pub fn repeating(mut self) -> Self {
        self.config.network.repeat_lease = true;
        self
    }

    /// The same guest, in which downloads are removed that were given up, where room is scarce.
    #[must_use]
    pub fn making_room(mut self) -> Self {
        self.config.storage.make_room = true;
        self
    }

    /// The same guest, of which a GPU is expected: it embeds sooner.
    #[must_use]
    pub fn expecting_gpu(mut self) -> Self {
        self.config.gpu.expected = 1;
        self.world.gpu.expected = true;
        self.world.server.embeds = 10;
        self
    }

    /// Whether what the agent sees of `concern` is so, and has been for long enough to tell.
    #[must_use]
    pub fn sees(&self, concern: usize) -> bool {
        self.senses.blind_until(concern) + SEES_AGAIN <= self.world.now
            || self.senses.blind_until(concern) == 0
    }

    /// Whether no look at `concern` has failed lately: who is told nothing does not wait for ever
    /// with what he would rather know.
    #[must_use]
    pub fn is_told(&self, concern: usize) -> bool {
        let failed = self.senses.fail_until[concern];
        failed == 0 || failed + SEES_AGAIN <= self.world.now
    }

    /// The settings that the agent goes by.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Now, as the agent's clocks have it.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let wall = (NOW + self.world.now / 1000).saturating_add_signed(self.wall_skew);
        Moment {
            uptime: seen::uptime(&self.world, self.world.now),
            wall: UNIX_EPOCH + Duration::from_secs(wall),
        }
    }

    /// How long the guest has been suspended in this boot.
    #[must_use]
    pub fn asleep(&self) -> Duration {
        Duration::from_millis(self.world.asleep)
    }

    /// This boot's id.
    #[must_use]
    pub fn boot_id(&self) -> String {
        format!("boot {}", self.world.boots)
    }

    /// Why `remedy` must not run now, as far as the agent knows.
    #[must_use]
    pub fn held(&self, remedy: Remedy) -> Option<String> {
        self.known().held(remedy, self.moment())
    }

    fn known(&self) -> Known<'_> {
        let Memory { facts, log, pull, .. } = &self.memory;
        Known { config: &self.config, facts, pull, proofs: log }
    }

    /// Lets time pass; what happens wakes the agent, unless the event is lost.
    pub fn advance(&mut self, until: u64) {
        self.world.advance(until);
        self.deliver();
        self.follow_pull();
        self.follow_probe();
    }

    /// Passes on the events that were sent.
    pub fn deliver(&mut self) {
        let mut events = std::mem::take(&mut self.world.events);
        if events != 0 && self.world.now < self.senses.late_until {
            // Each of them twice, and none in its order.
            for _ in 0..2 {
                let at = self.world.now + self.world.chance.u64(1..LATE);
                self.late.push((at, events));
            }
            events = 0;
        }
        let now = self.world.now;
        self.late.retain(|(at, late)| {
            events |= if *at <= now { *late } else { 0 };
            *at > now
        });
        if self.world.now >= self.senses.deaf_until {
            self.woken |= events;
            for (concern, heard) in self.heard.iter_mut().enumerate() {
                if events & (1 << concern) != 0 {
                    *heard = self.world.now;
                }
            }
        }
    }

    /// How long something quick takes.
    fn quick(&mut self) -> u64 {
        if self.tempo == 0 { 0 } else { self.world.chance.u64(1..=self.tempo) }
    }

    /// The guest is suspended for `time` milliseconds, and resumed.
    pub fn sleep(&mut self, time: u64) {
        self.world.sleep(time);
        self.memory.probe.sleep(time);
        // The agent waits for a pull to move by the monotonic clock.
        if let Some((_, since)) = &mut self.memory.pull_stands {
            *since += time;
        }
    }

    /// The agent's process is gone, and with it what it knew, and its connections.
    pub fn forget(&mut self) {
        self.memory = Memory::default();
        self.woken = 0;
        self.late.clear();
        self.world.request = None;
        self.world.cut_pull();
    }
}
