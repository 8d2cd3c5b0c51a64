//! The shapes of answers: JSON, errors, lines of JSON.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::mpsc;

use crate::go;
use crate::pull::{Progress, PullError};
use crate::store::ModelError;

/// The content type of most JSON answers.
pub(super) const JSON_UTF8: &str = "application/json; charset=utf-8";
/// The content type of JSON that went through a stream or the `OpenAI` layer.
pub(super) const JSON: &str = "application/json";

/// An error status with its text.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

impl Failure {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    pub(super) fn internal(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }

    /// 404 with `missing` where there is no such model, 500 for anything else.
    pub(super) fn of_model(error: ModelError, missing: impl FnOnce() -> String) -> Self {
        match error {
            ModelError::NotFound => Self::not_found(missing()),
            ModelError::Broken(text) => Self::internal(text),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        json(self.status, JSON_UTF8, &json!({ "error": self.text }))
    }
}

/// A JSON answer. `content_type` is one of [`JSON`] and [`JSON_UTF8`].
pub(super) fn json(
    status: StatusCode,
    content_type: &'static str,
    body: &impl Serialize,
) -> Response {
    match serde_json::to_vec(body) {
        Ok(text) => (status, [(header::CONTENT_TYPE, content_type)], text).into_response(),
        Err(error) => Failure::internal(error).into_response(),
    }
}

pub(super) fn ok(body: &impl Serialize) -> Response {
    json(StatusCode::OK, JSON_UTF8, body)
}

/// Reads the request, whatever content type it claims.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    if body.is_empty() {
        return Err(Failure::bad_request("missing request body"));
    }
    serde_json::from_slice(body).map_err(|error| Failure::bad_request(go::json_text(body, &error)))
}

/// Does disk work off the one thread that answers everyone.
pub(super) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(Failure::internal)
}

/// Runs work that reports progress.
///
/// As a stream each report is a line, and so is the error: the status is 200 before anything is
/// known. As one answer only the end counts, and an error is a 500.
pub(super) async fn progress<F>(
    stream: bool,
    work: impl FnOnce(mpsc::Sender<Progress>) -> F,
) -> Response
where
    F: Future<Output = Result<(), PullError>> + Send + 'static,
{
    let (report, mut reports) = mpsc::channel(16);
    let work = work(report);
    if stream {
        let body = Body::from_stream(lines(work, reports));
        return ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response();
    }
    let drain = async { while reports.recv().await.is_some() {} };
    let (result, ()) = tokio::join!(work, drain);
    match result {
        Ok(()) => json(StatusCode::OK, JSON, &json!({ "status": "success" })),
        Err(error) => {
            let body = json!({ "error": error.to_string() });
            json(StatusCode::INTERNAL_SERVER_ERROR, JSON, &body)
        }
    }
}

/// The lines, while the work goes on. Dropping the stream, as a client that leaves does, drops
/// the work.
fn lines<F>(
    work: F,
    reports: mpsc::Receiver<Progress>,
) -> impl futures_util::Stream<Item = Result<Bytes, std::convert::Infallible>>
where
    F: Future<Output = Result<(), PullError>> + Send + 'static,
{
    enum Next<F> {
        Work(std::pin::Pin<Box<F>>, mpsc::Receiver<Progress>),
        Rest(Option<PullError>, mpsc::Receiver<Progress>),
        Ended,
    }
    futures_util::stream::unfold(Next::Work(Box::pin(work), reports), |mut next| async move {
        loop {
            next = match next {
                Next::Work(mut work, mut reports) => tokio::select! {
                    biased;
                    Some(report) = reports.recv() => {
                        return Some((Ok(line(&report)), Next::Work(work, reports)));
                    }
                    result = &mut work => Next::Rest(result.err(), reports),
                },
                Next::Rest(error, mut reports) => match (reports.recv().await, error) {
                    (Some(report), error) => {
                        return Some((Ok(line(&report)), Next::Rest(error, reports)));
                    }
                    (None, Some(error)) => {
                        let body = json!({ "error": error.to_string() });
                        return Some((Ok(line(&body)), Next::Ended));
                    }
                    (None, None) => return None,
                },
                Next::Ended => return None,
            };
        }
    })
}

fn line(value: &impl Serialize) -> Bytes {
    // A report is a flat record of strings and numbers, which cannot fail to be written.
    let mut text = serde_json::to_vec(value).unwrap_or_default();
    text.push(b'\n');
    text.into()
}
