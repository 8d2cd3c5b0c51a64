//! The overlays, and what their owner chooses in each.

use crate::objects::Objects;
use crate::repository::{Rendered, Repository};

/// An overlay: its name, and for each value that is to be chosen a choice.
pub(crate) struct Overlay {
    pub(crate) name: &'static str,
    choices: &'static [(&'static str, &'static str)],
}

const NODE: (&str, &str) = ("node", "gpu-1");
const SSH_KEY: (&str, &str) = ("ssh_key", "ssh-ed25519 KEY me");
/// A digest has 64 digits.
const PACKAGE: (&str, &str) = (
    "package",
    "registry.example.org/saigak-agent@sha256:\
     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
);
const SAIGAKCTL: (&str, &str) = (
    "saigakctl",
    "registry.example.org/saigakctl@sha256:\
     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
);
const OLLAMA: (&str, &str) = (
    "ollama",
    "docker.io/ollama/ollama@sha256:\
     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
);

const AGENT: (&str, &str) = (
    "agent",
    "registry.example.org/saigak-sidecar@sha256:\
     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
);

/// The reference deployment.
pub(crate) const TALOS_ALTRA: Overlay =
    Overlay { name: "talos-altra", choices: &[NODE, SSH_KEY, PACKAGE, SAIGAKCTL] };
pub(crate) const POOL: Overlay = Overlay {
    name: "pool",
    choices: &[SSH_KEY, ("storage_class", "ceph-block"), PACKAGE, SAIGAKCTL],
};
pub(crate) const PORTKEY_VM: Overlay = Overlay { name: "portkey-vm", choices: &[SSH_KEY, PACKAGE] };
pub(crate) const TALOS_CONTAINER: Overlay =
    Overlay { name: "talos-container", choices: &[NODE, OLLAMA, AGENT] };
pub(crate) const PORTKEY: Overlay = Overlay { name: "portkey", choices: &[OLLAMA, AGENT] };
pub(crate) const HARVESTER: Overlay = Overlay {
    name: "harvester-docker-host",
    choices: &[
        NODE,
        ("user", "admin"),
        ("gpu_claim", "gpu-1-000001000"),
        ("audio_claim", "gpu-1-000001001"),
    ],
};
pub(crate) const MEMORIES: Overlay = Overlay { name: "memories-client", choices: &[] };

/// All of them.
pub(crate) const OVERLAYS: &[Overlay] =
    &[TALOS_ALTRA, POOL, PORTKEY_VM, TALOS_CONTAINER, PORTKEY, HARVESTER, MEMORIES];

impl Overlay {
    pub(crate) fn folder(&self) -> String {
        format!("vm-manifests/overlays/{}", self.name)
    }

    /// A copy with all choices made.
    pub(crate) fn repository(&self) -> Repository {
        let repository = Repository::copy();
        for (key, choice) in self.choices {
            self.make(&repository, key, choice);
        }
        repository
    }

    fn make(&self, repository: &Repository, key: &str, choice: &str) {
        let file = format!("{}/values.env", self.folder());
        repository.replace(&file, &format!("#{key}="), &format!("{key}={choice}"));
    }

    /// The overlay with all choices made.
    pub(crate) fn chosen(&self) -> Option<Objects> {
        self.repository().render(&self.folder()).objects()
    }
}

#[test]
fn each_overlay_is_here() {
    let folder = crate::tools::repository().join("vm-manifests/overlays");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut known: Vec<_> = OVERLAYS.iter().map(|overlay| overlay.name).collect();
    found.sort_unstable();
    known.sort_unstable();
    assert_eq!(found, known);
}

/// The keys of an overlay's list, those with a value and those that wait for one.
fn keys(list: &str) -> Vec<&str> {
    let names = list.lines().filter_map(|line| line.trim_start_matches('#').split_once('='));
    names.map(|(name, _)| name).filter(|name| !name.is_empty() && !name.contains(' ')).collect()
}

/// Each by itself, also one that has a value as it is shipped.
#[test]
fn each_value_that_is_missing_or_empty_is_named() {
    for overlay in OVERLAYS.iter().filter(|overlay| !overlay.choices.is_empty()) {
        let repository = overlay.repository();
        let file = format!("{}/values.env", overlay.folder());
        let list = repository.read(&file);
        let keys = keys(&list);
        assert!(overlay.choices.iter().all(|(key, _)| keys.contains(key)), "{keys:?}");
        for key in keys {
            let set = format!("\n{key}=");
            let cases = [
                (format!("\n#{key}="), format!("data.{key}`")),
                (format!("\n{key}=\n#"), format!("\"a value for {key} in values.env\"")),
            ];
            for (instead, named) in cases {
                let change = (file.as_str(), set.as_str(), instead.as_str());
                match repository.broken(change, || repository.render(&overlay.folder())) {
                    Rendered::Refused(message) => {
                        assert!(message.contains(&named), "{}: {message}", overlay.name);
                    }
                    Rendered::Done(_) => panic!("{}: rendered with {instead:?}", overlay.name),
                    Rendered::Skipped => return,
                }
            }
        }
    }
}

#[test]
fn what_is_chosen_arrives() {
    for overlay in OVERLAYS {
        let Some(objects) = overlay.chosen() else { return };
        assert_ne!(objects.0.len(), 0);
        // And the list itself stays behind.
        let text = serde_json::to_string(&objects.0).unwrap();
        for (key, choice) in overlay.choices {
            assert!(text.contains(choice), "{}: {key}", overlay.name);
        }
        assert!(objects.of_kind("ConfigMap").all(|map| map["metadata"]["name"] != "values"));
    }
}
