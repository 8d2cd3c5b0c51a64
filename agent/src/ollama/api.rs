//! The server's HTTP API, as far as the agent uses it. Every request has a deadline and its
//! answer a bound; no proxy is used and no redirect followed, whatever the environment says.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::{Client, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// More than any answer that is read whole: `/api/show` of a large vocabulary has some
/// megabytes.
const ANSWER_LIMIT: usize = 16 << 20;

/// Characters that are kept of the server's words about an error.
const MESSAGE_MAX: usize = 200;

/// Why a request gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Nobody listens there.
    #[error("{url}: connection refused")]
    Refused {
        /// The URL asked.
        url: String,
    },
    /// No way leads there: the guest has lost that address, or its link.
    #[error("{url}: no way leads there")]
    Unreachable {
        /// The URL asked.
        url: String,
    },
    /// No answer within the deadline.
    #[error("{url}: no answer within {} s", .after.as_secs())]
    TimedOut {
        /// The URL asked.
        url: String,
        /// The deadline.
        after: Duration,
    },
    /// An answer other than 200, with the server's own words.
    #[error("{url}: {status}: {message}")]
    Status {
        /// The URL asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// The `error` of its body.
        message: String,
    },
    /// An answer that makes no sense, or a connection that broke.
    #[error("{url}: {what}")]
    Broken {
        /// The URL asked.
        url: String,
        /// What was wrong with it.
        what: String,
    },
}

impl ApiError {
    /// Whether the server says that it lacks what was asked for.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. })
    }
}

/// One server at one address.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    base: String,
}

impl Api {
    /// A client for all servers of this guest.
    ///
    /// # Errors
    /// Where the client cannot be set up.
    pub fn client() -> Result<Client, String> {
        Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // Each request proves the way anew, not a connection that was made before.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("saigak-agent/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("HTTP client: {error}"))
    }

    /// The server at `address`.
    #[must_use]
    pub fn at(client: &Client, address: IpAddr, port: u16) -> Self {
        let base = format!("http://{}", SocketAddr::from((address, port)));
        Self { client: client.clone(), base }
    }

    /// `GET /`: whether the server answers at all.
    ///
    /// # Errors
    /// Where it does not.
    pub async fn alive(&self, deadline: Duration) -> Result<(), ApiError> {
        let url = format!("{}/", self.base);
        let answer = async {
            let response = self.client.get(&url).send().await;
            check(&url, response.map_err(|error| broken(&url, &error))?).await.map(drop)
        };
        within(&url, deadline, answer).await
    }

    /// `GET path`, its JSON.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        deadline: Duration,
    ) -> Result<T, ApiError> {
        let url = format!("{}{path}", self.base);
        let answer = async {
            let response = self.client.get(&url).send().await;
            let response = check(&url, response.map_err(|error| broken(&url, &error))?).await?;
            json(&url, &body(&url, response).await?)
        };
        within(&url, deadline, answer).await
    }

    /// `POST path` with a JSON body, its JSON.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        request: &(impl Serialize + Sync),
        deadline: Duration,
    ) -> Result<T, ApiError> {
        let url = format!("{}{path}", self.base);
        let answer = async {
            let response = self.client.post(&url).json(request).send().await;
            let response = check(&url, response.map_err(|error| broken(&url, &error))?).await?;
            json(&url, &body(&url, response).await?)
        };
        within(&url, deadline, answer).await
    }

    /// `POST path` with a JSON body; the caller reads the answer's stream, and sets the
    /// deadlines.
    ///
    /// # Errors
    /// Where the answer is not 200.
    pub async fn post_stream(
        &self,
        path: &str,
        request: &(impl Serialize + Sync),
    ) -> Result<Response, ApiError> {
        let url = format!("{}{path}", self.base);
        let response = self.client.post(&url).json(request).send().await;
        check(&url, response.map_err(|error| broken(&url, &error))?).await
    }

    /// Gives the model `source` the name `destination` too. No weights are copied.
    ///
    /// # Errors
    /// Where the server does not.
    pub async fn copy(
        &self,
        source: &str,
        destination: &str,
        deadline: Duration,
    ) -> Result<(), ApiError> {
        let url = format!("{}/api/copy", self.base);
        let request = serde_json::json!({ "source": source, "destination": destination });
        let answer = async {
            let response = self.client.post(&url).json(&request).send().await;
            check(&url, response.map_err(|error| broken(&url, &error))?).await.map(drop)
        };
        within(&url, deadline, answer).await
    }

    /// Takes the name `model` away, and what no other has of it.
    ///
    /// # Errors
    /// Where the server does not.
    pub async fn delete(&self, model: &str, deadline: Duration) -> Result<(), ApiError> {
        let url = format!("{}/api/delete", self.base);
        let request = serde_json::json!({ "model": model });
        let answer = async {
            let response = self.client.delete(&url).json(&request).send().await;
            check(&url, response.map_err(|error| broken(&url, &error))?).await.map(drop)
        };
        within(&url, deadline, answer).await
    }
}

