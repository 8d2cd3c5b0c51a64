//! Disks that go away with something else, and names that change.

use crate::fix::Edit;
use crate::input::{Inputs, NETWORK, Object, USER, Vm};
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

/// Names of the claims or data volumes of all of a machine's disks but the one that it boots from.
fn data_disks<'a>(vm: Vm<'a>, kind: &str, name: &str) -> Vec<&'a Node> {
    let root = vm.root();
    vm.spec()
        .list(&["volumes"])
        .filter(|volume| volume.text_at(&["name"]) != root)
        .filter_map(|volume| volume.at(&[kind, name]))
        .collect()
}

pub(crate) static AR001: Rule = Rule {
    id: "AR001",
    severity: Severity::Warning,
    title: "a wave that waits for a later one",
    cause: "Argo CD ends a wave when all in it is healthy. A claim of a class that waits for its \
            first consumer is bound when the VM comes, and the VM comes in a later wave.",
    evidence: "The Application stays Progressing at the claim, and there is no VM.",
    fix: "put the claim into the VM's wave",
    check: waves,
};

fn waves(inputs: &Inputs, found: &mut Found) {
    let wave = |object: &Object| -> i64 {
        let text = object.annotation("argocd.argoproj.io/sync-wave");
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    for vm in inputs.machines() {
        for claim in claims(vm, inputs).filter(|claim| wave(claim) < wave(vm.object)) {
            let Some(class) = claim.root.at(&["spec", "storageClassName"]) else { continue };
            let waits = inputs.of_kind("StorageClass").find(|known| {
                Some(known.name.as_str()) == class.text()
                    && known.root.text_at(&["volumeBindingMode"]) == Some("WaitForFirstConsumer")
            });
            // The class of the usual local provisioner, which is rarely among the inputs.
            if waits.is_some() || class.text() == Some("local-path") {
                found
                    .add(claim.place(), "in an earlier wave than the VM that it waits for")
                    .see(vm.object.place(), "in a later one");
            }
        }
    }
}

/// The claims of a machine's data disks.
fn claims<'a>(vm: Vm<'a>, inputs: &'a Inputs) -> impl Iterator<Item = &'a Object> {
    let names = data_disks(vm, "persistentVolumeClaim", "claimName");
    let claims = names.into_iter().filter_map(Node::text);
    claims
        .flat_map(|name| inputs.named("PersistentVolumeClaim", name))
        .filter(move |claim| claim.beside(vm.object.namespace.as_deref()))
}

pub(crate) static AR002: Rule = Rule {
    id: "AR002",
    severity: Severity::Warning,
    title: "the model's disk can be pruned",
    cause: "Argo CD deletes what is no longer in the manifests, and all of it when the Application \
            is deleted. A claim takes its volume with it.",
    evidence: "After a rename or a move, the model is pulled again, for hours.",
    fix: "annotate the claim argocd.argoproj.io/sync-options: Prune=false,Delete=false",
    check: prunable,
};

fn prunable(inputs: &Inputs, found: &mut Found) {
    let options = "argocd.argoproj.io/sync-options";
    let argo = inputs.of_kind("Application").next().is_some()
        || inputs.objects.iter().any(|object| {
            let annotations = object.root.at(&["metadata", "annotations"]).map(Node::entries);
            annotations.unwrap_or_default().iter().any(|a| a.key.starts_with("argocd.argoproj.io/"))
        });
    if !argo {
        return;
    }
    for vm in inputs.machines() {
        for claim in claims(vm, inputs) {
            let set: Vec<&str> =
                claim.annotation(options).unwrap_or_default().split(',').map(str::trim).collect();
            if !["Prune=false", "Delete=false"].iter().all(|option| set.contains(option)) {
                let finding = found.add(claim.place(), "Argo CD may delete this disk");
                let annotations = claim.root.at(&["metadata", "annotations"]);
                if let Some(annotations) = annotations.filter(|a| a.get_key(options).is_none()) {
                    let keep = "\"Prune=false,Delete=false\"";
                    finding.edit(Edit::key(annotations, options, keep));
                }
            }
        }
    }
}

pub(crate) static DV001: Rule = Rule {
    id: "DV001",
    severity: Severity::Warning,
    title: "the model's disk belongs to the VM object",
    cause: "What stands below dataVolumeTemplates is deleted together with the VM. That is right \
            for a root disk, which an image fills again.",
    evidence: "After the VM was deleted and created again, the model is pulled again.",
    fix: "make the data disk a PersistentVolumeClaim or DataVolume of its own",
    check: owned,
};

fn owned(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines().filter(|vm| !vm.machine.pooled) {
        for name in data_disks(vm, "dataVolume", "name") {
            let template = vm
                .object
                .root
                .list(&["spec", "dataVolumeTemplates"])
                .find(|template| template.text_at(&["metadata", "name"]) == name.text());
            if let Some(template) = template.and_then(|t| t.at(&["metadata", "name"])) {
                found.add(template.place, "deleted with the VM, and all that is on it");
            }
        }
    }
}

pub(crate) static KZ001: Rule = Rule {
    id: "KZ001",
    severity: Severity::Error,
    title: "a generated secret under a name that it will not have",
    cause: "kustomize ends the names of generated secrets in a hash, and follows references only \
            where it knows them. It does not know VirtualMachine.",
    evidence: "The VM's pod waits for a secret that does not exist.",
    fix: "add a nameReference for VirtualMachine below configurations, or set \
          disableNameSuffixHash",
    check: hashed,
};

fn hashed(inputs: &Inputs, found: &mut Found) {
    let taught = inputs.values.iter().any(|values| {
        values.root.list(&["nameReference"]).any(|reference| {
            let mut specs = reference.list(&["fieldSpecs"]);
            reference.text_at(&["kind"]) == Some("Secret")
                && specs.any(|spec| spec.text_at(&["kind"]) == Some("VirtualMachine"))
        })
    });
    if taught {
        return;
    }
    for vm in inputs.machines() {
        let Some(cloud) = &vm.machine.cloud_init else { continue };
        for names in [&USER, &NETWORK] {
            let Some(name) = cloud.source.at(&[names.reference, "name"]) else { continue };
            let text = name.text().unwrap_or_default();
            let secret = inputs.secret(text, vm.object.namespace.as_deref(), name.place);
            if let Some(secret) = secret.filter(|secret| secret.hashed) {
                found
                    .add(name.place, format!("{text} will have a hash at the end of its name"))
                    .see(secret.place, "generated here");
            }
        }
    }
}
