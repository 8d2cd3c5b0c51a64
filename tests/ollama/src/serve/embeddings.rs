//! `/api/embed`, and `/api/embeddings` as it was before.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::App;
use super::answer::{Failure, ok, parse};
use super::embed::{Job, embed as run, texts};
use crate::go;

#[derive(Debug, Deserialize)]
struct EmbedRequest {
    #[serde(default)]
    model: String,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    prompt: String,
    truncate: Option<bool>,
    dimensions: Option<i64>,
    #[serde(default)]
    keep_alive: Value,
    #[serde(default)]
    options: Value,
}

impl EmbedRequest {
    fn job(&self, texts: Vec<String>) -> Result<Job, Failure> {
        Ok(Job {
            model: self.model.clone(),
            texts,
            dimensions: self.dimensions,
            truncate: self.truncate.unwrap_or(true),
            keep_alive: go::keep_alive(&self.keep_alive).map_err(Failure::bad_request)?,
            num_ctx: self.options["num_ctx"].as_u64(),
            raw: false,
        })
    }
}

/// The answer of `/api/embed`.
#[derive(Debug, Serialize)]
struct Embedded {
    model: String,
    embeddings: Vec<Vec<f32>>,
    /// Nanoseconds.
    total_duration: u128,
    /// Nanoseconds.
    load_duration: u128,
    prompt_eval_count: u32,
}

pub(super) async fn embed(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Failure> {
    let started = Instant::now();
    let request: EmbedRequest = parse(&body)?;
    // A keep_alive that makes no sense is a malformed request, before all else.
    let mut job = request.job(Vec::new())?;
    job.texts = texts(&request.input).ok_or_else(|| Failure::bad_request("invalid input type"))?;
    let only_load = job.texts.is_empty();
    let done = run(&app, job).await?;
    if only_load {
        return Ok(ok(&json!({ "model": request.model, "embeddings": [] })));
    }
    Ok(ok(&Embedded {
        model: request.model,
        embeddings: done.vectors,
        total_duration: started.elapsed().as_nanos(),
        load_duration: done.load.as_nanos(),
        prompt_eval_count: done.tokens,
    }))
}

/// The answer of `/api/embeddings`.
#[derive(Debug, Serialize)]
struct Legacy {
    embedding: Vec<f32>,
}

pub(super) async fn legacy(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Failure> {
    let request: EmbedRequest = parse(&body)?;
    // An empty prompt only loads the model.
    let texts = Some(request.prompt.clone()).filter(|text| !text.is_empty());
    let job = Job { raw: true, ..request.job(texts.into_iter().collect())? };
    let vector = run(&app, job).await?.vectors.pop();
    Ok(ok(&Legacy { embedding: vector.unwrap_or_default() }))
}
