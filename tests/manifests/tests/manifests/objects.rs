//! Rendered objects, and the few ways in which the checks look at them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// All objects of one rendering.
pub(crate) struct Objects(pub(crate) Vec<Value>);

impl Objects {
    pub(crate) fn parse(yaml: &str) -> Self {
        Self(serde_saphyr::from_multiple(yaml).unwrap())
    }

    pub(crate) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |object| object["kind"] == kind)
    }

    /// The object of that name in the VM's own namespace, where a VM's references look.
    pub(crate) fn beside_vm(&self, kind: &str, name: &Value) -> Option<&Value> {
        let namespace = &self.vm()["metadata"]["namespace"];
        self.0.iter().find(|object| {
            let metadata = &object["metadata"];
            object["kind"] == kind
                && metadata["name"] == *name
                && metadata["namespace"] == *namespace
        })
    }

    /// The one virtual machine.
    pub(crate) fn vm(&self) -> &Value {
        let mut machines = self.of_kind("VirtualMachine");
        let vm = machines.next().unwrap();
        assert!(machines.next().is_none(), "one VirtualMachine");
        vm
    }

    /// What it starts: the instance's spec.
    pub(crate) fn instance(&self) -> &Value {
        &self.vm()["spec"]["template"]["spec"]
    }

    /// The cloud-init volume's source.
    pub(crate) fn cloud_init(&self) -> &Value {
        list(&self.instance()["volumes"])
            .iter()
            .find_map(|volume| volume.get("cloudInitNoCloud"))
            .unwrap_or(&Value::Null)
    }

    /// One entry of a generated secret, decoded.
    pub(crate) fn secret_text(&self, name: &Value, key: &str) -> Option<String> {
        let data = self.beside_vm("Secret", name)?["data"][key].as_str()?;
        let data: String = data.split_whitespace().collect();
        Some(String::from_utf8(BASE64_STANDARD.decode(data).unwrap()).unwrap())
    }

    /// Ports that masquerade lets through to the guest.
    pub(crate) fn forwarded_ports(&self) -> Vec<&Value> {
        list(&self.instance()["domain"]["devices"]["interfaces"])
            .iter()
            .flat_map(|interface| list(&interface["ports"]))
            .map(|port| &port["port"])
            .collect()
    }
}

/// The items of a list; none where there is no list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Notes a finding where something does not hold.
pub(crate) fn require(findings: &mut Vec<String>, holds: bool, finding: impl Into<String>) {
    if !holds {
        findings.push(finding.into());
    }
}
