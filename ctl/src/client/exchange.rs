//! A request and its answer.

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, LOCATION};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use url::{Position, Url};

use super::{Failure, Layer, Trust, connect};

/// The longest answer that is read, in bytes. An embedding of 4,096 numbers has a hundredth.
const ANSWER_LIMIT: usize = 8 << 20;
/// How much of what a server says is shown at all, in characters: more than an agent's longest line.
const WORDS: usize = 1000;
/// How much of an unexpected answer is shown, in characters.
const SHOWN: usize = 200;

/// What came back, of whatever status.
#[derive(Debug)]
pub(crate) struct Answer {
    url: Url,
    pub(crate) status: StatusCode,
    /// Where a redirect leads.
    location: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    /// Fails unless the status is 200.
    pub(crate) fn ok(self) -> Result<Self, Failure> {
        if self.status == StatusCode::OK {
            return Ok(self);
        }
        let said = match &self.location {
            Some(location) => format!("leads to {location}"),
            None => shown(&self.body),
        };
        let message = format!("{}: {}: {said}", self.url, self.status);
        Err(Failure::new(Layer::Http, message))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The start of the body's first line, as it may be printed.
    pub(crate) fn first_line(&self) -> String {
        let end = self.body.iter().position(|byte| *byte == b'\n').unwrap_or(self.body.len());
        shown(&self.body[..end])
    }

    /// The body of a good answer, as JSON.
    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<T, Failure> {
        let answer = self.ok()?;
        serde_json::from_slice(&answer.body).map_err(|error| {
            let message = format!("{}: {error}: {}", answer.url, shown(&answer.body));
            Failure::new(Layer::Body, message)
        })
    }
}

/// Asks the URL: with a body of JSON by POST, else by GET.
pub(crate) async fn ask(url: &Url, body: Option<String>, trust: &Trust) -> Result<Answer, Failure> {
    let stream = connect(url).await?;
    if url.scheme() == "https" {
        exchange(trust.secure(url, stream).await?, url, body).await
    } else {
        exchange(stream, url, body).await
    }
}

async fn exchange<S>(stream: S, url: &Url, body: Option<String>) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let fail = |error: &dyn std::error::Error| {
        Failure::new(Layer::Http, format!("{url}: {}", innermost(error)))
    };
    let request = request(url, body).map_err(|error| fail(&error))?;
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(|error| fail(&error))?;
    // A set ends what is in it when it is dropped: also where nobody waits for the answer any more.
    let mut running = JoinSet::new();
    running.spawn(connection);
    match sender.send_request(request).await {
        Ok(response) => read(response, url).await,
        Err(error) => Err(fail(&error)),
    }
}

fn request(url: &Url, body: Option<String>) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let authority = &url[Position::BeforeHost..Position::AfterPort];
    let path = &url[Position::BeforePath..Position::AfterQuery];
    let request = Request::builder().uri(path).header(HOST, authority);
    match body {
        None => request.body(Full::default()),
        Some(body) => {
            request.method("POST").header(CONTENT_TYPE, "application/json").body(Full::from(body))
        }
    }
}

async fn read(response: Response<Incoming>, url: &Url) -> Result<Answer, Failure> {
    let status = response.status();
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let location = location.map(printable);
    let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            let message = format!("{url}: an answer of more than {ANSWER_LIMIT} bytes");
            return Failure::new(Layer::Body, message);
        }
        Failure::new(Layer::Http, format!("{url}: {}", innermost(&*error)))
    })?;
    Ok(Answer { url: url.clone(), status, location, body: body.to_bytes().into() })
}

/// The start of an answer, on one line.
fn shown(body: &[u8]) -> String {
    printable(&String::from_utf8_lossy(body)).chars().take(SHOWN).collect()
}

/// The start of what somebody else says, without what a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    let mut start: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect();
    if text.chars().nth(WORDS).is_some() {
        start.push('…');
    }
    start
}

/// The cause at the bottom: what is above it repeats the address.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
