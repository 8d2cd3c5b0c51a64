//! A guest of seven conditions, told by the tests what is seen of it.
//!
//! ```text
//!  Link ──────────────────────────────────────────┐
//!  Disk ─► Server (explained by Owner) ─► Alias ──┴► Proof
//!    └───► Owner                  └─► Source (explained by Owner), explains Alias
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use saigak_agent::core::{
    AgentReport, Budget, Condition, Engine, Intent, Judgement, Ledger, Moment, Outcome, Reason,
    Remedy, Report, Role, Rung,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fix {
    Reconfigure,
    Rematch,
    Chown,
    Start,
    Restart,
    Pull,
    Create,
}

impl Fix {
    pub(crate) const ALL: [Self; 7] = [
        Self::Reconfigure,
        Self::Rematch,
        Self::Chown,
        Self::Start,
        Self::Restart,
        Self::Pull,
        Self::Create,
    ];
}

impl Remedy for Fix {
    fn name(self) -> &'static str {
        match self {
            Self::Reconfigure => "link/Reconfigure",
            Self::Rematch => "link/Rematch",
            Self::Chown => "disk/Chown",
            Self::Start => "server/Start",
            Self::Restart => "server/Restart",
            Self::Pull => "model/Pull",
            Self::Create => "model/Create",
        }
    }

    fn budget(self) -> Budget {
        match self {
            Self::Start => Budget { limit: 4, window: Duration::from_secs(600) },
            Self::Pull => Budget::hourly(30),
            _ => Budget::hourly(3),
        }
    }

    fn deadline(self) -> Duration {
        Duration::from_secs(40)
    }

    fn touches(self) -> &'static [&'static str] {
        &["the guest"]
    }
}

const fn condition(
    name: &'static str,
    role: Role,
    needs: &'static [&'static str],
    explained_by: &'static [&'static str],
    grace: u64,
) -> Condition {
    Condition { name, concern: "c", role, needs, explained_by, grace: Duration::from_secs(grace) }
}

pub(crate) static LINK: Condition = condition("Link", Role::Required, &[], &[], 0);
pub(crate) static DISK: Condition = condition("Disk", Role::Required, &[], &[], 30);
pub(crate) static OWNER: Condition = condition("Owner", Role::Gate, &["Disk"], &[], 0);
pub(crate) static SERVER: Condition =
    condition("Server", Role::Required, &["Disk"], &["Owner"], 30);
pub(crate) static SOURCE: Condition = condition("Source", Role::Gate, &["Server"], &["Owner"], 0);
pub(crate) static ALIAS: Condition =
    condition("Alias", Role::Required, &["Server"], &["Source"], 60);
pub(crate) static PROOF: Condition = condition("Proof", Role::Required, &["Alias", "Link"], &[], 0);

pub(crate) static CONDITIONS: &[&Condition] =
    &[&LINK, &DISK, &OWNER, &SERVER, &SOURCE, &ALIAS, &PROOF];

pub(crate) static GOOD: Reason<Fix> = Reason::good("Good");
/// It has a ladder, which must never be climbed.
pub(crate) static UNSEEN: Reason<Fix> =
    Reason::unknown("Unseen", "look at the journal").mended_by(0, &[Rung::new(Fix::Restart, 9, 1)]);
pub(crate) static DOWN: Reason<Fix> = Reason::fault("Down", "plug it in")
    .mended_by(2000, &[Rung::new(Fix::Reconfigure, 2, 10), Rung::new(Fix::Rematch, 1, 5)]);
pub(crate) static WRONG_OWNER: Reason<Fix> =
    Reason::fault("WrongOwner", "chown it").mended_by(0, &[Rung::new(Fix::Chown, 2, 5)]);
pub(crate) static READ_ONLY: Reason<Fix> = Reason::fault("ReadOnly", "see dmesg");
pub(crate) static CLOSED: Reason<Fix> = Reason::fault("Closed", "chmod it").decisive();
pub(crate) static STOPPED: Reason<Fix> =
    Reason::fault("Stopped", "see the journal").mended_by(0, &[Rung::new(Fix::Start, 9, 1)]);
pub(crate) static FROZEN: Reason<Fix> =
    Reason::fault("Frozen", "see the journal").mended_by(6000, &[Rung::new(Fix::Restart, 2, 30)]);
pub(crate) static MISSING: Reason<Fix> =
    Reason::fault("Missing", "pull it").mended_by(0, &[Rung::forever(Fix::Pull, 5, 300)]);
pub(crate) static NO_ALIAS: Reason<Fix> =
    Reason::fault("NoAlias", "create it").mended_by(0, &[Rung::new(Fix::Create, 2, 2)]);
pub(crate) static WRONG: Reason<Fix> = Reason::fault("Wrong", "another model has this name");

