//! Clients who ask for embeddings, all the while something is done to the guest, and what became
//! of each of their requests.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::GUEST;
use super::client::{ALIAS, OLLAMA_PORT};
use super::namespace::Worker;

/// How long a client waits for its answer. Long, so that none heals a server by leaving it.
const PATIENCE: Duration = Duration::from_secs(240);

/// A pause between two answers that a client of a busy server would notice.
const GAP: Duration = Duration::from_millis(500);

/// How long a client whom the server refused as too busy waits before it asks again.
const BACKS_OFF: Duration = Duration::from_millis(200);

/// Who asks, and how.
#[derive(Debug, Clone, Copy)]
pub enum Load {
    /// So many requests a second, whatever becomes of them.
    Steady(u32),
    /// So many clients, each with one request after the other.
    Crowd(u32),
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Served,
    /// 503.
    Refused,
    Failed(String),
}

#[derive(Debug, Clone)]
struct Request {
    ended: Instant,
    outcome: Outcome,
}

/// Requests under way.
pub struct Traffic {
    stop: watch::Sender<bool>,
    told: oneshot::Receiver<Result<Vec<Request>>>,
    began: Instant,
}

/// What became of all requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Requests that got their embedding.
    pub served: usize,
    /// Requests that the server refused as too busy.
    pub refused: usize,
    /// Requests that failed otherwise.
    pub failed: usize,
    /// The first failure, in words.
    pub first: Option<String>,
    /// Time without any embedding, where that was more than half a second.
    pub without: Duration,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { served, refused, failed, without, .. } = self;
        let all = served + refused + failed;
        let without = without.as_secs_f64();
        write!(f, "{failed} of {all} requests failed, {refused} refused, {without:.1} s without")
    }
}

impl Traffic {
    /// Begins to ask for embeddings of texts of `bytes` bytes, no two of them alike.
    pub fn begin(worker: &Worker, load: Load, bytes: usize) -> Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let told = worker.begin(move || ask(load, bytes, stopped))?;
        Ok(Self { stop, told, began: Instant::now() })
    }

    /// Ends it, waits for the requests that are on their way, and tells what became of all.
    pub async fn end(self) -> Result<Figures> {
        let ended = Instant::now();
        // Fails where the clients have ended, which the next line tells.
        let _ = self.stop.send(true);
        let mut requests = self.told.await.context("the gateway's thread is gone")??;
        requests.sort_by_key(|request| request.ended);
        Ok(figures(&requests, self.began, ended))
    }
}

fn figures(requests: &[Request], began: Instant, ended: Instant) -> Figures {
    let count = |fits: fn(&Outcome) -> bool| {
        requests.iter().filter(|request| fits(&request.outcome)).count()
    };
    let words = requests.iter().find_map(|request| match &request.outcome {
        Outcome::Failed(words) => Some(words.clone()),
        _ => None,
    });
    let answers = requests.iter().filter(|request| request.outcome == Outcome::Served);
    let mut moments: Vec<Instant> = answers.map(|request| request.ended.min(ended)).collect();
    moments.insert(0, began);
    moments.push(ended);
    let gaps = moments.windows(2).map(|pair| pair[1] - pair[0]);
    Figures {
        served: count(|outcome| *outcome == Outcome::Served),
        refused: count(|outcome| *outcome == Outcome::Refused),
        failed: count(|outcome| matches!(outcome, Outcome::Failed(_))),
        first: words,
        without: gaps.filter(|gap| *gap > GAP).sum(),
    }
}

async fn ask(load: Load, bytes: usize, mut stopped: watch::Receiver<bool>) -> Result<Vec<Request>> {
    let client = reqwest::Client::builder()
        .no_proxy()
        // A connection for each request: a kept one would hide a server that takes no new ones.
        .pool_max_idle_per_host(0)
        .timeout(PATIENCE)
        .build()
        .context("cannot make an HTTP client")?;
    let client = Rc::new(client);
    let (log, mut requests) = mpsc::unbounded_channel();
    let text = move |number: u32| format!("{number:0>bytes$}");
    match load {
        Load::Steady(rate) => {
            let mut ticks = interval(Duration::from_secs(1) / rate);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut number = 0;
            while !*stopped.borrow_and_update() {
                tokio::select! {
                    _ = ticks.tick() => {}
                    _ = stopped.changed() => continue,
                }
                number += 1;
                let (client, log) = (Rc::clone(&client), log.clone());
                tokio::task::spawn_local(async move {
                    // Whoever counts has gone: nothing is to be counted any more.
                    let _ = log.send(one(&client, text(number)).await);
                });
            }
        }
        Load::Crowd(clients) => {
            for first in 0..clients {
                let (client, log, stopped) = (Rc::clone(&client), log.clone(), stopped.clone());
                tokio::task::spawn_local(async move {
                    let mut number = first;
                    while !*stopped.borrow() {
                        let request = one(&client, text(number)).await;
                        let refused = request.outcome == Outcome::Refused;
                        let _ = log.send(request);
                        if refused {
                            sleep(BACKS_OFF).await;
                        }
                        number += clients;
                    }
                });
            }
        }
    }
    drop(log);
    let mut all = Vec::new();
    while let Some(request) = requests.recv().await {
        all.push(request);
    }
    Ok(all)
}

async fn one(client: &reqwest::Client, text: String) -> Request {
    let url = format!("http://{GUEST}:{OLLAMA_PORT}/v1/embeddings");
    let body = json!({ "model": ALIAS, "input": text });
    let outcome = match client.post(&url).json(&body).send().await {
        Err(error) => Outcome::Failed(format!("{:#}", anyhow::Error::from(error))),
        Ok(answer) if answer.status() == 503 => Outcome::Refused,
        Ok(answer) => {
            let status = answer.status();
            match answer.text().await {
                Ok(body) if status == 200 && body.contains("\"embedding\"") => Outcome::Served,
                Ok(body) => Outcome::Failed(format!("{status}: {body:.200}")),
                Err(error) => Outcome::Failed(format!("cut answer: {error}")),
            }
        }
    };
    Request { ended: Instant::now(), outcome }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_without_an_embedding_is_what_clients_would_notice() {
        let began = Instant::now();
        let at = |milliseconds: u64, outcome| Request {
            ended: began + Duration::from_millis(milliseconds),
            outcome,
        };
        let failed = |at_milliseconds| at(at_milliseconds, Outcome::Failed("cut".into()));
        let served = |at_milliseconds| at(at_milliseconds, Outcome::Served);
        let requests =
            [served(100), served(500), failed(600), at(700, Outcome::Refused), served(2500)];
        let told = figures(&requests, began, began + Duration::from_millis(2900));
        assert_eq!((told.served, told.refused, told.failed), (3, 1, 1));
        assert_eq!((told.without, told.first.as_deref()), (Duration::from_secs(2), Some("cut")));
        assert_eq!(told.to_string(), "1 of 5 requests failed, 1 refused, 2.0 s without");
        let none = figures(&[], began, began + Duration::from_secs(3));
        assert_eq!(none.without, Duration::from_secs(3));
    }
}
