//! Whether the nodes run Talos, where NVIDIA's parts lie elsewhere and Pod Security is on.

use crate::input::{Inputs, Values};
use crate::lint::{Finding, Severity};
use crate::source::{File, Place};
use crate::yaml::Node;

/// What among the inputs says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    place: Place,
    /// Whether it could not stand there otherwise. Else it is a name or a remark.
    certain: bool,
}

/// Whether the user or the inputs say so.
pub(super) fn is_used(inputs: &Inputs) -> bool {
    inputs.talos || shown(inputs).is_some()
}

/// Says to a finding why it is one. It is no error where only a remark speaks of Talos.
pub(super) fn because<'a>(finding: &'a mut Finding, inputs: &Inputs) -> &'a mut Finding {
    let Some(shown) = shown(inputs) else { return finding };
    if !shown.certain && !inputs.talos {
        finding.at_most(Severity::Warning);
    }
    finding.see(shown.place, "this is Talos")
}

fn shown(inputs: &Inputs) -> Option<Shown> {
    *inputs.talos_shown.get_or_init(|| look(inputs))
}

fn look(inputs: &Inputs) -> Option<Shown> {
    let configured = machines(inputs).map(|machine| machine.place).next();
    let documents = || {
        // Talos' own documents: their version has no group.
        let own = |api: &str| api == "v1alpha1";
        inputs.objects.iter().find(|object| own(&object.api)).map(|object| object.root.place)
    };
    let nodes = || {
        inputs.of_kind("Node").find_map(|node| {
            let image = node.root.at(&["status", "nodeInfo", "osImage"])?;
            image.text()?.starts_with("Talos").then_some(image.place)
        })
    };
    let files = || inputs.files.iter().enumerate();
    let marks =
        || files().find_map(|(index, file)| MARKS.iter().find_map(|mark| find(index, file, mark)));
    let certain = configured.or_else(documents).or_else(nodes).or_else(marks);
    let remark = || files().find_map(|(index, file)| remark(index, file));
    let certainly = certain.map(|place| Shown { place, certain: true });
    certainly.or_else(|| remark().map(|place| Shown { place, certain: false }))
}

/// What stands in manifests for Talos only: its labels and images, and where its extension puts
/// NVIDIA's libraries.
const MARKS: [&str; 4] =
    [".talos.dev/", "factory.talos.dev", "ghcr.io/siderolabs/", "/usr/local/glibc/usr/lib"];

/// Where a mark stands outside of comments.
fn find(index: usize, file: &File, mark: &str) -> Option<Place> {
    file.text.match_indices(mark).find_map(|(at, _)| {
        let line = file.line(file.line_at(at))?;
        let comment = file.text[line].trim_start().starts_with('#');
        (!comment).then_some(Place { file: index, start: at, end: at + mark.len() })
    })
}

/// Where a comment, a name or the file's own path speaks of Talos.
fn remark(index: usize, file: &File) -> Option<Place> {
    let names = ["talos", "Talos", "TALOS"];
    let word = |text: &str| {
        let starts = names.iter().flat_map(|name| text.match_indices(name)).map(|(at, _)| at);
        // Not the end of another word.
        starts.filter(|at| !text[..*at].ends_with(char::is_alphabetic)).min()
    };
    let place = |start| Place { file: index, start, end: start + "talos".len() };
    let path = || word(&file.path).map(|_| Place { file: index, start: 0, end: 0 });
    word(&file.text).map(place).or_else(path)
}

/// What a machine configuration, or a patch of one, says about the machine.
pub(super) fn machines(inputs: &Inputs) -> impl Iterator<Item = &Node> {
    const KEYS: [&str; 9] = [
        "install",
        "kernel",
        "kubelet",
        "network",
        "nodeLabels",
        "sysctls",
        "files",
        "features",
        "certSANs",
    ];
    inputs.values.iter().filter(|values| values.chart.is_none()).filter_map(|values| {
        let machine = values.root.get("machine")?;
        KEYS.iter().any(|key| machine.get(key).is_some()).then_some(machine)
    })
}

/// What configures the operator: its chart's values, and the spec of its policy.
pub(super) fn operators(inputs: &Inputs) -> impl Iterator<Item = &Node> {
    let values = inputs.values.iter().filter_map(of_operator);
    values.chain(inputs.of_kind("ClusterPolicy").filter_map(|policy| {
        policy.api.starts_with("nvidia.com/").then(|| policy.root.get("spec"))?
    }))
}

/// The operator's part of some values: all of them, or those of a chart within a chart.
fn of_operator(values: &Values) -> Option<&Node> {
    const PARTS: [&str; 8] = [
        "driver",
        "toolkit",
        "devicePlugin",
        "sandboxWorkloads",
        "sandboxDevicePlugin",
        "vfioManager",
        "dcgmExporter",
        "migManager",
    ];
    if let Some(inner) = values.root.get("gpu-operator").filter(|inner| inner.is_map()) {
        return Some(inner);
    }
    // Values without a chart's name are known by their keys.
    let known =
        || PARTS.iter().filter(|part| values.root.get(part).is_some_and(Node::is_map)).count();
    let own = match &values.chart {
        Some(chart) => chart.contains("gpu-operator"),
        None => values.root.get("sandboxWorkloads").is_some() || known() > 1,
    };
    own.then_some(&values.root)
}

/// Whether a part of the operator is switched on; `None` where nothing is said.
pub(super) fn enabled(settings: &Node, part: &str) -> Option<bool> {
    settings.at(&[part, "enabled"]).map(Node::is_true)
}
