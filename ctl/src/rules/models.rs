//! The models that user-data makes, as far as it says.

use crate::input::CloudText;
use crate::source::Place;

/// A model that the guest will have.
#[derive(Debug)]
pub(crate) struct Served {
    /// With its tag.
    pub(super) name: String,
    /// Numbers in a vector, where that is known.
    pub(super) dimension: Option<i64>,
    pub(super) place: Place,
}

/// Dimensions of usual models, from their cards in Ollama's library.
const DIMENSIONS: [(&str, i64); 14] = [
    ("qwen3-embedding:0.6b", 1024),
    ("qwen3-embedding:4b", 2560),
    ("qwen3-embedding:8b", 4096),
    ("qwen3-embedding:latest", 4096),
    ("nomic-embed-text:", 768),
    ("mxbai-embed-large:", 1024),
    ("bge-m3:", 1024),
    ("bge-large:", 1024),
    ("all-minilm:", 384),
    ("snowflake-arctic-embed2:", 1024),
    ("snowflake-arctic-embed:335m", 1024),
    ("snowflake-arctic-embed:latest", 1024),
    ("embeddinggemma:", 768),
    ("granite-embedding:30m", 384),
];

/// A model's name with its tag, without the library's own registry.
pub(super) fn name(text: &str) -> String {
    let bare = text.strip_prefix("registry.ollama.ai/").unwrap_or(text);
    let bare = bare.strip_prefix("library/").unwrap_or(bare).to_ascii_lowercase();
    let tagged = bare.rsplit('/').next().is_some_and(|last| last.contains(':'));
    if tagged { bare } else { format!("{bare}:latest") }
}

fn dimension(name: &str) -> Option<i64> {
    let known = |(start, dimension): &(&str, i64)| name.starts_with(start).then_some(*dimension);
    DIMENSIONS.iter().find_map(known)
}

/// What the text makes, as far as it says.
pub(super) fn served(user_data: &CloudText) -> &[Served] {
    user_data.learnt.served.get_or_init(|| read(user_data))
}

/// What the text pulls, copies and creates, by Ollama's client or by the agent's settings. Empty
/// where it does none of that in plain words: then anything may be served.
fn read(user_data: &CloudText) -> Vec<Served> {
    let mut all: Vec<Served> = Vec::new();
    let mut declared = None;
    let mut start = 0;
    for line in user_data.text.content.split_inclusive('\n') {
        if !line.trim_start().starts_with('#') {
            let mut add = |text: &str, own: Option<i64>| {
                let name = name(text);
                let at = start + line.find(text).unwrap_or(0);
                let place = user_data.text.locate(at, at + text.len());
                let dimension = own.or_else(|| dimension(&name));
                all.push(Served { name, dimension, place });
            };
            match setting(line) {
                Some(("alias" | "source", model)) => add(model, None),
                Some(("dimension", number)) => declared = number.parse().ok(),
                _ => {
                    for (command, [first, second]) in commands(line) {
                        // A name that is filled in later could be any.
                        if [first, second].into_iter().flatten().any(|n| n.contains(['$', '{'])) {
                            return Vec::new();
                        }
                        match (command, first, second) {
                            ("pull" | "run" | "create", Some(model), _) => add(model, None),
                            ("cp", Some(_), Some(copy)) => add(copy, None),
                            _ => {}
                        }
                    }
                }
            }
        }
        start += line.len();
    }
    // An alias has its source's weights.
    let source = all.iter().find_map(|served| served.dimension);
    let one = all.iter().all(|served| served.dimension.is_none_or(|own| Some(own) == source));
    for served in &mut all {
        served.dimension = declared.or(served.dimension).or(source.filter(|_| one));
    }
    all
}

/// A line of the agent's settings: what is set, and to what.
fn setting(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once('=')?;
    let key = key.trim();
    let key = key.strip_prefix("model.").unwrap_or(key);
    let value = value.trim();
    let quoted = value.strip_prefix('"').and_then(|value| value.split('"').next());
    match key {
        "alias" | "source" => Some((key, quoted?)),
        "dimension" => Some((key, value)),
        _ => None,
    }
}

/// What Ollama's client is told on a line: the command, and its first two arguments.
fn commands(line: &str) -> Vec<(&str, [Option<&str>; 2])> {
    let break_at = |c: char| {
        c.is_whitespace() || matches!(c, ',' | '[' | ']' | '"' | '\'' | ';' | '&' | '|' | '(' | ')')
    };
    let words: Vec<&str> = line.split(break_at).filter(|word| !word.is_empty()).collect();
    let mut commands = Vec::new();
    for (index, word) in words.iter().enumerate() {
        if *word != "ollama" && !word.ends_with("/ollama") {
            continue;
        }
        let mut rest = words[index + 1..].iter().copied();
        let Some(command) = rest.next() else { continue };
        let mut names =
            rest.take_while(|word| !word.starts_with('>')).filter(|w| !w.starts_with('-'));
        commands.push((command, [names.next(), names.next()]));
    }
    commands
}
