//! A server that ends as often as systemd starts it.

use std::time::Duration;

use anyhow::Result;

use super::matter::Matter;
use super::stage::Stage;
use super::{Needs, Playing, Scenario};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "crash",
    story: "Ollama ends as often as it starts: no home, no program, a bad one, or its port taken",
    needs: Needs::AnyServer,
    shows: &[
        "OllamaRunning/CrashLoop",
        "OllamaRunning/ProgramMissing",
        "OllamaRunning/ProgramUnusable",
        "OllamaRunning/PortTaken",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// A drop-in takes the home directory away.
const HOMELESS: Matter = Matter {
    what: "no HOME for Ollama",
    breaks: "mkdir -p /run/systemd/system/ollama.service.d && \
        printf '[Service]\\nUnsetEnvironment=HOME\\n' \
        > /run/systemd/system/ollama.service.d/home.conf && \
        systemctl daemon-reload && systemctl restart ollama.service",
    condition: "OllamaRunning",
    reasons: &["CrashLoop"],
    says: "it has no HOME",
    ready: false,
    remedies: &[&[]],
    // The next of systemd's own restarts finds it.
    cure: "rm /run/systemd/system/ollama.service.d/home.conf && systemctl daemon-reload",
    after: &[&[]],
    seen_within: Duration::from_secs(30),
    healed_within: Duration::from_secs(30),
};

/// An empty directory in the place of all local programs.
const NO_PROGRAM: Matter = Matter {
    what: "Ollama's program missing",
    breaks: "mount -t tmpfs tmpfs /usr/local/bin && systemctl restart ollama.service",
    condition: "OllamaRunning",
    reasons: &["ProgramMissing"],
    says: "/usr/local/bin/ollama does not exist",
    ready: false,
    remedies: &[&[]],
    cure: "umount /usr/local/bin",
    after: &[&[]],
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_secs(30),
};

const BAD_PROGRAM: Matter = Matter {
    what: "Ollama's program replaced by garbage",
    breaks: "echo '<html>404</html>' > /run/garbage && chmod 755 /run/garbage && \
        mount --bind /run/garbage /usr/local/bin/ollama && systemctl restart ollama.service",
    condition: "OllamaRunning",
    reasons: &["ProgramUnusable"],
    says: "/usr/local/bin/ollama is no program",
    ready: false,
    remedies: &[&[]],
    cure: "umount /usr/local/bin/ollama",
    after: &[&[]],
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_secs(30),
};

const FORBIDDEN_PROGRAM: Matter = Matter {
    what: "Ollama's program not executable",
    breaks: "cp /usr/bin/true /run/forbidden && chmod 644 /run/forbidden && \
        mount --bind /run/forbidden /usr/local/bin/ollama && systemctl restart ollama.service",
    says: "/usr/local/bin/ollama is not executable",
    ..BAD_PROGRAM
};

/// Another server is quicker, and answers `GET /` like any web server.
const PORT_TAKEN: Matter = Matter {
    what: "Ollama's port taken by another unit",
    breaks: "systemctl stop ollama.service && \
        systemd-run --quiet --unit=web.service python3 -m http.server 11434 && \
        until curl --silent --output /dev/null http://127.0.0.1:11434/; do :; done; \
        systemctl start ollama.service",
    condition: "OllamaRunning",
    reasons: &["PortTaken"],
    says: "held by web.service",
    ready: false,
    // Seen stopped before the port was taken, it may be started.
    remedies: &[&[], &["ollama/Start"]],
    cure: "systemctl stop web.service",
    after: &[&[]],
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_secs(30),
};

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    for matter in [&NO_PROGRAM, &BAD_PROGRAM, &FORBIDDEN_PROGRAM, &PORT_TAKEN, &HOMELESS] {
        stage.play_matter(&guest, matter).await?;
    }
    Ok(())
}
