//! Each object and file against its schema.

use std::path::{Path, PathBuf};

use jsonschema::Draft;
use serde_json::Value;

use crate::objects::{Objects, list};

/// KubeVirt's release of the reference deployment, and a later one.
const KUBEVIRT: &[&str] = &["v1.7.0", "v1.9.0"];
/// CDI's release of the reference deployment.
const DATA_VOLUME: &str = "cdi/v1.64.0/datavolume.crd.yaml";

/// The schemas of other projects, where this machine has them.
pub(crate) struct Schemas(PathBuf);

impl Schemas {
    /// `None`, said aloud, where there are none.
    pub(crate) fn find() -> Option<Self> {
        // This package lies two folders deep in the repository.
        let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
        let shared = std::env::var_os("SAIGAK_SHARED").map_or_else(beside, PathBuf::from);
        let folder = shared.join("schemas");
        if folder.is_dir() {
            return Some(Self(folder));
        }
        eprintln!("skipped: no schemas in {}", folder.display());
        None
    }

    /// Checks all objects that have a schema here.
    pub(crate) fn check(&self, objects: &Objects) -> Vec<String> {
        let mut findings = Vec::new();
        for object in &objects.0 {
            match object["kind"].as_str().unwrap_or_default() {
                "VirtualMachine" => findings.extend(self.virtual_machine(object)),
                "PersistentVolumeClaim" => findings.extend(self.claim(object)),
                // Kubernetes' own kinds: the other checks look at what counts in them.
                "Namespace" | "Secret" | "Service" => {}
                kind => findings.push(format!("{kind}: no schema")),
            }
        }
        findings
    }

    pub(crate) fn check_user_data(&self, text: &str) -> Vec<String> {
        self.check_file(text, "cloud-init/schema-cloud-config-v1.json")
    }

    pub(crate) fn check_network_config(&self, text: &str) -> Vec<String> {
        self.check_file(text, "cloud-init/schema-network-config-v2.json")
    }

    fn check_file(&self, text: &str, schema: &str) -> Vec<String> {
        let schema = self.read(schema);
        errors(&jsonschema::validator_for(&schema).unwrap(), &serde_saphyr::from_str(text).unwrap())
    }

    /// The machine, and each of its data volume templates as CDI will see it.
    fn virtual_machine(&self, vm: &Value) -> Vec<String> {
        let mut findings = Vec::new();
        for version in KUBEVIRT {
            findings.extend(validate(self.kubevirt(version), vm));
        }
        let crd = self.read(DATA_VOLUME);
        for template in list(&vm["spec"]["dataVolumeTemplates"]) {
            let schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
            findings.extend(validate(schema, template));
        }
        findings
    }

    /// A claim's spec is also a part of a data volume template.
    fn claim(&self, claim: &Value) -> Vec<String> {
        let path = "/properties/spec/properties/dataVolumeTemplates/items/properties/spec\
                    /properties/pvc";
        validate(self.kubevirt(KUBEVIRT[0]).pointer(path).unwrap().clone(), &claim["spec"])
    }

    fn kubevirt(&self, version: &str) -> Value {
        self.read(&format!("kubevirt/{version}/virtualmachine-kubevirt-v1.openapiv3.json"))
    }

    /// Reads a schema. JSON is YAML too.
    fn read(&self, file: &str) -> Value {
        let path = self.0.join(file);
        let text = std::fs::read_to_string(&path);
        let text = text.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }
}

/// A resource's schema names no dialect; `OpenAPI` 3.0 descends from draft 4.
fn validate(mut schema: Value, value: &Value) -> Vec<String> {
    close(&mut schema);
    let options = jsonschema::options().with_draft(Draft::Draft4);
    errors(&options.build(&schema).unwrap(), value)
}

fn errors(validator: &jsonschema::Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

/// Refuses fields that the schema does not know. The API server drops them without a word, so a
/// misspelt reference would be no reference.
fn close(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut() {
        let open = object.contains_key("additionalProperties")
            || object.contains_key("x-kubernetes-preserve-unknown-fields");
        let is_schema = object.get("properties").is_some_and(Value::is_object);
        if is_schema && !open && object.get("type").is_some_and(|kind| kind == "object") {
            object.insert("additionalProperties".into(), false.into());
        }
        object.values_mut().for_each(close);
    }
}
