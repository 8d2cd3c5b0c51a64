//! What is tried, in this order.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::options::{Options, Route};
use crate::client::{self, Failure, Layer, Trust};

/// One thing that must work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
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
    /// Another page of a client's way.
    Route(Route),
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
    /// The server's own steps, then the other pages. These were checked to be usable.
    pub(super) fn all(options: &Options) -> Vec<Self> {
        let own = [Self::Name, Self::Connection, Self::Version, Self::Model, Self::Embedding];
        let routes = options.routes().unwrap_or_default();
        own.into_iter().chain(routes.into_iter().map(Self::Route)).collect()
    }

    /// What it is called, in all formats.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Name => "name".to_owned(),
            Self::Connection => "connection".to_owned(),
            Self::Version => "version".to_owned(),
            Self::Model => "model".to_owned(),
            Self::Embedding => "embedding".to_owned(),
            Self::Route(Route { url, body: None }) => format!("GET {url}"),
            Self::Route(Route { url, body: Some(_) }) => format!("POST {url}"),
        }
    }

    /// How long it may take. A model that was not used for a while is loaded first, also where
    /// somebody else has it embed.
    pub(super) fn patience(&self) -> Duration {
        match self {
            Self::Embedding | Self::Route(_) => Duration::from_secs(120),
            // Longer than a connection alone, which says more of how it failed.
            _ => Duration::from_secs(6),
        }
    }

    /// Tries it. What it says is for people.
    pub(super) async fn take(&self, options: &Options, trust: &Trust) -> Result<String, Failure> {
        match self {
            Self::Name => client::resolve(&options.url).await,
            Self::Connection => connection(options).await,
            Self::Version => {
                let url = client::below(&options.url, "/api/version");
                let answer: Version = client::ask(&url, None, trust).await?.json()?;
                Ok(answer.version)
            }
            Self::Model => model(options, trust).await,
            Self::Embedding => embedding(options, trust).await,
            Self::Route(Route { url, body }) => {
                let answer = client::ask(url, body.clone(), trust).await?.ok()?;
                Ok(answer.status.to_string())
            }
        }
    }
}

async fn connection(options: &Options) -> Result<String, Failure> {
    let peer = client::connect(&options.url).await?.peer_addr();
    // Gone again already: it was there.
    Ok(peer.map_or_else(|_| "accepted".to_owned(), |peer| peer.to_string()))
}

async fn model(options: &Options, trust: &Trust) -> Result<String, Failure> {
    let url = client::below(&options.url, "/api/tags");
    let tags: Tags = client::ask(&url, None, trust).await?.json()?;
    let names: Vec<&str> = tags.models.iter().map(|tag| tag.name.as_str()).collect();
    // Without a tag, latest is meant.
    let wanted = &options.model;
    let full = if wanted.contains(':') { wanted.clone() } else { format!("{wanted}:latest") };
    if names.iter().any(|name| name.eq_ignore_ascii_case(&full)) {
        return Ok(full);
    }
    let others = if names.is_empty() { "no model".to_owned() } else { names.join(", ") };
    let message = format!("{full} is not there; the server has {others}");
    Err(Failure::new(Layer::Body, message))
}

async fn embedding(options: &Options, trust: &Trust) -> Result<String, Failure> {
    let url = client::below(&options.url, "/v1/embeddings");
    let question = json!({ "model": options.model, "input": "Is this guest of use?" });
    let answer = client::ask(&url, Some(question.to_string()), trust).await?;
    let answer: Embeddings = answer.json()?;
    let flaw = |message: String| Failure::new(Layer::Body, message);
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
