//! Asks the daemon over its control socket.

use std::time::Duration;

use crate::core::Report;

/// The control socket.
pub(super) const PATH: &str = "/run/saigak-agent/agent.sock";

/// The daemon answers from memory.
const DEADLINE: Duration = Duration::from_secs(3);

/// The daemon's report, as text and read.
pub(super) fn report() -> Result<(String, Report), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("runtime: {error}"))?;
    let text = runtime.block_on(fetch())?;
    let report = serde_json::from_str(&text)
        .map_err(|error| format!("{PATH}: the answer makes no sense: {error}"))?;
    Ok((text, report))
}

async fn fetch() -> Result<String, String> {
    let fail = |error: reqwest::Error| {
        if error.is_connect() {
            format!("{PATH}: the agent does not answer; see systemctl status saigak-agent")
        } else {
            format!("{PATH}: {error}")
        }
    };
    let client = reqwest::Client::builder()
        .unix_socket(PATH)
        .no_proxy()
        .timeout(DEADLINE)
        .build()
        .map_err(fail)?;
    let response = client.get("http://agent/v1/status").send().await.map_err(fail)?;
    response.error_for_status().map_err(fail)?.text().await.map_err(fail)
}
