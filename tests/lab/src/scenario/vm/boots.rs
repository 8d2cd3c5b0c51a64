//! Healthy boots, and how long they take beside those without the agent.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep, timeout};
use tokio::try_join;

use super::{READY, ready};
use crate::guest::Guest;
use crate::net::{GUEST, client};
use crate::scenario::stage::Stage;
use crate::scenario::table::Row;
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(super) const IN_A_ROW: Scenario = Scenario {
    name: "reboots",
    story: "A healthy VM is rebooted, again and again: Ready each time, and nothing was repaired",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(in_a_row(stage)) },
};

/// See the story.
pub(super) const BESIDE: Scenario = Scenario {
    name: "boot-time",
    story: "A VM boots with the agent and without it, by turns: clients wait hardly longer",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(beside(stage)) },
};

/// Emulated, each takes a minute or two.
const REBOOTS: usize = 20;
/// Boots of each kind: the least of them counts, since other work only ever makes one longer.
const TURNS: usize = 3;
/// How many times as long a client may wait on a guest with the agent: what else runs on the
/// machine differs from boot to boot.
const AS_LONG: f64 = 1.25;
/// How long the script waits for an answer, and before it asks again.
const ASKED: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);

async fn in_a_row(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    for number in 1..=REBOOTS {
        let last = guest.timeline.last().context("a ready guest reported")?;
        let mark = guest.mark();
        reboot(&guest).await?;
        let other = guest.until_another_agent(mark.at, &last, READY).await?;
        ensure!(other.report.agent.boot_id != last.agent.boot_id, "that was no reboot");
        let ready = guest.until_ready(other.at, READY).await?;
        guest.expect_repairs(&mark, &[]).with_context(|| format!("reboot {number}"))?;
        stage
            .say(&format!("reboot {number}: Ready {:.0} s after", (ready - mark.at).as_secs_f64()));
        stage.add(Row {
            fault: format!("reboot {number}, from the command"),
            healed: Some(ready - mark.at),
            ..Row::default()
        });
    }
    Ok(())
}

async fn beside(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    let (mut with, mut without, mut said) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 1..=TURNS {
        guest.sh("systemctl mask saigak-agent.service").await?;
        guest.power_off().await?;
        let on = Instant::now();
        let ((), served) =
            try_join!(guest.power_on(), script(&guest)).context("without the agent")?;
        without.push(served - on);
        stage.add(Row {
            fault: format!("boot {turn} without the agent, until a script has an embedding"),
            by_hand: Some(served - on),
            ..Row::default()
        });
        guest.sh("systemctl unmask saigak-agent.service").await?;
        guest.power_off().await?;
        let on = Instant::now();
        let all = try_join!(guest.power_on(), script(&guest), guest.until_ready(on, READY));
        let ((), served, ready) = all.context("with the agent")?;
        with.push(served - on);
        said.push(ready - on);
        stage.add(Row {
            fault: format!("boot {turn} with the agent, until Ready, and until the script has one"),
            healed: Some(ready - on),
            by_hand: Some(served - on),
            ..Row::default()
        });
    }
    let least = |times: &[Duration]| times.iter().min().map_or(0., Duration::as_secs_f64);
    let [with, without, said] = [&with, &without, &said].map(|times| least(times));
    let (served, ready) = (with / without, said / without);
    stage.say(&format!(
        "from power-on, the least of {TURNS} boots each: a script has an embedding after \
         {without:.1} s without the agent, {with:.1} s with it ({served:.2} times as long); Ready \
         after {said:.1} s ({ready:.2} times)"
    ));
    ensure!(served < AS_LONG, "with the agent, a client waits {served:.2} times as long");
    Ok(())
}

async fn reboot(guest: &Guest) -> Result<()> {
    guest.vm()?.begin(&["systemctl", "--no-block", "reboot"]).await
}

/// Returns when a script that only waits for a right embedding has one: it asks from outside, as
/// clients do, and asks again.
async fn script(guest: &Guest) -> Result<Instant> {
    let work = async {
        let asked = || client::embed(guest.gateway.worker(), GUEST, "The lake is frozen.", ASKED);
        while asked().await.is_err() {
            sleep(PAUSE).await;
        }
    };
    timeout(READY * guest.pace(), work).await.context("no client gets an embedding")?;
    Ok(Instant::now())
}
