//! Each object and file against its schema.

use std::path::{Path, PathBuf};

use jsonschema::Draft;
use serde_json::{Map, Value};

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

    /// Checks the objects of KubeVirt, CDI and Harvester. Kubernetes' own kinds, and a few of other
    /// projects, are `typed`'s.
    pub(crate) fn check(&self, objects: &Objects) -> Vec<String> {
        let mut findings = Vec::new();
        for object in &objects.0 {
            match object["kind"].as_str().unwrap_or_default() {
                "VirtualMachine" => findings.extend(self.virtual_machine(object)),
                "VirtualMachinePool" => findings.extend(self.pool(object)),
                "KubeVirt" => findings.extend(self.kubevirts("kubevirt-kubevirt-v1", object)),
                "PCIDeviceClaim" => findings.extend(self.claim_of_device(object)),
                _ => {}
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
        let mut findings = self.kubevirts("virtualmachine-kubevirt-v1", vm);
        findings.extend(self.templates(&vm["spec"]));
        findings
    }

    fn pool(&self, pool: &Value) -> Vec<String> {
        let mut findings = self.kubevirts("virtualmachinepool-pool-v1beta1", pool);
        findings.extend(self.templates(&pool["spec"]["virtualMachineTemplate"]["spec"]));
        findings
    }

    fn templates(&self, machine: &Value) -> Vec<String> {
        let crd = self.read(DATA_VOLUME);
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let templates = list(&machine["dataVolumeTemplates"]).iter();
        templates.flat_map(|template| validate(schema.clone(), template)).collect()
    }

    /// Against the schema of a kind in each of the releases.
    fn kubevirts(&self, kind: &str, object: &Value) -> Vec<String> {
        let schema = |version| self.read(&format!("kubevirt/{version}/{kind}.openapiv3.json"));
        KUBEVIRT.iter().flat_map(|version| validate(schema(version), object)).collect()
    }

    fn claim_of_device(&self, claim: &Value) -> Vec<String> {
        let path = self.0.join("harvester/pcidevice-pcideviceclaim.crd.yaml");
        let text = std::fs::read_to_string(path).unwrap();
        let crds: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        let crd = crds.iter().find(|crd| crd["spec"]["names"]["kind"] == claim["kind"]).unwrap();
        let mut schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
        // Every object has them, whether its schema says so or not.
        for field in ["apiVersion", "kind", "metadata"] {
            let properties = schema["properties"].as_object_mut().unwrap();
            properties.entry(field).or_insert_with(|| Value::Object(Map::new()));
        }
        validate(schema, claim)
    }

    /// The defaults of NVIDIA's operator, which its chart has instead of a schema.
    pub(crate) fn operator_values(&self) -> Value {
        self.read("nvidia/gpu-operator-v25.10.1/values.yaml")
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
