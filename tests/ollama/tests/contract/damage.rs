//! Files that are damaged on disk, at rest or under a running server.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::compare::steady;
use crate::fixture::{self, ALIAS, MODEL, WEIGHTS};
use crate::registries::sound;
use crate::server::{Place, Server};
use crate::{http, transcripts};

/// The case that recorded what follows, and what is done to the models directory.
type Damage = (&'static str, fn(&Path));

const DAMAGES: &[Damage] = &[
    ("63_blob_truncated", |root| resize(&fixture::weights_path(root), WEIGHTS.len() / 2)),
    ("63c_blob_garbage", |root| overwrite(root, 0)),
    ("63d_blob_tail_garbage", |root| overwrite(root, WEIGHTS.len() / 2)),
    ("63e_blob_zero", |root| resize(&fixture::weights_path(root), 0)),
    ("63f_blob_missing", |root| fs::remove_file(fixture::weights_path(root)).unwrap()),
    ("63g_config_missing", remove_config),
    ("63h_manifest_empty", |root| resize(&fixture::manifest_path(root, MODEL), 0)),
    ("63i_manifest_garbage", |root| write_manifest(root, "not json")),
    ("63j_all_manifests_gone", |root| {
        age_blobs(root);
        fs::remove_dir_all(root.join("manifests")).unwrap();
    }),
    ("63k_manifest_corrupt_old_blobs", |root| {
        age_blobs(root);
        write_manifest(root, "x");
    }),
    ("63l_models_dir_removed_live", |root| fs::remove_dir_all(root).unwrap()),
];

#[tokio::test]
async fn every_damage_has_the_recorded_effect() {
    let registry = sound(None).await;
    for (name, damage) in DAMAGES {
        let Some(recorded) = transcripts::case(name) else { continue };
        let place = pulled(registry).await;
        let server = if recorded["restarted_after_corruption"] == true {
            damage(&place.models());
            place.start().await
        } else {
            let server = place.start().await;
            damage(&server.models());
            server
        };
        for step in recorded["steps_results"].as_array().unwrap() {
            replay(name, &server, step, &registry.to_string()).await;
        }
        let kept = fixture::weights_path(&server.models()).exists();
        assert!(kept, "{name}: the model file, pulled again where it was gone");
    }
}

/// A truncated file is noticed at once, even while a runner holds the model.
#[tokio::test]
async fn a_file_that_is_cut_under_a_loaded_model() {
    let server = with_alias().start().await;
    assert_eq!(server.embed(ALIAS, "x").await.status, 200);
    resize(&fixture::weights_path(&server.models()), WEIGHTS.len() / 2);
    let reply = server.embed(ALIAS, "x").await;
    assert_eq!(reply.status, 500);
    assert!(reply.error().contains("exceeds file size"), "{}", reply.error());
    assert_eq!(server.loaded().await.len(), 1);
}

/// A pull over a damaged blob mends nothing; with the blob out of the way it does.
#[tokio::test]
async fn only_an_unlinked_blob_is_pulled_again() {
    let registry = sound(None).await;
    let server = with_alias().start().await;
    let blob = fixture::weights_path(&server.models());
    resize(&blob, WEIGHTS.len() / 2);
    let name = format!("{registry}/library/foo");
    let pull = json!({ "model": name, "insecure": true, "stream": false });
    assert_eq!(server.post("/api/pull", &pull).await.text, r#"{"status":"success"}"#);
    assert_eq!(server.embed(ALIAS, "x").await.status, 500);
    fs::remove_file(&blob).unwrap();
    assert_eq!(server.embed(ALIAS, "x").await.status, 404);
    assert_eq!(server.post("/api/pull", &pull).await.text, r#"{"status":"success"}"#);
    assert_eq!(server.embed(ALIAS, "x").await.status, 200);
}

/// Other weights, other vectors, and nobody says so: only a vector kept from before tells.
#[tokio::test]
async fn damaged_weights_answer_with_other_numbers() {
    let before = with_alias().start().await.embed(MODEL, "x").await.json();
    let place = with_alias();
    overwrite(&place.models(), WEIGHTS.len() / 2);
    let after = place.start().await.embed(MODEL, "x").await.json();
    assert_ne!(before["data"][0]["embedding"], after["data"][0]["embedding"]);
}

/// A copy over an alias writes into the same file, so a reader may see half of it.
#[tokio::test]
async fn a_copy_is_written_in_place() {
    let server = with_alias().start().await;
    let inode = || fs::metadata(fixture::manifest_path(&server.models(), ALIAS)).unwrap().ino();
    let before = inode();
    let copy = json!({ "source": MODEL, "destination": ALIAS });
    assert_eq!(server.post("/api/copy", &copy).await.status, 200);
    assert_eq!(before, inode());
}

async fn replay(name: &str, server: &Server, step: &Value, registry: &str) {
    let text = |at: usize| step["req"][at].as_str().unwrap();
    let body = match &step["req"][2] {
        Value::Null => String::new(),
        body => body.to_string().replace("127.0.0.1:5099", registry),
    };
    let reply = http::call(server.address, text(0), text(1), &[], &body).await.unwrap();
    assert_eq!(step["status"], reply.status, "{name}: {step} {reply:?}");
    if let Some(models) = step["names_sizes"].as_array() {
        let listed = reply.json();
        let key = |name: &Value, can: &Value| format!("{name} {can}");
        let mut wanted: Vec<_> = models.iter().map(|m| key(&m[0], &m[4])).collect();
        let listed = listed["models"].as_array().unwrap();
        let mut seen: Vec<_> = listed.iter().map(|m| key(&m["name"], &m["capabilities"])).collect();
        wanted.sort();
        seen.sort();
        assert_eq!(wanted, seen, "{name}: {step}");
    }
    let error = &step["body"]["error"];
    let error = if error.is_object() { &error["message"] } else { error };
    assert_eq!(
        steady(error.as_str().unwrap_or_default()),
        steady(&reply.error()),
        "{name}: {step}"
    );
    if let Some(last) = step.get("last_line") {
        assert_eq!(Some(last), reply.lines().last(), "{name}: {step}");
    }
}

/// As the recorded server was filled: pulled from the registry, copied twice.
async fn pulled(registry: SocketAddr) -> Place {
    let server = Place::new().start().await;
    let name = format!("{registry}/library/foo");
    server.post("/api/pull", &json!({ "model": name, "insecure": true })).await;
    for destination in [MODEL, ALIAS] {
        let copy = json!({ "source": name, "destination": destination });
        assert_eq!(server.post("/api/copy", &copy).await.status, 200);
    }
    assert_eq!(server.delete(&name).await.status, 200);
    server.end(Signal::SIGTERM).await.1
}

fn with_alias() -> Place {
    let place = Place::with_model();
    let alias = fixture::manifest_path(&place.models(), ALIAS);
    fs::create_dir(alias.parent().unwrap()).unwrap();
    fs::copy(fixture::manifest_path(&place.models(), MODEL), alias).unwrap();
    place
}

fn resize(path: &Path, size: usize) {
    File::options().write(true).open(path).unwrap().set_len(size as u64).unwrap();
}

fn overwrite(root: &Path, from: usize) {
    let path = fixture::weights_path(root);
    let mut content = WEIGHTS.clone();
    content[from..].fill(0xA5);
    fs::write(path, content).unwrap();
}

fn write_manifest(root: &Path, text: &str) {
    fs::write(fixture::manifest_path(root, MODEL), text).unwrap();
}

fn remove_config(root: &Path) {
    let manifest = fs::read(fixture::manifest_path(root, MODEL)).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let digest = manifest["config"]["digest"].as_str().unwrap().replace(':', "-");
    fs::remove_file(root.join("blobs").join(digest)).unwrap();
}

fn age_blobs(root: &Path) {
    let long_ago = SystemTime::now() - Duration::from_hours(2);
    for entry in fs::read_dir(root.join("blobs")).unwrap() {
        let file = File::options().write(true).open(entry.unwrap().path()).unwrap();
        file.set_modified(long_ago).unwrap();
    }
}