pub(crate) const BOOT: &str = "this boot";

/// The moment `ms` milliseconds after boot.
pub(crate) fn at(ms: u64) -> Moment {
    let uptime = Duration::from_millis(ms);
    Moment { uptime, wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000) + uptime }
}

pub(crate) fn done() -> Outcome {
    Outcome::Succeeded("done".into())
}

/// The engine, and what it is shown of the guest at each turn.
pub(crate) struct Guest {
    pub(crate) engine: Engine<Fix>,
    pub(crate) seen: BTreeMap<&'static str, Judgement<Fix>>,
    /// The remedies that must not run now.
    pub(crate) held: Vec<Fix>,
    /// The repair that runs.
    flying: Option<Intent<Fix>>,
}

impl Guest {
    /// A guest on which all is well.
    pub(crate) fn new() -> Self {
        Self::of(Ledger::fresh(), BOOT)
    }

    /// The same in another boot, or under another agent.
    pub(crate) fn of(ledger: Ledger, boot_id: &str) -> Self {
        let agent = AgentReport { boot_id: boot_id.into(), ..AgentReport::default() };
        let engine = Engine::new(CONDITIONS, agent, ledger, at(0)).unwrap();
        let mut guest = Self { engine, seen: BTreeMap::new(), held: Vec::new(), flying: None };
        for condition in CONDITIONS {
            guest.see(condition, &GOOD);
        }
        guest
    }

    pub(crate) fn see(&mut self, condition: &'static Condition, reason: &'static Reason<Fix>) {
        self.seen.insert(condition.name, Judgement::new(condition, reason, "as seen"));
    }

    /// The same, by a look that began at `ms`.
    pub(crate) fn see_at(
        &mut self,
        condition: &'static Condition,
        reason: &'static Reason<Fix>,
        ms: u64,
    ) {
        let seen = Judgement::new(condition, reason, "as seen").seen(at(ms).uptime);
        self.seen.insert(condition.name, seen);
    }

    /// A proof that counts until `ms`.
    pub(crate) fn prove_until(&mut self, ms: u64) {
        self.see_until(&PROOF, ms);
    }

    /// The condition holds, and that counts until `ms`.
    pub(crate) fn see_until(&mut self, condition: &'static Condition, ms: u64) {
        let holds = Judgement::new(condition, &GOOD, "proven").until(at(ms).uptime);
        self.seen.insert(condition.name, holds);
    }

    /// Shows the engine what is seen at `ms`, and asks for a repair.
    pub(crate) fn turn(&mut self, ms: u64) -> Option<Fix> {
        let judgements: Vec<_> = self
            .seen
            .values()
            .map(|judgement| Judgement { message: judgement.message.clone(), ..*judgement })
            .collect();
        self.engine.observe(at(ms), &judgements);
        let held = self.held.clone();
        let why = |fix| held.contains(&fix).then(|| "the test says so".into());
        let intent = self.engine.next_repair(at(ms), why)?;
        self.flying = Some(intent);
        Some(intent.remedy)
    }

    /// The same, and the repair succeeds at once.
    pub(crate) fn mend(&mut self, ms: u64) -> Option<Fix> {
        let fix = self.turn(ms)?;
        self.end(ms, &done());
        Some(fix)
    }

    pub(crate) fn end(&mut self, ms: u64, outcome: &Outcome) {
        self.end_spread(ms, outcome, 0.0);
    }

    pub(crate) fn end_spread(&mut self, ms: u64, outcome: &Outcome, spread: f64) {
        if let Some(intent) = self.flying.take() {
            self.engine.repair_ended(at(ms), intent, outcome, spread);
        }
    }

    /// When the engine wants to be asked again, at `ms`.
    pub(crate) fn wakes_at(&self, ms: u64) -> Option<Duration> {
        self.engine.wakes_at(at(ms).uptime)
    }

    pub(crate) fn report(&self, ms: u64) -> Report {
        self.engine.report(at(ms), None, None)
    }

    pub(crate) fn ready(&self, ms: u64) -> bool {
        self.engine.ready(at(ms).uptime)
    }

    /// What comes next, in the report's words.
    pub(crate) fn next(&self) -> String {
        self.report(0).next
    }

    /// `status/reason` of one condition in the report.
    pub(crate) fn told(&self, condition: &Condition) -> String {
        let report = self.report(0);
        let told = report.conditions.iter().find(|told| told.r#type == condition.name).unwrap();
        format!("{}/{}", told.status.word(), told.reason)
    }

    /// The root cause at `ms`, as `condition/reason`.
    pub(crate) fn cause(&self, ms: u64) -> Option<String> {
        self.report(ms).cause.map(|cause| format!("{}/{}", cause.condition, cause.reason))
    }
}
