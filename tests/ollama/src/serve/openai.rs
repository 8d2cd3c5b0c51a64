//! The endpoints in `OpenAI`'s shapes: `/v1/embeddings`, `/v1/models`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::App;
use super::answer::{Failure, JSON, JSON_UTF8, json, on_disk, parse};
use super::embed::{Job, embed, texts};
use crate::clock;
use crate::name::Name;
use crate::store::Model;

/// An error in `OpenAI`'s shape.
pub(super) struct OpenAiFailure {
    failure: Failure,
    /// What is refused before it reaches the embedding code has the longer type.
    content_type: &'static str,
}

impl OpenAiFailure {
    fn early(text: impl Into<String>) -> Self {
        Self { failure: Failure::bad_request(text), content_type: JSON_UTF8 }
    }
}

impl From<Failure> for OpenAiFailure {
    fn from(failure: Failure) -> Self {
        Self { failure, content_type: JSON }
    }
}

impl IntoResponse for OpenAiFailure {
    fn into_response(self) -> Response {
        let Failure { status, text } = self.failure;
        let kind = match status {
            StatusCode::BAD_REQUEST => "invalid_request_error",
            StatusCode::NOT_FOUND => "not_found_error",
            _ => "api_error",
        };
        let error = json!({ "message": text, "type": kind, "param": null, "code": null });
        json(status, self.content_type, &json!({ "error": error }))
    }
}

#[derive(Debug, Deserialize)]
struct Request {
    #[serde(default)]
    model: String,
    #[serde(default)]
    input: Value,
    dimensions: Option<i64>,
    #[serde(default)]
    encoding_format: String,
}

#[derive(Debug, Serialize)]
struct Embeddings {
    object: &'static str,
    data: Vec<Item>,
    model: String,
    usage: Usage,
}

#[derive(Debug, Serialize)]
struct Item {
    object: &'static str,
    embedding: Vector,
    index: usize,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Vector {
    Numbers(Vec<f32>),
    Base64(String),
}

#[derive(Debug, Serialize)]
struct Usage {
    prompt_tokens: u32,
    total_tokens: u32,
}

pub(super) async fn embeddings(
    State(app): State<Arc<App>>,
    body: Bytes,
) -> Result<Response, OpenAiFailure> {
    if body.is_empty() {
        return Err(OpenAiFailure::early("EOF"));
    }
    let request: Request = parse(&body).map_err(|failure| OpenAiFailure::early(failure.text))?;
    let format = request.encoding_format.as_str();
    if !["", "float", "base64"].contains(&format) {
        return Err(OpenAiFailure::early(format!(
            "Invalid value for 'encoding_format' = {format}. Supported values: ['float', 'base64']."
        )));
    }
    if request.input.is_null() || request.input.as_array().is_some_and(Vec::is_empty) {
        return Err(OpenAiFailure::early("invalid input"));
    }
    let texts = texts(&request.input).ok_or_else(|| Failure::bad_request("invalid input type"))?;
    let job = Job {
        model: request.model.clone(),
        texts,
        dimensions: request.dimensions,
        truncate: true,
        ..Job::default()
    };
    let done = embed(&app, job).await?;
    let data = done.vectors.into_iter().enumerate().map(|(index, vector)| {
        let embedding = if format == "base64" {
            Vector::Base64(base64(&vector))
        } else {
            Vector::Numbers(vector)
        };
        Item { object: "embedding", embedding, index }
    });
    let answer = Embeddings {
        object: "list",
        data: data.collect(),
        model: request.model,
        usage: Usage { prompt_tokens: done.tokens, total_tokens: done.tokens },
    };
    Ok(json(StatusCode::OK, JSON, &answer))
}

/// Little-endian floats.
fn base64(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}

pub(super) async fn models(State(app): State<Arc<App>>) -> Result<Response, OpenAiFailure> {
    let models: Vec<Value> =
        on_disk(move || app.store.models().iter().map(listed).collect()).await?;
    // An empty Go slice that was never made is null.
    let data = if models.is_empty() { Value::Null } else { models.into() };
    Ok(json(StatusCode::OK, JSON, &json!({ "object": "list", "data": data })))
}

pub(super) async fn model(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
) -> Result<Response, OpenAiFailure> {
    let name = Name::parse(&text).ok_or_else(|| Failure::bad_request("invalid model name"))?;
    let missing = format!("model '{name}' not found");
    let model = on_disk(move || app.store.model(name))
        .await?
        .map_err(|error| Failure::of_model(error, || missing))?;
    Ok(json(StatusCode::OK, JSON, &listed(&model)))
}

fn listed(model: &Model) -> Value {
    json!({
        "id": model.name.to_string(),
        "object": "model",
        "created": clock::at(model.modified).as_second(),
        "owned_by": model.name.namespace,
    })
}
