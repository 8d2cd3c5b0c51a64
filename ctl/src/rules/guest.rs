//! What user-data says about Ollama.

use std::cell::OnceCell;

use crate::input::CloudText;
use crate::source::Place;

use super::models::Served;

/// Where Ollama listens unless it is told otherwise.
pub(crate) const OLLAMA_PORT: u16 = 11434;

/// `OLLAMA_HOST` as it is set.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) address: String,
    pub(crate) port: u16,
    pub(crate) place: Place,
}

/// What a text says, read once however many machines share it.
#[derive(Debug, Default)]
pub(crate) struct Learnt {
    host: OnceCell<Option<Host>>,
    pub(super) served: OnceCell<Vec<Served>>,
}

/// Where the user-data makes Ollama listen; `None` where it says nothing.
pub(crate) fn ollama_host(user_data: &CloudText) -> Option<Host> {
    user_data.learnt.host.get_or_init(|| read_host(user_data)).clone()
}

fn read_host(user_data: &CloudText) -> Option<Host> {
    let (value, place) = variable(user_data, "OLLAMA_HOST")?;
    let bare = value.split_once("://").map_or(value, |(_, rest)| rest);
    let bare = bare.split('/').next().unwrap_or(bare);
    let (address, port) = match bare.rsplit_once(':') {
        Some((address, port)) if !port.contains(']') => (address, port.parse().ok()?),
        _ => (bare, OLLAMA_PORT),
    };
    Some(Host { address: address.trim_matches(['[', ']']).to_owned(), port, place })
}

/// The value of an environment variable, wherever the text sets it outside of comments.
pub(crate) fn variable<'a>(user_data: &'a CloudText, name: &str) -> Option<(&'a str, Place)> {
    let text = &user_data.text.content;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let found = line.find(name).filter(|_| !line.trim_start().starts_with('#'));
        if let Some(at) = found
            && let Some(value) = line[at + name.len()..].strip_prefix('=')
        {
            let end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | ',');
            let value = value.trim_start_matches(['"', '\'']);
            let value = &value[..value.find(end).unwrap_or(value.len())];
            let place = user_data.text.locate(start + at, start + at + name.len());
            return Some((value, place)).filter(|_| !value.is_empty());
        }
        start += line.len();
    }
    None
}
