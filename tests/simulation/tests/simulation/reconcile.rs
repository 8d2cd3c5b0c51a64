//! The simulation's own loop, which needs no runtime, against the agent's: both play each fault,
//! and do the same about it.

#![expect(clippy::unwrap_used, reason = "all of this is tests, the helpers too")]

use std::future::{pending, ready};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use saigak_agent::core::reconcile::{self, Inbox, Waker};
use saigak_agent::core::{
    AgentReport, Clock, Condition, Engine, Judgement, Ledger, Moment, Outcome, ProofReport,
    PullReport, Remedy as _, Report, Schedule,
};
use saigak_agent::guest::{CONCERNS, CONDITIONS, Remedy};
use saigak_simulation::fault::Fault;
use saigak_simulation::guest::Guest;
use saigak_simulation::history::{Event, History};
use saigak_simulation::play::play;
use tokio::sync::{mpsc, watch};
use tokio::time::{self, Instant};

/// How often the world is looked after while the agent waits.
const TICK: Duration = Duration::from_millis(10);

struct World {
    guest: Guest,
    acts: Vec<(u64, Remedy)>,
}

/// The simulated guest, for an agent that is asynchronous.
#[derive(Clone)]
struct Shared {
    began: Instant,
    world: Arc<Mutex<World>>,
}

impl Shared {
    /// The world as it is now.
    fn world(&self) -> MutexGuard<'_, World> {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap();
        let mut world = self.world.lock().unwrap();
        world.guest.advance(now);
        world
    }

    /// Passes events on, for as long as anybody waits.
    async fn drive(self, waker: Arc<Waker>) {
        loop {
            let woken = std::mem::take(&mut self.world().guest.woken);
            for concern in (0..CONCERNS.len()).filter(|concern| woken & (1 << concern) != 0) {
                waker.wake(concern);
            }
            time::sleep(TICK).await;
        }
    }
}

impl Clock for Shared {
    fn now(&self) -> Moment {
        self.world().guest.moment()
    }
}

impl saigak_agent::core::Guest for Shared {
    type Remedy = Remedy;

    fn conditions(&self) -> &'static [&'static Condition] {
        CONDITIONS
    }

    fn concerns(&self) -> &'static [Schedule] {
        &CONCERNS
    }

    fn look(&self, concern: usize) -> impl Future<Output = ()> + Send + 'static {
        let shared = self.clone();
        async move {
            let look = shared.world().guest.begin_look(concern);
            while !shared.world().guest.is_over(&look) {
                time::sleep(TICK).await;
            }
            shared.world().guest.end_look(&look);
        }
    }

    fn judge(&self, _: Moment) -> Vec<Judgement<Remedy>> {
        let guest = &mut self.world().guest;
        guest.judge();
        guest.told().cloned().collect()
    }

    fn held(&self, remedy: Remedy, _: Moment) -> Option<String> {
        self.world().guest.held(remedy)
    }

    fn repair(&self, remedy: Remedy) -> impl Future<Output = Outcome> + Send + 'static {
        let shared = self.clone();
        async move {
            let act = {
                let mut world = shared.world();
                let act = world.guest.begin_act(remedy);
                if act.touches {
                    let now = world.guest.world.now;
                    world.acts.push((now, remedy));
                }
                act
            };
            let Some(ends) = act.ends else { pending().await };
            while shared.world().guest.world.now < ends {
                time::sleep(TICK).await;
            }
            shared.world().guest.end_act(act)
        }
    }

    fn save(&self, _: Ledger) -> impl Future<Output = Result<(), String>> + Send + 'static {
        ready(Ok(()))
    }

    fn proof(&self, _: Moment) -> Option<ProofReport> {
        None
    }

    fn pull(&self) -> Option<PullReport> {
        None
    }
}

const STRUCK: u64 = 30;
const CURED: u64 = 150;

/// What the agent's own loop does about `fault`, and when the guest is Ready after its cure.
async fn played(fault: Fault) -> (Vec<(u64, Remedy)>, u64) {
    let guest = Guest::new(0, 0);
    let world = Arc::new(Mutex::new(World { guest, acts: Vec::new() }));
    let shared = Shared { began: Instant::now(), world };
    time::sleep(Duration::from_secs(1)).await;
    let agent = AgentReport { boot_id: "boot 1".into(), ..AgentReport::default() };
    let engine = Engine::new(CONDITIONS, agent, Ledger::fresh(), shared.now()).unwrap();
    let first: Arc<Report> = Arc::new(engine.report(shared.now(), None, None));
    let (publish, mut reports) = watch::channel(first);
    let (_orders, orders) = mpsc::channel(1);
    let waker = Arc::new(Waker::default());
    let driver = tokio::spawn(shared.clone().drive(Arc::clone(&waker)));
    let of_loop = shared.clone();
    let agent = tokio::spawn(async move {
        let inbox = Inbox { waker, orders };
        reconcile::run(engine, &of_loop, &of_loop, inbox, &publish, |_| (), pending()).await;
    });
    time::sleep(Duration::from_secs(STRUCK - 1)).await;
    fault.strike(&mut shared.world().guest.world);
    time::sleep(Duration::from_secs(CURED - STRUCK)).await;
    fault.cure(&mut shared.world().guest.world);
    let cured = Instant::now();
    let ready = reports.wait_for(|report| report.ready && shared.world().guest.world.can_embed());
    time::timeout(Duration::from_secs(7200), ready).await.unwrap().unwrap();
    let converged = u64::try_from(cured.elapsed().as_millis()).unwrap();
    agent.abort();
    driver.abort();
    let acts = shared.world().acts.clone();
    (acts, converged)
}

/// So much the times may differ: the loop looks up to a tenth earlier, by chance.
const APART: u64 = 12_000;

#[tokio::test(start_paused = true)]
async fn both_loops_do_the_same_about_each_fault() {
    let names = |acts: &[(u64, Remedy)]| -> Vec<_> {
        acts.iter().map(|(_, remedy)| remedy.name()).collect()
    };
    // The one reboots. With the other a pull begins or not, as the look at the models or that at
    // the names is over first: side by side either may be.
    let apart = [Fault::MacPinned, Fault::NamelessPull];
    // Most of a GPU's faults boot the guest, and their cures do.
    let common = |fault: &Fault| !apart.contains(fault) && !fault.is_of_gpu();
    for fault in Fault::ALL.into_iter().filter(common) {
        let events = [(STRUCK, Event::Strike(fault)), (CURED, Event::Cure(fault))];
        let history = History { cured: CURED * 1000, ..History::of(&events) };
        let direct = play(&history).unwrap();
        let (acts, converged) = played(fault).await;
        assert_eq!(names(&acts), names(&direct.acts), "{fault:?}");
        for ((at, remedy), (other, _)) in acts.iter().zip(&direct.acts) {
            // Waits for an effect are up to a quarter longer, by chance, and the pause before a
            // proof that fails is twice the one before: one more may be waited for.
            let apart = APART + at.saturating_sub(STRUCK * 1000) / 2;
            assert!(at.abs_diff(*other) < apart, "{fault:?}: {remedy:?} at {at}, {other}");
        }
        let other = direct.converged;
        // And so is the last of them, which may be what heals.
        let apart = APART + 300_000 / 4;
        assert!(converged.abs_diff(other) < apart, "{fault:?}: {converged}, {other}");
    }
}
