//! The files as they are.

use serde_json::{Value, json};

use crate::objects::Objects;
use crate::repository::{Rendered, Repository};
use crate::schemas::Schemas;
use crate::{guest, services, storage, vm};

const OVERLAY: &str = "vm-manifests/overlays/talos-altra";
const VALUES: &str = "vm-manifests/overlays/talos-altra/values.env";

/// Everything that can be said against a rendering, the schemas' opinion excepted.
pub(crate) fn findings(objects: &Objects) -> Vec<String> {
    let checks = [vm::check, services::check, storage::check, guest::check];
    checks.iter().flat_map(|check| check(objects)).collect()
}

const NOTHING: [String; 0] = [];

#[test]
fn base_fits_together() {
    let Some(objects) = Repository::copy().render("vm-manifests/base").objects() else { return };
    assert_eq!(findings(&objects), NOTHING);
}

#[test]
fn objects_pass_their_schemas() {
    let Some(schemas) = Schemas::find() else { return };
    let Some(objects) = Repository::copy().render("vm-manifests/base").objects() else { return };
    assert_eq!(schemas.check(&objects), NOTHING);
}

#[test]
fn cloud_init_passes_its_schemas() {
    let Some(schemas) = Schemas::find() else { return };
    let repository = Repository::copy();
    assert_eq!(schemas.check_user_data(&repository.read("cloud-init/user-data")), NOTHING);
    assert_eq!(
        schemas.check_network_config(&repository.read("cloud-init/network-config")),
        NOTHING
    );
}

#[test]
fn guest_gets_the_files_of_cloud_init() {
    let repository = Repository::copy();
    let Some(objects) = repository.render("vm-manifests/base").objects() else { return };
    let source = objects.cloud_init();
    let user_data = objects.secret_text(&source["secretRef"]["name"], "userdata");
    assert_eq!(user_data, Some(repository.read("cloud-init/user-data")));
    let network = objects.secret_text(&source["networkDataSecretRef"]["name"], "networkdata");
    assert_eq!(network, Some(repository.read("cloud-init/network-config")));
    let meta_data = repository.read("cloud-init/meta-data");
    assert_eq!(guest::check_meta_data(&meta_data, &objects), NOTHING);
}

#[test]
fn changed_user_data_makes_another_secret() {
    let repository = Repository::copy();
    let name = |objects: &Objects| objects.cloud_init()["secretRef"]["name"].clone();
    let Some(before) = repository.render("vm-manifests/base").objects() else { return };
    repository.replace("cloud-init/user-data", "gecos: Ollama", "gecos: Another");
    let after = repository.render("vm-manifests/base").objects().unwrap();
    assert_ne!(name(&before), name(&after));
    assert_eq!(findings(&after), NOTHING);
}

#[test]
fn overlay_names_what_has_not_been_chosen() {
    let repository = Repository::copy();
    for (value, line, choice) in
        [("node", "#node=", "node=gpu-1"), ("ssh_key", "#ssh_key=", "ssh_key=ssh-ed25519 KEY me")]
    {
        match repository.render(OVERLAY) {
            Rendered::Refused(message) => {
                assert!(message.contains(&format!("data.{value}")), "{message}");
            }
            Rendered::Done(_) => panic!("{value} was not chosen"),
            Rendered::Skipped => return,
        }
        repository.replace(VALUES, line, choice);
    }
    let objects = repository.render(OVERLAY).objects().unwrap();
    assert_eq!(findings(&objects), NOTHING);
    chosen(&objects);
    if let Some(schemas) = Schemas::find() {
        assert_eq!(schemas.check(&objects), NOTHING);
    }
}

/// Each value arrived where it counts, and the list of values itself stayed behind.
fn chosen(objects: &Objects) {
    let template = &objects.vm()["spec"]["dataVolumeTemplates"][0]["spec"];
    let claim = objects.beside_vm("PersistentVolumeClaim", &json!("saigak-data")).unwrap();
    let keys = objects.beside_vm("Secret", &json!("saigak-ssh-keys")).unwrap();
    assert_eq!(objects.instance()["nodeSelector"], json!({ "kubernetes.io/hostname": "gpu-1" }));
    assert_eq!(keys["stringData"], json!({ "key": "ssh-ed25519 KEY me" }));
    assert_eq!(template["storage"]["storageClassName"], "local-path");
    assert_eq!(claim["spec"]["storageClassName"], "local-path");
    assert!(template["source"]["http"]["url"].as_str().is_some_and(|url| url.contains("arm64")));
    assert_eq!(objects.of_kind("ConfigMap").collect::<Vec<&Value>>(), Vec::<&Value>::new());
}
