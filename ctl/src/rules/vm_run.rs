//! How a VM runs, and from which image.

use crate::fix::Edit;
use crate::input::{Inputs, Vm};
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

pub(crate) static VM010: Rule = Rule {
    id: "VM010",
    severity: Severity::Warning,
    title: "running instead of runStrategy",
    cause: "running is deprecated, and cannot say what becomes of a guest that ends by itself.",
    evidence: "A warning of the API server at every apply.",
    fix: "write runStrategy: Always for running: true, and Halted for false",
    check: running,
};

fn running(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines() {
        let outer: &[&str] =
            if vm.machine.pooled { &["spec", "virtualMachineTemplate", "spec"] } else { &["spec"] };
        if let Some(entry) = vm.object.root.at(outer).and_then(|spec| spec.entry("running")) {
            let finding = found.add(entry.place, "running is deprecated: use runStrategy");
            let strategy = if entry.value.is_true() { "Always" } else { "Halted" };
            let written = entry.value.text().filter(|text| ["true", "false"].contains(text));
            if let Some(written) = written
                && vm
                    .object
                    .root
                    .at(outer)
                    .is_some_and(|spec| spec.get_key("runStrategy").is_none())
            {
                finding.edit(Edit::words(entry.place, "running", "runStrategy")).edit(Edit::words(
                    entry.value.place,
                    written,
                    strategy,
                ));
            }
        }
    }
}

/// The addresses of a machine's images.
fn images(vm: Vm<'_>) -> impl Iterator<Item = &Node> {
    let outer: &[&str] = if vm.machine.pooled {
        &["spec", "virtualMachineTemplate", "spec", "dataVolumeTemplates"]
    } else {
        &["spec", "dataVolumeTemplates"]
    };
    let sources = vm.object.root.list(outer).filter_map(|t| t.at(&["spec", "source"]));
    let disks = vm.spec().list(&["volumes"]).filter_map(|v| v.at(&["containerDisk", "image"]));
    sources
        .filter_map(|source| ["http", "registry"].iter().find_map(|kind| source.at(&[kind, "url"])))
        .chain(disks)
}

pub(crate) static VM013: Rule = Rule {
    id: "VM013",
    severity: Severity::Warning,
    title: "architecture unset, or not the image's",
    cause: "Unset, the guest gets the architecture of the control plane, not of the node. A guest \
            of one does not boot an image of another.",
    evidence: "The pod is Pending for a node of the wrong architecture, or the console stays \
               black.",
    fix: "set architecture in the VM to that of the image and of the node",
    check: architecture,
};

fn architecture(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines() {
        let Some(stated) = vm.spec().get("architecture") else {
            found.add(vm.domain_place(), "no architecture: the control plane's is taken").at_most(
                if vm.has_gpu() || images(vm).any(|i| of_image(i) == Some("arm64")) {
                    Severity::Warning
                } else {
                    Severity::Information
                },
            );
            continue;
        };
        for image in images(vm) {
            if let Some(found_in) = of_image(image)
                && stated.text() != Some(found_in)
                && !stated.is_filled_in()
            {
                let text = stated.text().unwrap_or_default();
                found
                    .add(image.place, format!("an image for {found_in}, and the VM is {text}"))
                    .see(stated.place, "stated here");
            }
        }
    }
}

/// The architecture that an image's name tells.
fn of_image(image: &Node) -> Option<&'static str> {
    let name = image.text()?.to_ascii_lowercase();
    let known = [
        ("arm64", "arm64"),
        ("aarch64", "arm64"),
        ("amd64", "amd64"),
        ("x86_64", "amd64"),
        ("s390x", "s390x"),
    ];
    known.iter().find(|(part, _)| name.contains(part)).map(|(_, architecture)| *architecture)
}

pub(crate) static VM014: Rule = Rule {
    id: "VM014",
    severity: Severity::Information,
    title: "an image that can change behind its address",
    cause: "Without a checksum or a dated address, a VM that is created again may boot another \
            image than the one that was tested.",
    evidence: "Two VMs from one manifest have different kernels.",
    fix: "use the address of a dated build, or state a checksum",
    check: mutable_image,
};

fn mutable_image(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines() {
        for template in vm.object.root.list(&["spec", "dataVolumeTemplates"]) {
            let Some(http) = template.at(&["spec", "source", "http"]) else { continue };
            let Some(url) = http.get("url") else { continue };
            if http.get("checksum").is_none() && !is_dated(url.text().unwrap_or_default()) {
                found.add(url.place, "its publisher may replace what is behind this address");
            }
        }
    }
}

/// Whether it holds a day, as builds are numbered: eight digits in a row, the first two 20.
fn is_dated(url: &str) -> bool {
    url.split(|c: char| !c.is_ascii_digit()).any(|part| part.len() >= 8 && part.starts_with("20"))
}
