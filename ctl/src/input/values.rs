//! Helm's values, wherever they stand.

use std::rc::Rc;

use super::object::Object;
use super::read::Reader;
use super::text::Text;
use crate::yaml::{Node, Value};

/// A document that is no object: Helm's values, or the configuration of some program.
#[derive(Debug)]
pub(crate) struct Values {
    pub(crate) root: Rc<Node>,
    /// The chart that they are for, where that is known.
    pub(crate) chart: Option<String>,
}

impl Values {
    pub(crate) fn plain(root: &Rc<Node>) -> Self {
        Self { root: Rc::clone(root), chart: None }
    }
}

/// The values that an object hands to a chart: of Flux, Argo CD, k3s, or kustomize.
pub(crate) fn of(object: &Object, reader: &mut Reader) -> Vec<Values> {
    let root = &object.root;
    let mut all = Vec::new();
    match object.kind.as_str() {
        "HelmRelease" => {
            let chart = root.text_at(&["spec", "chart", "spec", "chart"]);
            // A chart by reference goes by the name of the release.
            let chart = chart.unwrap_or(&object.name);
            add(root.at(&["spec"]), "values", chart, reader, &mut all);
        }
        "Application" | "ApplicationSet" => {
            let spec = if object.kind == "Application" {
                root.get("spec")
            } else {
                root.at(&["spec", "template", "spec"])
            };
            let sources =
                spec.map(|spec| spec.get("source").into_iter().chain(spec.list(&["sources"])));
            for source in sources.into_iter().flatten() {
                let chart = source.text_at(&["chart"]).unwrap_or(&object.name);
                for key in ["valuesObject", "values"] {
                    add(source.get("helm"), key, chart, reader, &mut all);
                }
            }
        }
        "HelmChart" | "HelmChartConfig" => {
            let chart = root.text_at(&["spec", "chart"]).unwrap_or(&object.name);
            let chart = chart.rsplit('/').next().unwrap_or(chart);
            add(root.get("spec"), "valuesContent", chart, reader, &mut all);
        }
        "Kustomization" => {
            for chart in root.list(&["helmCharts"]) {
                let name = chart.text_at(&["name"]).unwrap_or_default();
                add(Some(chart), "valuesInline", name, reader, &mut all);
            }
        }
        _ => {}
    }
    all
}

/// The values below a key, as YAML or as YAML in a string.
fn add(parent: Option<&Node>, key: &str, chart: &str, reader: &mut Reader, all: &mut Vec<Values>) {
    let Some(entry) = parent.and_then(|parent| parent.entry(key)) else { return };
    let root = match &entry.value.value {
        Value::Map(_) => Some(Rc::clone(&entry.value)),
        // Where a program fills them in first, they are no YAML yet, and that is no fault.
        Value::Scalar { text, .. } if !text.contains("{{") => Text::of(&entry.value, &reader.files)
            .and_then(|text| reader.parse(&text).into_iter().next()),
        _ => None,
    };
    all.extend(root.map(|root| Values { root, chart: Some(chart.to_owned()) }));
}
