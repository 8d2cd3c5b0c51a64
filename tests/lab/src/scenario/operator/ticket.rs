//! `saigak-agent report`: a file for a ticket.

use anyhow::{Result, ensure};

use super::support::exits;
use crate::scenario::stage::Stage;
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(in crate::scenario) const SCENARIO: Scenario = Scenario {
    name: "report",
    story: "A report for a ticket holds what is needed, and none of the secrets that lie about",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Secrets where people leave them: netplan, the server's unit, the journal, cloud-init's log.
const PLANTED: &str = "umask 077 && mkdir -p /etc/netplan /etc/systemd/system/ollama.service.d && \
    printf 'network:\\n  version: 2\\n  wifis:\\n    wlan0:\\n      access-points:\\n        \
    home:\\n          password: \"swordfish-1\"\\n' > /etc/netplan/90-lab.yaml && \
    printf '[Service]\\nEnvironment=HF_TOKEN=swordfish-2\\n' \
    > /etc/systemd/system/ollama.service.d/lab.conf && \
    systemd-run --quiet --wait --unit=saigak-lab \
    echo 'fetching https://me:swordfish-3@example.org/ with Bearer swordfish-4' && \
    printf 'chpasswd:\\n  list: |\\n    root:swordfish-5\\n' > /var/log/cloud-init.log && \
    systemctl daemon-reload";

/// What must be in it.
const HELD: &[(&str, &str)] = &[
    ("agent/status.json", "\"verdict\":\"Ready\""),
    ("agent/conditions.txt", "EmbeddingCorrect"),
    ("agent/history.ndjson", "\"event\":\"agent\""),
    ("journal/agent.txt", "fetching https://[redacted]@example.org/ with Bearer [redacted]"),
    ("files/etc/netplan/90-lab.yaml", "password: [redacted]"),
    ("network/networkctl.txt", "enp1s0"),
    ("cloud-init/cloud-init.log", "chpasswd:"),
    ("units/cat.txt", "HF_TOKEN=[redacted]"),
];

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.sh(PLANTED).await?;
    stage.say("writes the report");
    let said = guest.sh("cd /root && saigak-agent report").await?;
    let file = said.lines().next().unwrap_or_default();
    ensure!(file.starts_with("saigak-report-") && file.ends_with(".tar.gz"), "{said}");
    let mode = guest.sh(&format!("stat --format=%a /root/{file}")).await?;
    ensure!(mode.trim() == "600", "the file's mode is {mode}");
    guest.sh(&format!("mkdir /root/ticket && tar -C /root/ticket -xzf /root/{file}")).await?;
    for (path, text) in HELD {
        let content = guest.sh(&format!("cat /root/ticket/*/{path}")).await?;
        ensure!(content.contains(text), "no {text:?} in {path}:\n{content}");
    }
    let leaks = guest.try_sh("grep --recursive swordfish /root/ticket").await?;
    ensure!(leaks.code == 1, "secrets in it:\n{}", leaks.stdout);

    stage.say("without the agent, and as somebody who may read little: what is missing is named");
    exits(&guest.try_sh(&format!("saigak-agent report /root/{file}")).await?, 1, "exists")?;
    guest.sh("systemctl stop saigak-agent.service").await?;
    exits(&guest.sh_as("nobody", "saigak-agent report /tmp/little.tar.gz").await?, 0, "MISSING")?;
    let missing = guest.sh("tar -xzOf /tmp/little.tar.gz --wildcards '*/MISSING.txt'").await?;
    for name in ["agent/status.json: ", "agent/ledger.json: "] {
        ensure!(missing.contains(name), "{name} is not named as missing:\n{missing}");
    }
    Ok(())
}
