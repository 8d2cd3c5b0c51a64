//! The loop. One task owns the engine; looks, repairs and saves run beside it, and events
//! only make a look come sooner: what is done follows from what was seen, so that a lost or
//! doubled event changes nothing.

mod looks;
mod saves;
mod waker;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{self, Instant};

use self::looks::Looks;
use self::saves::Saves;
pub use self::waker::Waker;
use super::order::SAVED_WITHIN;
use super::{
    Asked, Clock, Engine, Guest, Intent, Ledger, Moment, Outcome, Remedy, Report, Schedule, Source,
    answered, slept,
};

/// Between the starts of two looks at one concern, however many events ask for one.
const LOOKS_APART: Duration = Duration::from_millis(100);

/// The loop turns at least this often, so that the heartbeat tells a loop that waits from one
/// that is stuck. A sixth of the unit's `WatchdogSec=`.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What a task beside the loop has brought home.
enum Done<R> {
    Look(usize),
    Repair(Intent<R>, Outcome),
    Saved(Result<(), String>),
    /// One that [`Saves`] has begun.
    Kept(Result<(), String>),
}

/// Where the loop is spoken to.
#[derive(Debug)]
pub struct Inbox {
    /// Asks for looks.
    pub waker: Arc<Waker>,
    /// Orders. Where nobody can give any, the other end may be gone.
    pub orders: mpsc::Receiver<Asked>,
}

/// Runs until `stop` completes. `beat` is called once each turn, after the report was
/// published: it feeds the watchdog.
pub async fn run<G: Guest, C: Clock>(
    mut engine: Engine<G::Remedy>,
    guest: &G,
    clock: &C,
    mut inbox: Inbox,
    publish: &watch::Sender<Arc<Report>>,
    mut beat: impl FnMut(&Arc<Report>),
    stop: impl Future<Output = ()>,
) {
    let concerns = guest.concerns();
    let remedies = guest.remedies();
    let tally = inbox.waker.tally();
    let mut looks = Looks::all_due(concerns.len());
    let mut tasks: JoinSet<Done<G::Remedy>> = JoinSet::new();
    let mut keeping = Saves::default();
    let mut asleep = clock.asleep();
    tokio::pin!(stop);
    loop {
        let turn = Instant::now();
        let due = looks.take_due(turn);
        begin(&mut tasks, due, &mut looks, &engine, guest, clock.now().uptime);

        let now = notice_sleep(&mut engine, clock, &mut asleep);
        for concern in guest.renewed() {
            engine.renew(concern, now);
        }
        engine.observe(now, &guest.judge(now));
        while let Some(intent) = engine.next_repair(now, |remedy| guest.held(remedy, now)) {
            tracing::info!(
                remedy = intent.remedy.name(),
                condition = intent.condition,
                reason = intent.reason,
                "repair begins"
            );
            let repair = guest.repair(intent.remedy);
            let saved = guest.save(engine.ledger().clone());
            let deadline = intent.remedy.deadline();
            tasks.spawn(
                async move { Done::Repair(intent, carry_out(saved, deadline, repair).await) },
            );
        }
        let report = Arc::new(report(&mut engine, guest, &remedies, now));
        publish.send_replace(Arc::clone(&report));
        beat(&report);

        let uptime = now.uptime;
        let at = |moment: Duration| Instant::now() + moment.saturating_sub(uptime);
        for (concern, moment) in engine.confirmations() {
            let known = |(_, schedule): &(usize, &Schedule)| schedule.concern == *concern;
            if let Some((concern, _)) = concerns.iter().enumerate().find(known) {
                let now = Instant::now();
                let passed = now.checked_sub(uptime.saturating_sub(*moment)).unwrap_or(now);
                looks.confirm(concern, if *moment < uptime { passed } else { at(*moment) });
            }
        }
        looks.alert(concerns, |schedule| engine.is_calm(schedule.concern, uptime));
        if engine.expire_ledger(uptime) {
            save(&mut tasks, &mut keeping, guest, engine.ledger());
        }
        let decision = engine.wakes_at(uptime).map(at);
        let wake = [looks.next(), decision, Some(turn + HEARTBEAT)].into_iter().flatten().min();
        tally.turned(turn.elapsed());
        tokio::select! {
            () = &mut stop => break,
            () = inbox.waker.woken() => {
                let woken = inbox.waker.take();
                for concern in (0..concerns.len()).filter(|concern| woken & (1 << concern) != 0) {
                    looks.sooner(concern, turn + LOOKS_APART);
                }
            }
            Some(asked) = inbox.orders.recv() => {
                tally.woken(Source::Order);
                obey(&mut tasks, &mut engine, guest, clock, asked);
            }
            Some(done) = tasks.join_next() => match done {
                Ok(Done::Look(concern)) => {
                    tally.woken(Source::Look);
                    let alert = concerns.get(concern).map_or(HEARTBEAT, |schedule| schedule.alert);
                    looks.ended(concern, Instant::now(), alert);
                }
                Ok(Done::Repair(intent, outcome)) => {
                    tally.woken(Source::Repair);
                    // Its effect is waited for from now on, not from before a sleep.
                    let now = notice_sleep(&mut engine, clock, &mut asleep);
                    ended(&mut engine, now, intent, &outcome);
                    for concern in 0..concerns.len() {
                        looks.sooner(concern, Instant::now());
                    }
                    save(&mut tasks, &mut keeping, guest, engine.ledger());
                }
                Ok(Done::Saved(result)) => warn_unsaved(result),
                Ok(Done::Kept(result)) => {
                    warn_unsaved(result);
                    if keeping.ended() {
                        save(&mut tasks, &mut keeping, guest, engine.ledger());
                    }
                }
                Err(error) => tracing::error!(%error, "a task beside the loop ended abnormally"),
            },
            () = time::sleep_until(wake.unwrap_or(turn + HEARTBEAT)) => tally.woken(Source::Timer),
        }
    }
}

