//! A guest whose looks, repairs and saves do what the test says.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use saigak_agent::core::{
    Budget, Condition, Judgement, Ledger, Moment, Outcome, ProofReport, PullReport, Reason, Remedy,
    Role, Rung, Schedule,
};
use tokio::time::Instant;

/// The one remedy: for `Left`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mend;

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

impl Remedy for Mend {
    fn name(self) -> &'static str {
        "left/Mend"
    }

    fn budget(self) -> Budget {
        Budget::hourly(2)
    }

    fn deadline(self) -> Duration {
        DEADLINE
    }

    fn touches(self) -> &'static [&'static str] {
        &["left"]
    }
}

const fn condition(name: &'static str, concern: &'static str) -> Condition {
    let (needs, explained_by): (&[_], &[_]) = (&[], &[]);
    let grace = Duration::from_secs(60);
    Condition { name, concern, role: Role::Required, needs, explained_by, grace }
}

static LEFT: Condition = condition("Left", "left");
static RIGHT: Condition = condition("Right", "right");
pub(crate) static CONDITIONS: &[&Condition] = &[&LEFT, &RIGHT];

static GOOD: Reason<Mend> = Reason::good("Good");
static BROKEN: Reason<Mend> =
    Reason::fault("Broken", "look at it").mended_by(1000, &[Rung::new(Mend, 2, 10)]);

/// The concerns' positions.
pub(crate) const LEFT_CONCERN: usize = 0;
pub(crate) const RIGHT_CONCERN: usize = 1;

const fn every(concern: &'static str, calm: u64, alert: u64) -> Schedule {
    Schedule { concern, calm: Duration::from_secs(calm), alert: Duration::from_secs(alert) }
}

pub(crate) static OFTEN: [Schedule; 2] = [every("left", 10, 2), every("right", 10, 2)];
/// So that nothing happens but for events and instants.
pub(crate) static SELDOM: [Schedule; 2] = [every("left", 3600, 3600), every("right", 3600, 3600)];

/// How something ends that the guest is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Ends {
    #[default]
    Well,
    Badly,
    Never,
}

/// What the guest does, and what was done to it.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) left_broken: bool,
    /// The look that is said to have seen that, whichever did.
    pub(crate) left_seen_at: Option<Duration>,
    pub(crate) hanging_look: Option<usize>,
    pub(crate) repair: Ends,
    pub(crate) save: Ends,
    pub(crate) right_expires: Option<Duration>,
    /// The concerns that were looked at, and when.
    pub(crate) looks: Vec<(usize, Instant)>,
    pub(crate) seen: [bool; 2],
    pub(crate) repairs: u32,
    pub(crate) saved: Vec<Ledger>,
    pub(crate) beats: Vec<Instant>,
    /// Beats whose report was not the published one.
    pub(crate) early_beats: u32,
}

#[derive(Clone)]
pub(crate) struct Guest {
    concerns: &'static [Schedule],
    world: Arc<Mutex<World>>,
}

impl Guest {
    pub(crate) fn new(concerns: &'static [Schedule], world: World) -> Self {
        Self { concerns, world: Arc::new(Mutex::new(world)) }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// The looks at one concern.
    pub(crate) fn looks(&self, concern: usize) -> Vec<Instant> {
        let world = self.world();
        world.looks.iter().filter(|(of, _)| *of == concern).map(|(_, at)| *at).collect()
    }
}

impl saigak_agent::core::Guest for Guest {
    type Remedy = Mend;

    fn conditions(&self) -> &'static [&'static Condition] {
        CONDITIONS
    }

    fn concerns(&self) -> &'static [Schedule] {
        self.concerns
    }

    fn look(&self, concern: usize) -> impl Future<Output = ()> + Send + 'static {
        let guest = self.clone();
        async move {
            guest.world().looks.push((concern, Instant::now()));
            if guest.world().hanging_look == Some(concern) {
                pending::<()>().await;
            }
            guest.world().seen[concern] = true;
        }
    }

    fn judge(&self, _now: Moment) -> Vec<Judgement<Mend>> {
        let world = self.world();
        let mut judgements = Vec::new();
        if world.seen[LEFT_CONCERN] {
            let reason = if world.left_broken { &BROKEN } else { &GOOD };
            let left = Judgement::new(&LEFT, reason, "");
            judgements.push(Judgement { seen_at: world.left_seen_at, ..left });
        }
        if world.seen[RIGHT_CONCERN] {
            let right = Judgement::new(&RIGHT, &GOOD, "");
            judgements.push(Judgement { expires: world.right_expires, ..right });
        }
        judgements
    }

    fn held(&self, _remedy: Mend, _now: Moment) -> Option<String> {
        None
    }

    fn repair(&self, _remedy: Mend) -> impl Future<Output = Outcome> + Send + 'static {
        let guest = self.clone();
        async move {
            guest.world().repairs += 1;
            let ends = guest.world().repair;
            match ends {
                Ends::Well => guest.world().left_broken = false,
                Ends::Badly => return Outcome::Failed("no".into()),
                Ends::Never => pending().await,
            }
            Outcome::Succeeded("mended".into())
        }
    }

    fn save(&self, ledger: Ledger) -> impl Future<Output = Result<(), String>> + Send + 'static {
        let guest = self.clone();
        async move {
            let ends = guest.world().save;
            match ends {
                Ends::Well => guest.world().saved.push(ledger),
                Ends::Badly => return Err("disk full".into()),
                Ends::Never => pending().await,
            }
            Ok(())
        }
    }

    fn proof(&self, _now: Moment) -> Option<ProofReport> {
        None
    }

    fn pull(&self) -> Option<PullReport> {
        None
    }
}
