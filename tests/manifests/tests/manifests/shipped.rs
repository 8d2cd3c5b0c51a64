//! The files as they are.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::choices::{OVERLAYS, POOL, PORTKEY_VM, TALOS_ALTRA};
use crate::objects::{Objects, list};
use crate::repository::Repository;
use crate::schemas::Schemas;
use crate::{guest, network, services, storage, typed, vm};

/// Everything that can be said against a rendering, the schemas' opinion excepted.
pub(crate) fn findings(objects: &Objects) -> Vec<String> {
    let checks = [vm::check, services::check, storage::check, guest::check, network::check];
    checks.iter().flat_map(|check| check(objects)).collect()
}

const NOTHING: [String; 0] = [];

#[test]
fn base_fits_together() {
    let Some(objects) = Repository::copy().render("vm-manifests/base").objects() else { return };
    assert_eq!(findings(&objects), NOTHING);
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

/// Nothing else ties the image to the guest: neither rendering nor a schema sees the label.
#[test]
fn guest_looks_for_its_package_by_the_label_of_the_image() {
    let repository = Repository::copy();
    let made = repository.read("vm-manifests/images/package.Containerfile");
    let label = made.split_once("-volid ").and_then(|(_, rest)| rest.split_whitespace().next());
    let label = label.expect("the image has a label");
    let user_data = repository.read("cloud-init/user-data");
    assert!(user_data.contains(&format!("/dev/disk/by-label/{label} ]")), "{label}");
    assert!(repository.read("vm-manifests/images/README.md").contains(&format!("`{label}`")));
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
fn each_overlay_with_a_machine_fits_together() {
    for overlay in [TALOS_ALTRA, PORTKEY_VM] {
        let Some(objects) = overlay.chosen() else { return };
        assert_eq!(findings(&objects), NOTHING, "{}", overlay.name);
    }
}

#[test]
fn every_object_passes_its_schema() {
    let repository = Repository::copy();
    let overlays = OVERLAYS.iter().map(|overlay| (overlay.folder(), overlay.chosen()));
    let platform = ["", "/argocd", "/talos-container", "/validation-bridge"];
    let platform = platform.map(|folder| format!("vm-manifests/platform{folder}"));
    let platform = platform.iter().map(|it| (it.clone(), repository.render(it).objects()));
    let schemas = Schemas::find();
    for (folder, objects) in overlays.chain(platform) {
        let Some(objects) = objects else { return };
        assert_eq!(typed::check(&objects), NOTHING, "{folder}");
        if let Some(schemas) = &schemas {
            assert_eq!(schemas.check(&objects), NOTHING, "{folder}");
        }
    }
    let patch = repository.read("vm-manifests/overlays/harvester-docker-host/vm-patch.yaml");
    if let Some(schemas) = &schemas {
        assert_eq!(schemas.check(&Objects::parse(&patch)), NOTHING);
    }
}

/// Each setting of NVIDIA's operator is one that it has.
#[test]
fn settings_of_the_operator_exist() {
    let Some(schemas) = Schemas::find() else { return };
    let text = Repository::copy().read("vm-manifests/platform/gpu-operator/values.yaml");
    let ours: Value = serde_saphyr::from_str(&text).unwrap();
    let theirs = schemas.operator_values();
    for (part, settings) in ours.as_object().unwrap() {
        for key in settings.as_object().unwrap().keys() {
            assert!(theirs[part].get(key).is_some(), "{part}.{key}");
        }
    }
}

/// Each value arrived where it counts.
#[test]
fn choices_arrive_where_they_count() {
    let Some(objects) = TALOS_ALTRA.chosen() else { return };
    let template = &objects.vm()["spec"]["dataVolumeTemplates"][0]["spec"];
    let claim = objects.beside_vm("PersistentVolumeClaim", &json!("saigak-data")).unwrap();
    let keys = objects.beside_vm("Secret", &json!("saigak-ssh-keys")).unwrap();
    assert_eq!(objects.instance()["nodeSelector"], json!({ "kubernetes.io/hostname": "gpu-1" }));
    assert_eq!(keys["stringData"], json!({ "key": "ssh-ed25519 KEY me" }));
    assert_eq!(template["storage"]["storageClassName"], "local-path");
    assert_eq!(claim["spec"]["storageClassName"], "local-path");
    assert!(template["source"]["http"]["url"].as_str().is_some_and(|url| url.contains("arm64")));
    let volumes = list(&objects.instance()["volumes"]).iter();
    let images: Vec<_> = volumes.filter_map(|v| v["containerDisk"]["image"].as_str()).collect();
    assert!(matches!(images[..], [image] if image.contains("@sha256:")), "{images:?}");
}

/// A pool's machines are the reference's, but for what would make them one machine.
#[test]
fn pool_differs_by_identity_alone() {
    let (Some(one), Some(many)) = (TALOS_ALTRA.chosen(), POOL.chosen()) else { return };
    let mut one = one.instance().clone();
    let pool = many.of_kind("VirtualMachinePool").next().unwrap();
    let mut many = pool["spec"]["virtualMachineTemplate"]["spec"]["template"]["spec"].clone();
    let take = |spec: &mut Value, at: &str, key: &str| {
        spec.pointer_mut(at).unwrap().as_object_mut().unwrap().remove(key).unwrap()
    };
    take(&mut one, "/domain", "firmware");
    take(&mut one, "/domain/devices/interfaces/0", "macAddress");
    take(&mut one, "", "nodeSelector");
    take(&mut many, "", "topologySpreadConstraints");
    // Its own copy of the model, instead of the claim that outlives the VM.
    assert_eq!(take(&mut one, "/volumes/1", "persistentVolumeClaim")["claimName"], "saigak-data");
    assert_eq!(take(&mut many, "/volumes/1", "dataVolume")["name"], "saigak-data");
    assert_eq!(one, many);
}

/// The lab's machines boot from the files of `cloud-init/`, which is what each of these would boot
/// from, byte for byte.
#[test]
fn each_overlay_gives_its_machine_the_files_of_cloud_init() {
    let repository = Repository::copy();
    let (user_data, network) =
        (repository.read("cloud-init/user-data"), repository.read("cloud-init/network-config"));
    for overlay in [TALOS_ALTRA, PORTKEY_VM] {
        let Some(objects) = overlay.chosen() else { return };
        let source = objects.cloud_init();
        let told = |reference: &str, key| objects.secret_text(&source[reference]["name"], key);
        assert_eq!(told("secretRef", "userdata").as_ref(), Some(&user_data), "{}", overlay.name);
        let config = told("networkDataSecretRef", "networkdata");
        assert_eq!(config.as_ref(), Some(&network), "{}", overlay.name);
    }
    let Some(pool) = POOL.chosen() else { return };
    let told = |key: &str| {
        let data = pool.of_kind("Secret").find_map(|secret| secret["data"][key].as_str())?;
        let data: String = data.split_whitespace().collect();
        Some(String::from_utf8(BASE64_STANDARD.decode(data).unwrap()).unwrap())
    };
    assert_eq!((told("userdata"), told("networkdata")), (Some(user_data), Some(network)));
}
