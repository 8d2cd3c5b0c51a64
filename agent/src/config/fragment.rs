//! One drop-in file as it was written: everything optional, every value with its place.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeTable;

use super::keys;

type Text = Option<Spanned<String>>;
type Number = Option<Spanned<i64>>;
type Switch = Option<Spanned<bool>>;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Fragment {
    pub(super) serve: Serve,
    pub(super) network: Network,
    pub(super) storage: Storage,
    pub(super) gpu: Gpu,
    pub(super) ollama: Ollama,
    pub(super) model: Model,
    pub(super) models: Option<Spanned<Vec<Spanned<Model>>>>,
    pub(super) proof: Proof,
    pub(super) bootstrap: Bootstrap,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Serve {
    pub(super) listen: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Network {
    pub(super) link: Text,
    pub(super) driver: Text,
    pub(super) repeat_lease: Switch,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Storage {
    pub(super) path: Text,
    pub(super) owner: Text,
    pub(super) minimum_free_bytes: Number,
    pub(super) make_room: Switch,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Gpu {
    pub(super) expected: Number,
    pub(super) vendor: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Ollama {
    pub(super) unit: Text,
    pub(super) port: Number,
}

/// `[model]`, or one of `[[models]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Model {
    pub(super) source: Text,
    pub(super) sources: Option<Spanned<Vec<String>>>,
    pub(super) alias: Text,
    pub(super) weights: Text,
    pub(super) template: Text,
    pub(super) parameters: BTreeMap<String, Spanned<toml::Value>>,
    pub(super) dimension: Number,
    pub(super) pinned: Switch,
    /// Of `[[models]]` alone, see [`parse`].
    pub(super) required: Switch,
    pub(super) pull_stall_seconds: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "spelt as in the file")]
pub(super) struct Proof {
    pub(super) interval_seconds: Number,
    pub(super) timeout_seconds: Number,
    pub(super) fresh_seconds: Number,
    pub(super) grace_seconds: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Bootstrap {
    pub(super) hold_seconds: Number,
}

/// Reads one file's text. The error: byte offset and message.
pub(super) fn parse(text: &str) -> Result<Fragment, (usize, String)> {
    let error = match toml::from_str::<Fragment>(text) {
        Ok(Fragment { model: Model { required: Some(found), .. }, .. }) => {
            return Err((found.span().start, unknown("model.required")));
        }
        Ok(fragment) => return Ok(fragment),
        Err(error) => error,
    };
    let offset = error.span().map_or(0, |span| span.start);
    // Where the text is TOML at all, the place tells which key is meant.
    let key = DeTable::parse(text).ok().and_then(|table| key_at(table.get_ref(), offset, ""));
    let message = match key {
        None => error.message().to_owned(),
        Some(key) => match keys::find(&key) {
            Some(known) => format!("`{key}` must be {}", known.accepts),
            None if keys::is_section(&key) => format!("`{key}` must be a table"),
            None => unknown(&key),
        },
    };
    Err((offset, message))
}

fn unknown(key: &str) -> String {
    format!("unknown key `{key}`, did you mean `{}`?", keys::meant(key))
}

/// The dotted name of the key that stands at `offset`, or whose value does.
fn key_at(table: &DeTable<'_>, offset: usize, parent: &str) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let dot = if parent.is_empty() { "" } else { "." };
        let name = format!("{parent}{dot}{}", key.get_ref());
        let here = key.span().contains(&offset) || value.span().start == offset;
        let listed = value.get_ref().as_array().into_iter().flatten();
        let tables = value.get_ref().as_table().into_iter();
        let mut tables = tables.chain(listed.filter_map(|entry| entry.get_ref().as_table()));
        let inside = tables.find_map(|table| key_at(table, offset, &name));
        inside.or(here.then_some(name))
    })
}
