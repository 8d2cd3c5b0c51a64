//! Asks the daemon over its control socket.

use std::time::Duration;

use reqwest::{Client, Method, Response};

use crate::core::Report;

/// The control socket.
pub(super) const PATH: &str = "/run/saigak-agent/agent.sock";

/// The daemon answers from memory.
const DEADLINE: Duration = Duration::from_secs(3);

/// The daemon carries an order out, and saves it, within 15 s, or says that it cannot.
const ORDER_DEADLINE: Duration = Duration::from_secs(20);

/// Why there is no good answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// Nobody listens.
    #[error("{PATH}: the agent does not answer; see systemctl status saigak-agent")]
    NoAgent,
    /// The connection broke, or took too long.
    #[error("{PATH}: {0}")]
    Broken(String),
    /// The daemon said no.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
}

impl From<reqwest::Error> for AskError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_connect() { Self::NoAgent } else { Self::Broken(error.to_string()) }
    }
}

/// Runs `future` to its end on a runtime of its own.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, AskError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(|error| AskError::Broken(format!("runtime: {error}")))?.block_on(future))
}

/// The daemon's report, as text and read.
pub(super) fn report() -> Result<(String, Report), AskError> {
    let text = get("/v1/status")?;
    let report = read(&text)?;
    Ok((text, report))
}

/// A report from its JSON.
pub(super) fn read(text: &str) -> Result<Report, AskError> {
    serde_json::from_str(text)
        .map_err(|error| AskError::Broken(format!("the answer makes no sense: {error}")))
}

/// What the daemon answers at `path`.
pub(super) fn get(path: &str) -> Result<String, AskError> {
    block_on(async {
        let response = ask(Method::GET, path, Some(DEADLINE)).await?;
        Ok(response.text().await?)
    })?
}

/// Gives an order, and returns the daemon's words for what came of it.
pub(super) fn order(path: &str) -> Result<String, AskError> {
    block_on(async {
        let response = ask(Method::POST, path, Some(ORDER_DEADLINE)).await?;
        Ok(response.text().await?)
    })?
}

/// Asks; an answer that is not good is an error. Without a deadline for what has no end.
pub(super) async fn ask(
    method: Method,
    path: &str,
    deadline: Option<Duration>,
) -> Result<Response, AskError> {
    let mut client = Client::builder().unix_socket(PATH).no_proxy();
    if let Some(deadline) = deadline {
        client = client.timeout(deadline);
    }
    let response = client.build()?.request(method, format!("http://agent{path}")).send().await?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let message = response.text().await?.trim().to_owned();
    Err(AskError::Refused { status: status.as_u16(), message })
}
