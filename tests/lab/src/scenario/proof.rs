//! Answers that look like embeddings and are none. A real server cannot be made to give them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::net::client::AGENT_PORT;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "proof",
    story: "The server answers 200 with vectors that are wrong: Ready would be a lie",
    needs: Needs::StandIn,
    shows: &[
        "EmbeddingCorrect/WrongDimension",
        "EmbeddingCorrect/NotFinite",
        "EmbeddingCorrect/NotUnit",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// The switch file, and the drop-in that names it to the stand-in.
const SWITCHES: &str = "/etc/saigak-standin.json";
const DROP_IN: &str = "mkdir -p /etc/systemd/system/ollama.service.d && \
    printf '[Service]\\nEnvironment=SAIGAK_STANDIN_FAULTS=/etc/saigak-standin.json\\n' \
    > /etc/systemd/system/ollama.service.d/switches.conf && \
    systemctl daemon-reload && systemctl restart ollama.service";

/// What the stand-in is switched to, and the reason that the agent must give for it.
const CASES: &[(&str, &str, &str)] = &[
    ("three quarters of the dimensions", "short", "WrongDimension"),
    ("one number is not a number", "nan", "NotFinite"),
    ("twice the length", "not-unit", "NotUnit"),
];

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let mark = guest.mark();
    guest.sh(DROP_IN).await?;
    guest.until_ready(mark.at, FIRST_READY).await?;
    for (what, switch, reason) in CASES {
        stage.say(&format!("breaks: the stand-in answers with {what}"));
        let mark = guest.mark();
        guest.write_file(SWITCHES, format!("{{\"vector\":\"{switch}\"}}"))?;
        let limit = Duration::from_mins(1);
        let seen = guest
            .expect(&mark, "EmbeddingCorrect", "False", reason, limit)
            .await
            .with_context(|| (*what).to_owned())?;
        let answer = guest.get(AGENT_PORT, "/readyz").await?;
        ensure!(answer.status == 503, "/readyz says {} to {what}", answer.status);
        ensure!(answer.body.contains(reason), "/readyz does not name {reason}: {}", answer.body);
        guest.write_file(SWITCHES, "{}")?;
        let mended = guest.mark();
        let healed = guest.until_ready(mended.at, FIRST_READY).await?;
        stage.add(Row {
            fault: (*what).into(),
            seen: Some(seen - mark.at),
            healed: Some(healed - mended.at),
            by_hand: None,
            remedies: guest.remedies(&mark),
        });
    }
    Ok(())
}
