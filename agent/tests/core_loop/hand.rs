//! The loop running on such a guest, and what a test has in hand meanwhile.

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use saigak_agent::core::reconcile::{self, Inbox, Waker};
use saigak_agent::core::{
    AgentReport, Asked, Clock, Engine, Ledger, Moment, Order, Report, Schedule,
};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{self, Instant};

use crate::guest::{CONDITIONS, Guest, World};

/// A boot clock that goes with the runtime's, and on while the guest is suspended.
#[derive(Clone)]
pub(crate) struct PausedClock {
    began: Instant,
    asleep: Arc<Mutex<Duration>>,
}

/// Uptime at which each test begins.
const BEGINS: Duration = Duration::from_secs(100);

impl Clock for PausedClock {
    fn now(&self) -> Moment {
        let uptime = BEGINS + self.began.elapsed() + self.asleep();
        Moment { uptime, wall: UNIX_EPOCH + uptime }
    }

    fn asleep(&self) -> Duration {
        *self.asleep.lock().unwrap()
    }
}

/// What a test has in hand while the loop runs.
pub(crate) struct Hand {
    pub(crate) guest: Guest,
    pub(crate) clock: PausedClock,
    pub(crate) waker: Arc<Waker>,
    pub(crate) reports: watch::Receiver<Arc<Report>>,
    orders: mpsc::Sender<Asked>,
}

impl Hand {
    /// How long the loop has run.
    pub(crate) fn ran_for(&self) -> Duration {
        self.clock.began.elapsed()
    }

    /// The guest is suspended for `time`, and wakes.
    pub(crate) fn suspend(&self, time: Duration) {
        *self.clock.asleep.lock().unwrap() += time;
    }

    /// Gives an order, and waits for its answer.
    pub(crate) async fn order(&self, order: Order) -> Result<String, String> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Asked { order, answer }).await.unwrap();
        answered.await.unwrap()
    }

    /// Waits until a report is as `wanted`, for at most a day.
    pub(crate) async fn report(&mut self, wanted: impl Fn(&Report) -> bool) -> Arc<Report> {
        let day = Duration::from_secs(24 * 3600);
        let found = time::timeout(day, self.reports.wait_for(|report| wanted(report))).await;
        Arc::clone(&found.unwrap().unwrap())
    }
}

/// Runs the loop on a guest of these concerns and this world until `test` is done, and then
/// stops it. Gives back how long that took.
pub(crate) async fn run<T: Future<Output = ()>>(
    concerns: &'static [Schedule],
    world: World,
    test: impl FnOnce(Hand) -> T,
) -> Duration {
    let clock = PausedClock { began: Instant::now(), asleep: Arc::default() };
    let engine =
        Engine::new(CONDITIONS, AgentReport::default(), Ledger::fresh(), clock.now()).unwrap();
    let guest = Guest::new(concerns, world);
    let first = Arc::new(engine.report(clock.now(), None, None));
    let (publish, reports) = watch::channel(first);
    let waker = Arc::new(Waker::default());
    let stop = Notify::new();
    let published = reports.clone();
    let beat = |report: &Arc<Report>| {
        let early = !Arc::ptr_eq(report, &published.borrow());
        let mut world = guest.world();
        world.beats.push(Instant::now());
        world.early_beats += u32::from(early);
    };
    let (orders, ordered) = mpsc::channel(1);
    let (with, knocks) = (guest.clone(), Arc::clone(&waker));
    let hand = Hand { guest: with, clock: clock.clone(), waker: knocks, reports, orders };
    let stopped = Mutex::new(None);
    let script = async {
        test(hand).await;
        *stopped.lock().unwrap() = Some(Instant::now());
        stop.notify_one();
    };
    let inbox = Inbox { waker, orders: ordered };
    let turning = reconcile::run(engine, &guest, &clock, inbox, &publish, beat, stop.notified());
    tokio::join!(turning, script);
    let stopped = stopped.lock().unwrap().take().unwrap();
    stopped.elapsed()
}