async fn within<T>(
    url: &str,
    after: Duration,
    answer: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    tokio::time::timeout(after, answer)
        .await
        .unwrap_or_else(|_| Err(ApiError::TimedOut { url: url.into(), after }))
}

fn broken(url: &str, error: &reqwest::Error) -> ApiError {
    let url = url.to_owned();
    if error.is_connect() && text_of(error).contains("refused") {
        return ApiError::Refused { url };
    }
    if error.is_connect() && is_unreachable(error) {
        return ApiError::Unreachable { url };
    }
    ApiError::Broken { url, what: text_of(error) }
}

/// Whether the kernel knows of no way to the address.
fn is_unreachable(error: &reqwest::Error) -> bool {
    let unreachable = [ErrorKind::NetworkUnreachable, ErrorKind::HostUnreachable];
    let cause = innermost(error).downcast_ref::<io::Error>();
    cause.is_some_and(|cause| unreachable.contains(&cause.kind()))
}

/// The innermost cause says what happened; the outer ones repeat the URL.
fn text_of(error: &(dyn std::error::Error + 'static)) -> String {
    innermost(error).to_string()
}

fn innermost<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}

async fn check(url: &str, response: Response) -> Result<Response, ApiError> {
    let status = response.status();
    if status == StatusCode::OK {
        return Ok(response);
    }
    let bytes = body(url, response).await.unwrap_or_default();
    Err(ApiError::Status {
        url: url.into(),
        status: status.as_u16(),
        message: error_message(&bytes),
    })
}

/// The server's words: `{"error": "text"}` on its own API, `{"error": {"message": "text"}}`
/// on the `OpenAI` one, else whatever it sent; the start of it.
fn error_message(bytes: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let error = value.get("error");
    let words = error.and_then(|error| error.as_str().or_else(|| error.get("message")?.as_str()));
    let words = words.map_or_else(|| String::from_utf8_lossy(bytes), Into::into);
    words.chars().take(MESSAGE_MAX).collect()
}

async fn body(url: &str, response: Response) -> Result<Vec<u8>, ApiError> {
    let mut stream = response.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| broken(url, &error))?;
        if bytes.len() + chunk.len() > ANSWER_LIMIT {
            let what = format!("an answer of more than {ANSWER_LIMIT} bytes");
            return Err(ApiError::Broken { url: url.into(), what });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn json<T: DeserializeOwned>(url: &str, bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes)
        .map_err(|error| ApiError::Broken { url: url.into(), what: format!("malformed: {error}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_s_words_are_found_in_either_shape() {
        assert_eq!(error_message(br#"{"error":"model 'x' not found"}"#), "model 'x' not found");
        let openai = br#"{"error":{"message":"invalid input","type":"t","param":null}}"#;
        assert_eq!(error_message(openai), "invalid input");
        assert_eq!(error_message(b"404 page not found"), "404 page not found");
        assert_eq!(error_message(b""), "");
        let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(15 << 20));
        assert_eq!(error_message(long.as_bytes()), "x".repeat(MESSAGE_MAX));
    }
}
