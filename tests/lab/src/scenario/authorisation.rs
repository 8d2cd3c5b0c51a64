//! What the agent's user may and may not do. The agent talks to a network: whoever takes it over
//! must not have root with it.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};

use super::stage::Stage;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "authorisation",
    story: "The agent's user can do what the repairs need, and no more: no unit, no verb, no trick",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const USER: &str = "saigak-agent";
/// The helpers behind sockets.
const HELPERS: &[&str] = &[
    "network-match",
    "network-note",
    "network-lease",
    "network-restart",
    "storage-owner",
    "model-blobs",
    "model-room",
    "ollama-start",
    "ollama-reset",
    "ollama-restart",
    "ollama-runner",
    "ollama-stale",
    "ollama-bind",
    "ollama-models",
    "gpu-load",
    "gpu-persistence",
];
/// Units of others.
const OTHERS: &[&str] = &[
    "ollama.service",
    "ssh.service",
    "systemd-networkd.service",
    "saigak-agent.service",
    "poweroff.target",
];
/// Every way to ask systemd for something that changes a unit.
const VERBS: &[&str] = &[
    "start",
    "stop",
    "restart",
    "reload",
    "kill",
    "reset-failed",
    "mask --runtime",
    "set-property --runtime",
    "freeze",
];
/// Asks a helper as the agent does: connect, read to the end.
const CALL: &str = "import socket, sys\n\
    s = socket.socket(socket.AF_UNIX)\n\
    s.settimeout(50)\n\
    s.connect(sys.argv[1])\n\
    text = b''\n\
    while chunk := s.recv(4096): text += chunk\n\
    print(text.decode())\n";

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    // The agent's own repairs must not mix with what is tried here.
    guest.sh("systemctl stop saigak-agent.service").await?;
    guest.write_file("/usr/local/lib/call.py", CALL)?;
    stage.say("tries what is allowed: networkd's verbs, every helper's socket");
    allowed(&guest).await?;
    stage.say("tries every verb on every unit");
    refused_verbs(&guest).await?;
    stage.say("tries transient units under every name, the unit's file present and removed");
    refused_transients(&guest).await?;
    stage.say("tries the helpers' sockets as somebody else");
    refused_sockets(&guest).await
}

async fn allowed(guest: &Guest) -> Result<()> {
    for call in ["networkctl reload", "networkctl reconfigure enp1s0", "networkctl renew enp1s0"] {
        let done = guest.sh_as(USER, call).await?;
        ensure!(done.code == 0, "`{call}` is refused: {}", done.stderr.trim());
    }
    guest.sh("/usr/lib/systemd/systemd-networkd-wait-online -i enp1s0 -4 --timeout=30").await?;
    for helper in HELPERS {
        let script = format!("python3 /usr/local/lib/call.py /run/saigak-fix/{helper}.sock");
        let done = guest.sh_as(USER, &script).await?;
        ensure!(done.code == 0, "{helper}: {}", done.stderr.trim());
        let reply: serde_json::Value = serde_json::from_str(done.stdout.trim())
            .with_context(|| format!("{helper} answers: {}", done.stdout.trim()))?;
        let result = reply["result"].as_str().unwrap_or_default();
        // The lab's guests expect no GPU.
        let fits = if helper.starts_with("gpu-") {
            result == "refused"
        } else {
            matches!(result, "done" | "unneeded")
        };
        ensure!(fits, "{helper} in a healthy guest: {reply}");
    }
    Ok(())
}

async fn refused_verbs(guest: &Guest) -> Result<()> {
    let helpers = HELPERS.iter().map(|helper| format!("saigak-fix-{helper}.service"));
    let units: Vec<String> = OTHERS.iter().map(|unit| (*unit).to_owned()).chain(helpers).collect();
    // One shell for all: each line tells of a request that was not refused.
    let mut script = String::from("export SYSTEMD_COLORS=0\n");
    for unit in &units {
        for verb in VERBS {
            let (verb, option) = verb.split_once(' ').unwrap_or((verb, ""));
            let property = if verb == "set-property" { "CPUWeight=50" } else { "" };
            // Writing to a string cannot fail.
            let _ = writeln!(
                script,
                "systemctl --no-ask-password {verb} {option} {unit} {property} 2>&1 && \
                 echo ALLOWED {verb} {unit}"
            );
        }
    }
    script.push_str("true\n");
    let done = guest.sh_as(USER, &script).await?;
    let allowed: Vec<&str> =
        done.stdout.lines().filter(|line| line.starts_with("ALLOWED")).collect();
    ensure!(allowed.is_empty(), "the agent's user may: {allowed:?}");
    let refusals = done.stdout.matches("authentication required").count()
        + done.stdout.matches("Access denied").count();
    let asked = units.len() * VERBS.len();
    // Something other than polkit may say no first, but not in most cases.
    ensure!(
        refusals * 2 > asked,
        "only {refusals} of {asked} refusals are polkit's: {}",
        done.stdout
    );
    Ok(())
}

async fn refused_transients(guest: &Guest) -> Result<()> {
    let mut names: Vec<String> =
        HELPERS.iter().map(|helper| format!("saigak-fix-{helper}.service")).collect();
    let probes = ["storage", "write", "runner", "blobs", "firewall"];
    names.extend(probes.map(|probe| format!("saigak-probe-{probe}@x.service")));
    names.push("ollama.service".into());
    for name in &names {
        refused_transient(guest, name).await.with_context(|| format!("{name}, file present"))?;
    }
    let templates = probes.map(|probe| format!("saigak-probe-{probe}@.service"));
    for name in names.iter().chain(&templates) {
        let find = format!("find /usr/lib/systemd/system /etc/systemd/system -name '{name}'");
        for path in guest.sh(&find).await?.lines() {
            guest.sh(&format!("rm {path}")).await?;
        }
    }
    guest.sh("systemctl daemon-reload").await?;
    for name in &names {
        // A unit that still runs keeps its name: it must be gone for the trick to be tried.
        guest.try_sh(&format!("systemctl stop {name}")).await?;
        refused_transient(guest, name).await.with_context(|| format!("{name}, file removed"))?;
    }
    Ok(())
}

async fn refused_transient(guest: &Guest, name: &str) -> Result<()> {
    let script = format!(
        "systemd-run --no-ask-password --quiet --unit={name} --uid=0 touch /run/transient-was-here"
    );
    let done = guest.sh_as(USER, &script).await?;
    ensure!(done.code != 0, "a transient unit is allowed");
    let trace = guest.try_sh("test -e /run/transient-was-here").await?;
    ensure!(trace.code != 0, "a transient unit ran as root");
    Ok(())
}

async fn refused_sockets(guest: &Guest) -> Result<()> {
    for helper in HELPERS {
        let script = format!("python3 /usr/local/lib/call.py /run/saigak-fix/{helper}.sock");
        let done = guest.sh_as("nobody", &script).await?;
        ensure!(
            done.code != 0 && done.stderr.contains("PermissionError"),
            "{helper} answers anybody: {}{}",
            done.stdout,
            done.stderr
        );
    }
    Ok(())
}
