//! What clients lose to each fault of the server, with twenty embeddings a second on their way.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::fault::{FORGET_STARTS, expect_one_of};
use super::runner_process::{FUNCTIONS, PATH};
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::net::traffic::{Figures, Load, Traffic};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "clients",
    story: "20 embeddings a second, and the server or its runner is killed or frozen: what is lost",
    needs: Needs::StandIn,
    shows: &["EmbeddingCorrect/Stuck", "OllamaServing/Unresponsive"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const LOAD: Load = Load::Steady(20);
/// Ten milliseconds of work each: a fifth of what the runner can.
const BYTES: usize = 20;

/// Before the fault, and after it: what is lost then is lost to something else.
const CALM: Duration = Duration::from_secs(5);

/// How long nothing is done at all, for comparison.
const NOTHING: Duration = Duration::from_secs(65);

/// How long not even clients ask.
const IDLE: Duration = Duration::from_secs(45);

/// A fault, and the repairs that the agent may carry out: one of these lists.
type Case = (&'static str, &'static str, &'static [&'static [&'static str]]);

const CASES: &[Case] = &[
    ("runner killed", ". /usr/local/lib/runner.sh; kill -KILL $(runner)", &[&[]]),
    // With a request on its way: an idle one is replaced by the server itself.
    (
        "runner frozen",
        ". /usr/local/lib/runner.sh; in_flight; kill -STOP $(runner)",
        &[&["ollama/StopRunner"]],
    ),
    ("server killed", "systemctl kill --signal=KILL ollama.service", &[&[]]),
    (
        "server frozen",
        "systemctl kill --kill-whom=main --signal=STOP ollama.service",
        &[&["ollama/Restart"]],
    ),
];

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.write_file(PATH, FUNCTIONS)?;
    let idle = Proofs::during(&guest, IDLE).await?;
    stage.say(&format!("nobody asks: {idle}"));
    // One every 10 s, and one that was due.
    ensure!(idle.count <= 5, "an idle server is asked too often: {idle}");
    nothing(stage, &guest).await?;
    for case in CASES {
        let (what, ..) = case;
        stage.say(&format!("breaks: {what}"));
        let figures = one(stage, &guest, case).await.with_context(|| (*what).to_owned())?;
        stage.say(&format!("{what}: {figures}, first {:?}", figures.first));
    }
    Ok(())
}

/// Without a fault nobody loses anything, and nothing is repaired.
async fn nothing(stage: &Stage, guest: &Guest) -> Result<()> {
    let mark = guest.mark();
    let traffic = Traffic::begin(guest.gateway.worker(), LOAD, BYTES)?;
    let proofs = Proofs::during(guest, NOTHING).await?;
    let figures = traffic.end().await?;
    stage.say(&format!("nothing is broken: {figures}; {proofs}"));
    // What clients get done proves it: one every 30 s is enough.
    ensure!(proofs.count <= 3, "a server that serves clients is asked too often: {proofs}");
    ensure!(figures.failed + figures.refused == 0, "{figures}: {:?}", figures.first);
    guest.expect_repairs(&mark, &[])?;
    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "a guest that served was called unready: {lapse:?}");
    stage.add(Row { fault: format!("nothing: {figures}"), ..Row::default() });
    Ok(())
}

/// What proofs have taken of the server's time.
struct Proofs {
    /// How many came back right.
    count: u32,
    /// How long the last one took, its turn among clients included.
    latency: f64,
    within: Duration,
}

impl Proofs {
    /// Those of the time from now on.
    async fn during(guest: &Guest, within: Duration) -> Result<Self> {
        let good = async || -> Result<u32> {
            Ok(guest.metric("saigak_proofs_total{result=\"good\"}").await?.parse()?)
        };
        let before = good().await?;
        guest.watch(within).await;
        let count = good().await? - before;
        let latency = guest.metric("saigak_proof_latency_seconds").await?.parse()?;
        Ok(Self { count, latency, within })
    }
}

impl Display for Proofs {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self { count, latency, within } = self;
        let share = f64::from(*count) * latency / within.as_secs_f64() * 100.0;
        let millis = latency * 1000.0;
        write!(
            formatter,
            "{count} proofs of {millis:.0} ms in {} s, {share:.2} % of the server's time",
            within.as_secs()
        )
    }
}

async fn one(stage: &Stage, guest: &Guest, case: &Case) -> Result<Figures> {
    let (what, breaks, remedies) = case;
    guest.sh(FORGET_STARTS).await?;
    let traffic = Traffic::begin(guest.gateway.worker(), LOAD, BYTES)?;
    guest.watch(CALM).await;
    let mark = guest.mark();
    guest.sh(breaks).await?;
    // A killed runner may be replaced before anybody has seen it.
    let unready = |report: &crate::guest::report::Report| !report.ready;
    let notices = !remedies.iter().any(|list| list.is_empty());
    let limit = if notices { Duration::from_mins(3) } else { Duration::from_secs(15) };
    let seen = guest.timeline.wait_for(mark.at, limit, unready).await;
    ensure!(seen.is_some() || !notices, "the guest stayed ready without serving");
    let healed = match &seen {
        Some(seen) => Some(guest.until_ready(seen.at, FIRST_READY).await?),
        None => None,
    };
    guest.watch(CALM).await;
    let figures = traffic.end().await?;
    expect_one_of(guest, &mark, remedies)?;
    stage.add(Row {
        fault: format!("{what}: {figures}"),
        seen: seen.map(|seen| seen.at - mark.at),
        healed: healed.map(|healed| healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(figures)
}
