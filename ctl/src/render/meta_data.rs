//! meta-data: the folder's, with the guest's own values in place of what they replace. Written as
//! JSON, which is YAML too, and leaves nothing to be quoted wrongly.

use serde_json::{Map, Value as Json, json};

use super::folder::Folder;
use super::values::Values;
use crate::source::Place;
use crate::yaml::{self, Node, Value};

/// One line of JSON, its keys in order.
pub(super) fn make(folder: &Folder, values: &Values) -> Result<String, String> {
    let mut meta_data = match &folder.meta_data {
        Some(text) => read(text)?,
        None => Map::new(),
    };
    let own = [
        ("instance-id", values.instance_id.as_ref().map(|id| json!(id))),
        ("local-hostname", values.local_hostname.as_ref().map(|name| json!(name))),
        ("public-keys", values.public_keys.as_ref().map(|keys| json!(keys))),
    ];
    for (key, value) in own {
        if let Some(value) = value {
            meta_data.insert(key.to_owned(), value);
        }
    }
    let named = meta_data.get("instance-id").and_then(Json::as_str).unwrap_or_default();
    if named.trim().is_empty() {
        return Err("neither meta-data nor the values have an instance-id of letters".to_owned());
    }
    Ok(format!("{}\n", Json::Object(meta_data)))
}

fn read(text: &str) -> Result<Map<String, Json>, String> {
    let documents = yaml::parse(text, &|start, end| Place { file: 0, start, end })
        .map_err(|error| format!("meta-data: {error}"))?;
    match documents.first().map(|node| convert(node)) {
        Some(Json::Object(map)) => Ok(map),
        None | Some(Json::Null) => Ok(Map::new()),
        Some(_) => Err("meta-data: is no map".to_owned()),
    }
}

fn convert(node: &Node) -> Json {
    match &node.value {
        _ if node.is_null() => Json::Null,
        Value::List(_) => node.items().map(convert).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), convert(&entry.value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Scalar { text, .. } => match node.number() {
            Some(number) => json!(number),
            None if node.is_bare() && ["true", "false"].contains(&text.as_str()) => {
                json!(node.is_true())
            }
            None => json!(text),
        },
    }
}
