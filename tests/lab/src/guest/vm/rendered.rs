//! What a cluster gives a virtual machine, read from a rendered overlay: the disk for cloud-init,
//! the disk with the agent's settings, who the machine is, and who may come in.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::paths::{make_directory, write};
use crate::process;
use crate::root::tools::Tools;

/// The repository, and the folders of it that an overlay reads.
const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const FOLDERS: &[&str] = &["cloud-init", "vm-manifests"];
/// The overlay for a machine without a GPU, as the lab's are.
const OVERLAY: &str = "vm-manifests/overlays/portkey-vm";
/// There is no registry of images here: the package comes on a disk that the lab makes.
const PACKAGE: &str = "registry.invalid/saigak-agent@sha256:\
    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const PATIENCE: Duration = Duration::from_mins(2);

/// See the module.
#[derive(Debug)]
pub struct Rendered {
    /// cloud-init's user-data.
    pub user_data: String,
    /// Its network-config.
    pub network_config: String,
    /// The firmware's UUID: its instance-id.
    pub instance: String,
    /// The MAC of the link.
    pub mac: String,
    /// Public keys for SSH.
    pub key: String,
    /// The files on the disk with the agent's settings.
    pub settings: BTreeMap<String, String>,
}

impl Rendered {
    /// Renders the overlay, for a person with that public key.
    pub async fn make(tools: &Tools, scratch: &Path, key: &str) -> Result<Self> {
        make_directory(scratch)?;
        for folder in FOLDERS {
            let mut copy = process::command("cp", &["--recursive"]);
            copy.arg(format!("{REPOSITORY}/{folder}")).arg(scratch);
            process::run(copy, PATIENCE).await?;
        }
        let overlay = scratch.join(OVERLAY);
        choose(&overlay.join("values.env"), &[("ssh_key", key), ("package", PACKAGE)])?;
        let mut command = tools.command("kustomize", &["build"]);
        command.arg(&overlay);
        let text = process::run(command, PATIENCE).await?;
        let objects: Vec<Value> = serde_saphyr::from_multiple(&text).context(OVERLAY)?;
        Self::read(&objects).with_context(|| format!("{OVERLAY}, rendered"))
    }

    fn read(objects: &[Value]) -> Result<Self> {
        let named = |kind: &str, name: Option<&Value>| {
            let mut all = objects.iter().filter(|object| {
                object["kind"] == kind
                    && name.is_none_or(|name| object["metadata"]["name"] == *name)
            });
            let first = all.next().with_context(|| format!("no {kind} {name:?}"))?;
            ensure!(all.next().is_none(), "more than one {kind} {name:?}");
            anyhow::Ok(first)
        };
        let spec = &named("VirtualMachine", None)?["spec"]["template"]["spec"];
        let volume = |kind: &str| {
            let volumes = spec["volumes"].as_array().into_iter().flatten();
            let mut found = volumes.filter_map(move |volume| volume.get(kind));
            found.next().with_context(|| format!("no volume that is a {kind}"))
        };
        let seed = volume("cloudInitNoCloud")?;
        let secret = |reference: &Value, key: &str| {
            decoded(&named("Secret", Some(&reference["name"]))?["data"][key])
        };
        let keys = &spec["accessCredentials"][0]["sshPublicKey"]["source"]["secret"];
        let keys = named("Secret", Some(&keys["secretName"]))?;
        let settings = named("ConfigMap", Some(&volume("configMap")?["name"]))?;
        let settings = settings["data"].as_object().context("settings without files")?.iter();
        let devices = &spec["domain"]["devices"];
        Ok(Self {
            user_data: secret(&seed["secretRef"], "userdata")?,
            network_config: secret(&seed["networkDataSecretRef"], "networkdata")?,
            instance: text(&spec["domain"]["firmware"]["uuid"])?,
            mac: text(&devices["interfaces"][0]["macAddress"])?,
            key: text(&keys["stringData"]["key"])?,
            settings: settings
                .map(|(name, file)| Ok((name.clone(), text(file)?)))
                .collect::<Result<_>>()?,
        })
    }
}

/// Makes the choices that an overlay leaves to its owner.
fn choose(values: &Path, choices: &[(&str, &str)]) -> Result<()> {
    let shown = values.display();
    let mut chosen =
        std::fs::read_to_string(values).with_context(|| format!("cannot read {shown}"))?;
    for (key, choice) in choices {
        let line = format!("#{key}=");
        ensure!(chosen.matches(&line).count() == 1, "{shown} has not one line {line}");
        chosen = chosen.replace(&line, &format!("{key}={choice}"));
    }
    write(values, chosen)
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).with_context(|| format!("no text, but {value}"))
}

fn decoded(value: &Value) -> Result<String> {
    let data: String = text(value)?.split_whitespace().collect();
    let bytes = STANDARD.decode(data).context("a secret that is not base64")?;
    String::from_utf8(bytes).context("a secret that is no text")
}
