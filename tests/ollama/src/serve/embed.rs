//! The one way in which all three embedding endpoints get their vectors.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use bytes::Bytes;
use hyper::{Method, Uri};
use serde_json::Value;

use super::App;
use super::answer::{Failure, on_disk};
use super::list::details;
use crate::client;
use crate::faults::{Faults, VectorFault};
use crate::gguf;
use crate::name::Name;
use crate::runner::llama_server::{Answer, Question};
use crate::runner::{LoadError, Shown, Target};
use crate::store::Model;

/// What is to be embedded, and how.
#[derive(Debug, Default)]
pub(super) struct Job {
    /// As the client spelt it.
    pub(super) model: String,
    pub(super) texts: Vec<String>,
    /// Cut to this many dimensions, where the model has more.
    pub(super) dimensions: Option<i64>,
    /// Whether a text that is too long is cut, or refused.
    pub(super) truncate: bool,
    pub(super) keep_alive: Option<Duration>,
    /// Tokens of context, where the request asks for its own.
    pub(super) num_ctx: Option<u64>,
    /// The legacy endpoint's vectors are as the model computed them.
    pub(super) raw: bool,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) vectors: Vec<Vec<f32>>,
    pub(super) tokens: u32,
    pub(super) load: Duration,
}

/// Loads the model where it is not, and embeds each text. No text at all: only loads.
pub(super) async fn embed(app: &Arc<App>, job: Job) -> Result<Done, Failure> {
    let faults = Faults::read().map_err(Failure::internal)?;
    let place = app.places.take();
    if faults.busy || faults.queue.is_some_and(|queue| place.number > queue) {
        return Err(load_failed(&LoadError::Busy));
    }
    let target = target(app, &job).await?;
    let num_ctx = target.num_ctx;
    let started = Instant::now();
    let lease = app.scheduler.lease(target, job.keep_alive).await.map_err(|e| load_failed(&e))?;
    let load = started.elapsed();

    let mut done = Done { vectors: Vec::new(), tokens: 0, load };
    for text in job.texts {
        let question = fit(text, num_ctx, job.truncate)?;
        done.tokens += question.tokens;
        let Answer { embedding: mut vector, sick } = compute(lease.port, &question).await?;
        if !job.raw {
            normalise(&mut vector);
            if let Some(length) = job.dimensions.and_then(|length| usize::try_from(length).ok())
                && (1..vector.len()).contains(&length)
            {
                vector.truncate(length);
                normalise(&mut vector);
            }
        }
        if let Some(fault) = faults.vector.or(sick.then_some(VectorFault::Nan)) {
            spoil(&mut vector, fault);
        }
        done.vectors.push(vector);
    }
    Ok(done)
}

/// How many embeddings are under way.
#[derive(Debug, Default)]
pub(super) struct Places(AtomicUsize);

/// One of them, while this is kept.
struct Place<'a> {
    places: &'a Places,
    /// How many there were, with this one.
    number: usize,
}

impl Places {
    fn take(&self) -> Place<'_> {
        Place { places: self, number: self.0.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.places.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Strings from `input`: one, or a list. `None` where it is something else.
pub(super) fn texts(input: &Value) -> Option<Vec<String>> {
    match input {
        Value::Null => Some(Vec::new()),
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

async fn target(app: &Arc<App>, job: &Job) -> Result<Target, Failure> {
    let text = job.model.clone();
    let Some(name) = Name::parse(&text) else {
        return Err(Failure::not_found(format!("model '{text}' not found")));
    };
    let missing = move || format!("model {text:?} not found, try pulling it first");
    let (wanted, default) = (job.num_ctx, app.context_length);
    let app = Arc::clone(app);
    on_disk(move || {
        let model = app.store.model(name).map_err(|error| Failure::of_model(error, &missing))?;
        let header = model.checked().map_err(|error| Failure::of_model(error, &missing))?;
        let trained = header.number("context_length").unwrap_or(u64::MAX);
        let num_ctx = wanted.or_else(|| model.num_ctx()).unwrap_or(default).min(trained);
        Ok(describe(&model, &header, num_ctx))
    })
    .await?
}

fn describe(model: &Model, header: &gguf::Model, num_ctx: u64) -> Target {
    let number = |key: &str| header.number(key).unwrap_or(1);
    let heads = number("attention.head_count_kv") * number("attention.key_length");
    // Keys and values, of two bytes each, for each layer, head and token.
    let cache = 4 * number("block_count") * heads * num_ctx;
    let shown = Shown {
        name: model.name.to_string(),
        digest: model.digest.clone(),
        details: details(model),
        size: model.size + cache,
    };
    Target { file: model.file.clone(), shown, num_ctx, embeds: header.embeds() }
}

/// A token is a byte, and one more ends the text; the recorded model's vocabulary was so too.
fn fit(mut text: String, num_ctx: u64, truncate: bool) -> Result<Question, Failure> {
    // One place of the context stays free, and the end token takes one.
    let room = usize::try_from(num_ctx.saturating_sub(2)).unwrap_or(usize::MAX);
    if text.len() > room {
        if !truncate {
            return Err(Failure::bad_request("the input length exceeds the context length"));
        }
        text.truncate(text.floor_char_boundary(room));
    }
    let tokens = u32::try_from(text.len() + 1).unwrap_or(u32::MAX);
    Ok(Question { input: text, tokens })
}

async fn compute(port: u16, question: &Question) -> Result<Answer, Failure> {
    let failed = |text: String| Failure::bad_request(format!("do embedding request: {text}"));
    let uri: Uri =
        format!("http://127.0.0.1:{port}/v1/embeddings").parse().map_err(Failure::internal)?;
    let body = Bytes::from(serde_json::to_vec(question).map_err(Failure::internal)?);
    let json = ("content-type", "application/json".to_owned());
    let answer = client::send(Method::POST, &uri, &[json], body)
        .await
        .map_err(|error| failed(error.to_string()))?;
    let status = answer.status();
    let text = client::text(answer).await;
    if status != StatusCode::OK {
        return Err(Failure::new(status, String::from_utf8_lossy(&text)));
    }
    serde_json::from_slice(&text).map_err(|_| failed("unexpected EOF".to_owned()))
}

fn load_failed(error: &LoadError) -> Failure {
    let status = match error {
        LoadError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        LoadError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Failure::new(status, error.to_string())
}

/// Makes the vector one long. Zero stays zero.
fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    if length > 0.0 {
        for number in vector {
            *number /= length;
        }
    }
}

fn spoil(vector: &mut Vec<f32>, fault: VectorFault) {
    match fault {
        VectorFault::Nan => vector.iter_mut().take(1).for_each(|number| *number = f32::NAN),
        VectorFault::Zero => vector.fill(0.0),
        VectorFault::NotUnit => vector.iter_mut().for_each(|number| *number *= 2.0),
        VectorFault::Short => vector.truncate(vector.len() / 4 * 3),
        VectorFault::Other => vector.reverse(),
        VectorFault::Rounded => {
            vector.iter_mut().step_by(2).for_each(|number| *number *= 1.03);
            vector.iter_mut().skip(1).step_by(2).for_each(|number| *number *= 0.97);
            normalise(vector);
        }
    }
}