/// Begins the looks that are `due`.
fn begin<G: Guest>(
    tasks: &mut JoinSet<Done<G::Remedy>>,
    due: Vec<usize>,
    looks: &mut Looks,
    engine: &Engine<G::Remedy>,
    guest: &G,
    uptime: Duration,
) {
    for concern in due {
        let interval = guest.concerns().get(concern).map_or(HEARTBEAT, |schedule| {
            let calm = engine.is_calm(schedule.concern, uptime);
            if calm { schedule.calm } else { schedule.alert }
        });
        // Up to a tenth earlier, so that the looks of many guests do not align.
        looks.after(concern, interval.mul_f64(1.0 - fastrand::f64() / 10.0));
        let look = guest.look(concern);
        tasks.spawn(async move {
            look.await;
            Done::Look(concern)
        });
    }
}

/// The report at `now`, with what the guest adds.
fn report<G: Guest>(
    engine: &mut Engine<G::Remedy>,
    guest: &G,
    remedies: &[G::Remedy],
    now: Moment,
) -> Report {
    engine.configured(guest.configuration());
    Report {
        budgets: engine.budgets(remedies, now.uptime),
        proofs: guest.proofs(),
        pulls: guest.pulls(),
        models: guest.models(now),
        set_aside: guest.set_aside(),
        ..engine.report(now, guest.proof(now), guest.pull())
    }
}

/// Carries out an order, and answers once it is saved.
fn obey<G: Guest, C: Clock>(
    tasks: &mut JoinSet<Done<G::Remedy>>,
    engine: &mut Engine<G::Remedy>,
    guest: &G,
    clock: &C,
    asked: Asked,
) {
    let done = engine.obey(clock.now(), asked.order);
    let saved = answered(asked.answer, done, guest.save(engine.ledger().clone()));
    tasks.spawn(async move { Done::Saved(saved.await) });
}

/// Saves, then acts: a repair whose reservation was not saved does not run.
async fn carry_out(
    saved: impl Future<Output = Result<(), String>>,
    deadline: Duration,
    repair: impl Future<Output = Outcome>,
) -> Outcome {
    match time::timeout(SAVED_WITHIN, saved).await {
        Ok(Ok(())) => time::timeout(deadline, repair).await.unwrap_or(Outcome::TimedOut),
        Ok(Err(error)) => Outcome::Refused(format!("its budget could not be saved: {error}")),
        Err(_) => Outcome::Refused("its budget could not be saved in time".into()),
    }
}

/// The time now, once the engine knows how long the guest has slept since `asleep`.
fn notice_sleep<R: Remedy, C: Clock>(
    engine: &mut Engine<R>,
    clock: &C,
    asleep: &mut Duration,
) -> Moment {
    let now = clock.now();
    if let Some(time) = slept(*asleep, clock.asleep()) {
        *asleep += time;
        tracing::info!(seconds = time.as_secs(), "the guest was suspended");
        engine.slept(now, time);
    }
    now
}

fn ended<R: Remedy>(engine: &mut Engine<R>, now: Moment, intent: Intent<R>, outcome: &Outcome) {
    engine.repair_ended(now, intent, outcome, fastrand::f64());
    let remedy = intent.remedy.name();
    tracing::info!(remedy, result = outcome.word(), said = outcome.message(), "repair ended");
}

fn save<G: Guest>(
    tasks: &mut JoinSet<Done<G::Remedy>>,
    keeping: &mut Saves,
    guest: &G,
    ledger: &Ledger,
) {
    if keeping.begins() {
        let saved = guest.save(ledger.clone());
        tasks.spawn(async move { Done::Kept(saved.await) });
    }
}

fn warn_unsaved(saved: Result<(), String>) {
    if let Err(error) = saved {
        tracing::warn!(%error, "the ledger was not saved");
    }
}
