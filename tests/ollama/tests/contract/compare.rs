//! Comparing an answer with the recorded one.
//!
//! Texts are compared after paths, ports and digests are replaced: those differ on each machine.
//! What a text or number means where it must be equal is listed in [`EXACT`]; of everything else
//! only the type counts. Objects must have the same keys.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::http::Reply;

/// Fields whose value must be the recorded one.
const EXACT: &[&str] = &[
    "error",
    "message",
    "type",
    "param",
    "code",
    "status",
    "version",
    "object",
    "model",
    "template",
    "index",
    "prompt_tokens",
    "total_tokens",
    "prompt_eval_count",
    "size_vram",
    "context_length",
    "embedding_length",
    "format",
    "family",
];

static VOLATILE: LazyLock<[(Regex, &str); 6]> = LazyLock::new(|| {
    [
        (Regex::new(r"sha256([:-])[0-9a-f]{64}").unwrap(), "sha256${1}DIGEST"),
        (Regex::new(r"127\.0\.0\.1:\d+").unwrap(), "127.0.0.1:PORT"),
        (Regex::new(r#"tensor "[^"]+""#).unwrap(), "tensor NAME"),
        (Regex::new(r"\(\d+\)").unwrap(), "(BYTES)"),
        (Regex::new(r"pulling [0-9a-f]{12}").unwrap(), "pulling SHORT"),
        (Regex::new(r"/[^ ]*?/(blobs|manifests)/").unwrap(), "ROOT/$1/"),
    ]
});

/// The text with what differs from machine to machine replaced.
pub(crate) fn steady(text: &str) -> String {
    VOLATILE.iter().fold(text.to_owned(), |text, (pattern, with)| {
        pattern.replace_all(&text, *with).into_owned()
    })
}

/// Panics, with the case's name, where the answer is not the recorded one's like.
pub(crate) fn same(name: &str, recorded: &Value, reply: &Reply) {
    assert_eq!(recorded["status"], reply.status, "{name}: status; {reply:?}");
    let content_type = recorded["headers"]["Content-Type"].as_str().unwrap_or_default();
    assert_eq!(content_type, reply.content_type, "{name}: content type");
    if let Some(lines) = recorded["ndjson"].as_array() {
        let lines: Vec<Value> = lines.iter().map(|line| line["line"].clone()).collect();
        same_lines(name, &lines, &reply.lines());
    } else if let Some(body) = recorded.get("body_json") {
        same_value(name, "", body, &reply.json());
    } else {
        assert_eq!(recorded["body_text"].as_str(), Some(reply.text.as_str()), "{name}: body");
    }
}

/// A stream must tell the same story. How often it tells of progress is a matter of speed.
pub(crate) fn same_lines(name: &str, recorded: &[Value], lines: &[Value]) {
    let is_progress = |line: &&Value| line.get("digest").is_some();
    let story = |lines: &[Value]| -> Vec<Value> {
        lines.iter().filter(|line| !is_progress(line)).map(steady_values).collect()
    };
    assert_eq!(story(recorded), story(lines), "{name}: lines");
    let recorded = recorded.iter().find(|line| is_progress(line) && line["completed"].is_u64());
    for line in lines.iter().filter(is_progress) {
        let Some(recorded) = recorded else { continue };
        let allowed: Vec<_> = recorded.as_object().unwrap().keys().collect();
        let keys: Vec<_> = line.as_object().unwrap().keys().collect();
        assert!(keys.iter().all(|key| allowed.contains(key)), "{name}: {line}");
        assert!(line["total"].is_u64(), "{name}: {line}");
    }
}

fn steady_values(line: &Value) -> Value {
    let fields = line.as_object().unwrap().iter();
    fields
        .map(|(key, value)| (key.clone(), Value::from(steady(value.as_str().unwrap_or("?")))))
        .collect()
}

fn same_value(name: &str, at: &str, recorded: &Value, value: &Value) {
    match (recorded, value) {
        (Value::Object(recorded), Value::Object(fields)) => {
            let keys = |map: &serde_json::Map<String, Value>| -> Vec<String> {
                let mut keys: Vec<_> = map.keys().cloned().collect();
                keys.sort();
                keys
            };
            assert_eq!(keys(recorded), keys(fields), "{name}: keys of {at:?}");
            for (key, recorded) in recorded {
                same_value(name, key, recorded, &fields[key]);
            }
        }
        (Value::Array(recorded), Value::Array(items)) => {
            // A vector's length is its meaning; a list's is that of the day.
            if recorded.len() > 64 && recorded[0].is_number() {
                assert_eq!(recorded.len(), items.len(), "{name}: length of {at:?}");
            }
            for (recorded, item) in recorded.iter().zip(items) {
                same_value(name, at, recorded, item);
            }
        }
        _ if EXACT.contains(&at) => {
            let text = |value: &Value| steady(&value.to_string());
            assert_eq!(text(recorded), text(value), "{name}: {at:?}");
        }
        _ => assert_eq!(kind(recorded), kind(value), "{name}: type of {at:?}"),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
