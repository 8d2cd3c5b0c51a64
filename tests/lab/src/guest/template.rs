//! The content of a healthy data disk, made once by the server itself: a guest pulls the model
//! from the lab's registry, makes the alias, and its disk is kept.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Guest;
use super::disk::MOUNT;
use super::options::Options;
use crate::hash::Key;
use crate::host::inside::Lab;
use crate::net::client::ALIAS;
use crate::{process, root, say};

/// The name that is pulled.
pub const SOURCE: &str = "qwen3-embedding:0.6b";
/// A slow machine and a real model.
const PULL: Duration = Duration::from_mins(15);

/// What the agent's drop-in says; the agent is not installed here.
const DROP_IN: &str = "[Service]\nEnvironment=OLLAMA_MODELS=/var/lib/ollama OLLAMA_NO_CLOUD=1\n";

/// The tree that a healthy guest's data disk is filled with; made first where it has not been.
pub async fn ensure(lab: &Rc<Lab>) -> Result<PathBuf> {
    let plan = &lab.run.plan;
    let _build = root::lock(&plan.lab)?;
    let equipment = &plan.equipment;
    let server = match &equipment.ollama {
        Some(prefix) => prefix.join("bin/ollama"),
        None => equipment.stand_in.clone(),
    };
    let mut key = Key::default().text(&lab.bare[0].to_string_lossy()).file(&server)?;
    key = key.file(&equipment.registry)?;
    if let Some(gguf) = &equipment.gguf {
        key = key.file(gguf)?;
    }
    let template = plan.lab.join(format!("disk-{}", key.finish()));
    if template.is_dir() {
        return Ok(template);
    }
    say::step("filling a data disk: a guest pulls the model (once for each server)");
    let partial = template.with_extension("partial");
    if partial.exists() {
        std::fs::remove_dir_all(&partial)
            .with_context(|| format!("cannot remove {}", partial.display()))?;
    }
    let guest = Guest::boot(lab, Options { agent: false, ..Options::empty("template") }).await?;
    let filled = fill(&guest).await;
    if filled.is_err() {
        let kept = guest.save_evidence(&plan.lab).await?;
        say::error(&format!("the guest's journal and more are in {}", kept.display()));
    }
    filled?;
    let mut copy = process::command("cp", &["--archive"]);
    copy.arg(format!("/proc/{}/root{MOUNT}", guest.leader()?)).arg(&partial);
    process::run(copy, PULL).await?;
    let _ = std::fs::remove_dir(partial.join("lost+found"));
    guest.kill().await?;
    std::fs::rename(&partial, &template).with_context(|| {
        format!("cannot rename {} to {}", partial.display(), template.display())
    })?;
    Ok(template)
}

async fn fill(guest: &Guest) -> Result<()> {
    guest.settled().await?;
    guest.sh("mkdir -p /run/systemd/system/ollama.service.d").await?;
    guest.write_file("/run/systemd/system/ollama.service.d/lab.conf", DROP_IN)?;
    guest.sh("systemctl daemon-reload && systemctl restart ollama.service").await?;
    let wait = "curl --silent --show-error --retry 60 --retry-delay 1 --retry-connrefused \
                --max-time 5 http://127.0.0.1:11434/";
    guest.sh(wait).await?;
    let body = serde_json::json!({ "model": SOURCE, "stream": false });
    post(guest, "pull", &body).await?;
    let body = serde_json::json!({
        "model": ALIAS,
        "from": SOURCE,
        "template": "{{ .Prompt }}",
        "parameters": { "num_ctx": 4096 },
        "stream": false,
    });
    post(guest, "create", &body).await?;
    guest.sh("systemctl stop ollama.service && sync").await.map(drop)
}

async fn post(guest: &Guest, path: &str, body: &serde_json::Value) -> Result<()> {
    let script =
        format!("curl --silent --show-error http://127.0.0.1:11434/api/{path} --data '{body}'");
    let answer = guest.sh_within(&script, PULL).await?;
    ensure!(
        answer.code == 0 && answer.stdout.contains(r#""status":"success""#),
        "/api/{path}: {}{}",
        answer.stdout,
        answer.stderr
    );
    Ok(())
}
