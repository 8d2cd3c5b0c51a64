//! What a client in the cluster sees of the guest.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;

use super::GUEST;
use super::namespace::Worker;

/// The port of the agent's probes.
pub const AGENT_PORT: u16 = 7244;
/// The port of Ollama's API.
pub const OLLAMA_PORT: u16 = 11434;
/// The name that clients ask for.
pub const ALIAS: &str = "qwen3-embedding-saigak:0.6b";
/// Numbers in one embedding of the reference model.
pub const DIMENSION: usize = 1024;

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

#[derive(Deserialize)]
struct Embeddings {
    data: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    embedding: Vec<f32>,
}

/// Asks the guest for a page, from outside.
pub async fn get(worker: &Worker, port: u16, path: &str, within: Duration) -> Result<Answer> {
    get_from(worker, (GUEST, port), path, within).await
}

/// Asks whoever is at that address and port for a page.
pub async fn get_from(
    worker: &Worker,
    (address, port): (&str, u16),
    path: &str,
    within: Duration,
) -> Result<Answer> {
    let url = format!("http://{address}:{port}{path}");
    worker.run(move || async move { send(client(within)?.get(&url), &url).await }).await?
}

/// Has the guest embed a text at one of its addresses, from outside, and checks the answer as a
/// strict client does.
pub async fn embed(
    worker: &Worker,
    address: &str,
    text: &str,
    within: Duration,
) -> Result<Vec<f32>> {
    embed_by(worker, address, (ALIAS, DIMENSION), text, within).await
}

/// The same by the model of that name, whose embeddings have so many numbers.
pub async fn embed_by(
    worker: &Worker,
    address: &str,
    (model, dimension): (&str, usize),
    text: &str,
    within: Duration,
) -> Result<Vec<f32>> {
    let url = format!("http://{address}:{OLLAMA_PORT}/v1/embeddings");
    let body = json!({ "model": model, "input": text });
    let answer = worker
        .run(move || async move { send(client(within)?.post(&url).json(&body), &url).await })
        .await??;
    ensure!(answer.status == 200, "embedding: status {}: {}", answer.status, answer.body);
    let mut parsed: Embeddings = serde_json::from_str(&answer.body).context("embedding: shape")?;
    ensure!(parsed.data.len() == 1, "embedding: {} vectors for one text", parsed.data.len());
    let vector = parsed.data.remove(0).embedding;
    check(&vector, dimension)?;
    Ok(vector)
}

fn check(vector: &[f32], dimension: usize) -> Result<()> {
    ensure!(vector.len() == dimension, "embedding: {} numbers", vector.len());
    ensure!(vector.iter().all(|number| number.is_finite()), "embedding: not finite");
    let norm = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    ensure!((norm - 1.0).abs() < 1e-3, "embedding: norm {norm}");
    Ok(())
}

/// A new client each time: a kept connection would hide a server that takes no new ones.
fn client(within: Duration) -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(within)
        .build()
        .context("cannot make an HTTP client")
}

async fn send(request: reqwest::RequestBuilder, url: &str) -> Result<Answer> {
    let response = request.send().await.with_context(|| format!("no answer from {url}"))?;
    let status = response.status().as_u16();
    let body = response.text().await.with_context(|| format!("cut answer from {url}"))?;
    Ok(Answer { status, body })
}

#[cfg(test)]
mod tests {
    use super::{DIMENSION, check};

    #[test]
    fn only_unit_vectors_of_the_right_length_pass() {
        let mut vector = vec![0.0; DIMENSION];
        assert!(check(&vector, DIMENSION).is_err());
        vector[3] = 1.0;
        assert!(check(&vector, DIMENSION).is_ok());
        vector[4] = f32::NAN;
        assert!(check(&vector, DIMENSION).is_err());
        assert!(check(&vector[..3], DIMENSION).is_err());
    }
}
