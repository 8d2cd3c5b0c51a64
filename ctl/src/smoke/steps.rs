//! What is tried, in this order.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::{Failure, Layer, Options, client};

/// One thing that must work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The name has an address.
    Name,
    /// Something accepts connections there.
    Connection,
    /// It is an Ollama.
    Version,
    /// It has the model.
    Model,
    /// It embeds.
    Embedding,
}

/// What Ollama answers at `/api/version`.
#[derive(Deserialize)]
struct Version {
    version: String,
}

/// What it answers at `/api/tags`.
#[derive(Deserialize)]
struct Tags {
    models: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
}

/// What it answers at `/v1/embeddings`.
#[derive(Deserialize)]
struct Embeddings {
    data: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    /// A server that computes a number that is none writes `null`.
    embedding: Vec<Option<f64>>,
}

/// How far from 1 the length of a vector may be. The server normalises in 32-bit floats.
const UNIT_TOLERANCE: f64 = 1e-3;

impl Step {
    pub(crate) const ALL: [Self; 5] =
        [Self::Name, Self::Connection, Self::Version, Self::Model, Self::Embedding];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Connection => "connection",
            Self::Version => "version",
            Self::Model => "model",
            Self::Embedding => "embedding",
        }
    }

    /// How long it may take. A model that was not used for a while is loaded first.
    pub(super) fn patience(self) -> Duration {
        Duration::from_secs(if self == Self::Embedding { 120 } else { 5 })
    }

    /// Tries it. What it says is for people.
    pub(super) async fn take(self, options: &Options) -> Result<String, Failure> {
        match self {
            Self::Name => client::resolve(&options.url).await,
            Self::Connection => client::connect(&options.url).await,
            Self::Version => {
                let answer: Version = client::ask(&options.url, "/api/version", None).await?;
                Ok(answer.version)
            }
            Self::Model => model(options).await,
            Self::Embedding => embedding(options).await,
        }
    }
}

async fn model(options: &Options) -> Result<String, Failure> {
    let tags: Tags = client::ask(&options.url, "/api/tags", None).await?;
    let names: Vec<&str> = tags.models.iter().map(|tag| tag.name.as_str()).collect();
    // Without a tag, latest is meant.
    let wanted = &options.model;
    let full = if wanted.contains(':') { wanted.clone() } else { format!("{wanted}:latest") };
    if names.iter().any(|name| name.eq_ignore_ascii_case(&full)) {
        return Ok(full);
    }
    let others = if names.is_empty() { "no model".to_owned() } else { names.join(", ") };
    let message = format!("{full} is not there; the server has {others}");
    Err(Failure { layer: Layer::Body, message })
}

async fn embedding(options: &Options) -> Result<String, Failure> {
    let question = json!({ "model": options.model, "input": "Is this guest of use?" });
    let answer: Embeddings = client::ask(&options.url, "/v1/embeddings", Some(question)).await?;
    let flaw = |message: String| Failure { layer: Layer::Body, message };
    let first = answer.data.first().ok_or_else(|| flaw("no embedding".to_owned()))?;
    let numbers: Option<Vec<f64>> = first.embedding.iter().copied().collect();
    let numbers = numbers.ok_or_else(|| flaw("a number of the embedding is none".to_owned()))?;
    let count = numbers.len();
    if let Some(expected) = options.dimension.filter(|expected| *expected != count) {
        return Err(flaw(format!("the embedding has {count} numbers, not {expected}")));
    }
    let length = numbers.iter().map(|number| number * number).sum::<f64>().sqrt();
    // Also where the length is no number.
    if (length - 1.0).abs() <= UNIT_TOLERANCE {
        Ok(format!("{count} numbers"))
    } else {
        Err(flaw(format!("the embedding's length is {length}, not 1")))
    }
}
