//! A server, or something else, at the wrong port or address.

use std::time::Duration;

use anyhow::Result;

use super::matter::Matter;
use super::stage::Stage;
use super::{Needs, Playing, Scenario};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "ports",
    story: "Ollama was moved to another port, and another web server answers where clients ask",
    needs: Needs::AnyServer,
    shows: &[
        "OllamaServing/OtherPort",
        "OllamaServing/WrongAnswer",
        "EndpointReachable/WrongAnswer",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Somebody may have clients there: it is not moved back.
const OTHER_PORT: Matter = Matter {
    what: "Ollama moved to another port",
    breaks: "mkdir -p /etc/systemd/system/ollama.service.d && \
        printf '[Service]\\nEnvironment=OLLAMA_HOST=0.0.0.0:11500\\n' \
        > /etc/systemd/system/ollama.service.d/override.conf && \
        systemctl daemon-reload && systemctl restart ollama.service",
    condition: "OllamaServing",
    reasons: &["OtherPort"],
    says: "OLLAMA_HOST names port 11500",
    ready: false,
    remedies: &[&[]],
    cure: "rm /etc/systemd/system/ollama.service.d/override.conf && \
        systemctl daemon-reload && systemctl restart ollama.service",
    after: &[&[]],
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_secs(30),
};

/// It answers 404 to `GET /`.
const OTHER_SERVER: Matter = Matter {
    what: "another web server at Ollama's old port",
    breaks: "mkdir -p /etc/systemd/system/ollama.service.d && \
        printf '[Service]\\nEnvironment=OLLAMA_HOST=0.0.0.0:11500\\n' \
        > /etc/systemd/system/ollama.service.d/override.conf && \
        systemctl daemon-reload && systemctl restart ollama.service && \
        systemd-run --quiet --unit=web.service \
        python3 -m http.server --directory /nonexistent 11434",
    reasons: &["WrongAnswer"],
    says: "(from web.service)",
    cure: "systemctl stop web.service && \
        rm /etc/systemd/system/ollama.service.d/override.conf && \
        systemctl daemon-reload && systemctl restart ollama.service",
    ..OTHER_PORT
};

/// Ollama has the port at loopback, where all its own checks pass.
const OTHER_ADDRESS: Matter = Matter {
    what: "another web server at the guest's address",
    breaks: "systemctl stop ollama.service && systemd-run --quiet --unit=web.service \
        python3 -m http.server --bind 10.0.2.2 --directory /nonexistent 11434 && \
        mkdir -p /etc/systemd/system/ollama.service.d && \
        printf '[Service]\\nEnvironment=OLLAMA_HOST=127.0.0.1\\n' \
        > /etc/systemd/system/ollama.service.d/override.conf && systemctl daemon-reload && \
        until curl --silent --output /dev/null http://10.0.2.2:11434/; do :; done; \
        systemctl start ollama.service",
    condition: "EndpointReachable",
    // Seen stopped before the port was taken, it may be started.
    remedies: &[&[], &["ollama/Start"]],
    ..OTHER_SERVER
};

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    for matter in [&OTHER_PORT, &OTHER_SERVER, &OTHER_ADDRESS] {
        stage.play_matter(&guest, matter).await?;
    }
    Ok(())
}
