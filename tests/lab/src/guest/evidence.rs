//! What is kept of a guest in which a scenario failed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::Guest;
use crate::paths::{make_directory, write};

/// File, and the command in the guest whose output goes there.
const QUESTIONS: &[(&str, &[&str])] = &[
    ("journal.txt", &["journalctl", "--no-pager", "--output=short-precise"]),
    ("status.txt", &["saigak-agent", "status"]),
    ("units.txt", &["systemctl", "--no-pager", "--all", "list-units"]),
    ("failed.txt", &["systemctl", "--no-pager", "status", "--failed", "saigak-agent", "ollama"]),
    ("links.txt", &["networkctl", "--no-pager", "status", "--all"]),
    ("mounts.txt", &["findmnt", "--real"]),
];

impl Guest {
    /// Saves all that tells what happened, and returns where.
    pub async fn save_evidence(&self, lab: &Path) -> Result<PathBuf> {
        let target = lab.join("failed").join(&self.name);
        if target.exists() {
            std::fs::remove_dir_all(&target)
                .with_context(|| format!("cannot remove {}", target.display()))?;
        }
        make_directory(&target)?;
        for log in ["console.log", "dhcp.log", "dns.log", "registry.log", "qemu.log"] {
            // A guest that never came up has not all of them.
            let _ = std::fs::copy(self.logs.join(log), target.join(log));
        }
        let mut lines = String::new();
        if let Some(first) = self.timeline.since_start().first().map(|seen| seen.at) {
            for seen in self.timeline.since_start() {
                let at = (seen.at - first).as_secs_f64();
                let report = seen.line.trim();
                // Writing to a string cannot fail.
                let _ = writeln!(lines, "{{\"seconds\":{at:.3},\"report\":{report}}}");
            }
        }
        write(&target.join("timeline.ndjson"), lines)?;
        for (file, question) in QUESTIONS {
            let text = match self.exec(question, Duration::from_secs(10)).await {
                Ok(done) => format!("{}{}", done.stdout, done.stderr),
                Err(error) => format!("{error:#}\n"),
            };
            write(&target.join(file), text)?;
        }
        Ok(target)
    }
}
