//! `[[models]]`: the models that are served besides that of `[model]`. The list is one key: the
//! last file that has one decides about all of it.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;

use super::fragment;
use super::inputs::{Inputs, Located};
use super::keys::MODELS;
use super::validate::{
    demand, digest, filled, in_range, model, origins, parameter, seconds, whole,
};
use super::{ConfigError, Model};
use crate::model::names;

/// How many there may be. Each is proven several times a minute, and has a reference vector of
/// its own, of which 16 are kept.
const MODELS_MAX: usize = 15;

type List<'a> = Located<'a, Vec<Spanned<fragment::Model>>>;

/// The models of the list, where `first` is that of `[model]`.
pub(super) fn models(inputs: &Inputs, first: &Model) -> Result<Vec<Model>, ConfigError> {
    let Some(list) = inputs.last(|fragment| fragment.models.as_ref()) else {
        return Ok(Vec::new());
    };
    if list.value.len() > MODELS_MAX {
        return Err(list.error(demand(MODELS)));
    }
    let mut models: Vec<Model> = Vec::new();
    for entry in list.value {
        let found = read(&list, entry)?;
        let known = || models.iter().chain([first]);
        let taken = known().any(|other| {
            names::same(&found.alias, &other.alias) || names::same(&found.alias, &other.source)
        });
        let itself = names::same(&found.alias, &found.source);
        let covers = known().any(|other| names::same(&found.source, &other.alias));
        if taken || itself || covers {
            let key = if covers { &entry.get_ref().source } else { &entry.get_ref().alias };
            let at = key.as_ref().map_or(entry.span().start, |key| key.span().start);
            return Err(list.error_at(at, "each alias in `models` must be a name of its own"));
        }
        models.push(found);
    }
    Ok(models)
}

/// One of them.
fn read(list: &List<'_>, entry: &Spanned<fragment::Model>) -> Result<Model, ConfigError> {
    let (at, written) = (entry.span().start, entry.get_ref());
    let missing = |key: &str| list.error_at(at, format!("`models.{key}` is missing"));
    let model_name = |key: &str, value| convert(list, key, value, |name: &String| model(name));
    let mut found = Model {
        source: model_name("source", written.source.as_ref())?.ok_or_else(|| missing("source"))?,
        alias: model_name("alias", written.alias.as_ref())?.ok_or_else(|| missing("alias"))?,
        dimension: number(list, "dimension", written.dimension.as_ref(), whole)?
            .ok_or_else(|| missing("dimension"))?,
        parameters: BTreeMap::new(),
        ..Model::default()
    };
    if let Some(sources) = convert(list, "sources", written.sources.as_ref(), |all| origins(all))? {
        found.sources = sources;
    }
    if let Some(weights) = convert(list, "weights", written.weights.as_ref(), |text| digest(text))?
    {
        found.weights = weights;
    }
    if let Some(template) =
        convert(list, "template", written.template.as_ref(), |text| filled(text))?
    {
        found.template = template;
    }
    for (name, value) in &written.parameters {
        let wrong = || format!("`models.parameters.{name}` must be a number, a text or a boolean");
        let parameter =
            parameter(value.get_ref()).ok_or_else(|| list.error_at(value.span().start, wrong()))?;
        found.parameters.insert(name.clone(), parameter);
    }
    let key = "pull_stall_seconds";
    let stall: Option<Duration> = number(list, key, written.pull_stall_seconds.as_ref(), seconds)?;
    found.pull_stall = stall.unwrap_or(found.pull_stall);
    let switch = |value: &Option<Spanned<bool>>| value.as_ref().map(|value| *value.get_ref());
    found.pinned = switch(&written.pinned).unwrap_or(found.pinned);
    found.required = switch(&written.required).unwrap_or(found.required);
    Ok(found)
}

fn convert<W, T>(
    list: &List<'_>,
    key: &str,
    value: Option<&Spanned<W>>,
    convert: impl Fn(&W) -> Option<T>,
) -> Result<Option<T>, ConfigError> {
    let Some(value) = value else { return Ok(None) };
    let wrong = || list.error_at(value.span().start, demand(&format!("{MODELS}.{key}")));
    convert(value.get_ref()).ok_or_else(wrong).map(Some)
}

fn number<T>(
    list: &List<'_>,
    key: &str,
    value: Option<&Spanned<i64>>,
    into: impl Fn(i64) -> Option<T>,
) -> Result<Option<T>, ConfigError> {
    let full = format!("{MODELS}.{key}");
    convert(list, key, value, |number| into(*number).filter(|_| in_range(&full, *number)))
}
