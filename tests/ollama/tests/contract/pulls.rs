//! Pulling, from a sound registry and from one that fails.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::BodyExt;
use saigak_lab_ollama::registry::Tls;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::compare;
use crate::http::{self, Reply};
use crate::registries::{faulty, sound};
use crate::server::{Place, Server};
use crate::transcripts;

/// From the sound registry, in this order.
const SOUND: &[&str] = &[
    "40_pull_ok",
    "40b_pull_again",
    "40c_tags_after_pull",
    "40e_pull_nonstream",
    "40f_pull_name_field",
    "40g_copy_pulled",
    "41_pull_insecure_not_set",
    "41b_pull_https_to_http",
    "41c_pull_insecure_noscheme",
    "42_pull_conn_refused",
    "42b_pull_conn_refused_nonstream",
];

/// From the registry that fails.
const FAULTY: &[&str] = &[
    "44_pull_404",
    "44b_pull_404_nonstream",
    "44c_pull_500",
    "44d_pull_503",
    "44e_pull_429",
    "44f_pull_401",
    "44g_pull_notjson",
    "45_pull_blob404",
    "45c_pull_noloc",
    "47_pull_wrong_digest",
    "47b_tags_after_wrong_digest",
    "46_pull_cut_once",
];

#[tokio::test]
async fn from_a_sound_registry() {
    let registry = sound(None).await;
    let server = Place::new().start().await;
    replay_all(&server, registry, SOUND).await;
}

#[tokio::test]
async fn from_a_registry_that_fails() {
    let registry = faulty().await;
    let server = Place::new().start().await;
    replay_all(&server, registry.address, FAULTY).await;
}

/// The same story, told without the transcripts.
#[tokio::test]
async fn a_pulled_model_embeds() {
    let registry = sound(None).await;
    let server = Place::new().start().await;
    let name = format!("{registry}/library/foo");
    let reply = server.post("/api/pull", &json!({ "model": name, "insecure": true })).await;
    assert_eq!(reply.lines().last(), Some(&json!({ "status": "success" })));
    assert_eq!(server.embed(&name, "x").await.status, 200);
    let shown = server.post("/api/show", &json!({ "model": format!("http://{name}") })).await;
    assert_eq!(shown.json()["parameters"], "num_ctx                        512");
}

/// A registry that takes the request and never answers: no line after the first, no end.
#[tokio::test]
async fn from_a_registry_that_says_nothing() {
    let registry = faulty().await;
    let server = Place::new().start().await;
    let body = pull_of(registry.address, "hang").to_string();
    let reply = http::open(server.address, "POST", "/api/pull", &[], &body).await.unwrap();
    let mut lines = reply.into_body();
    let first = lines.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "{\"status\":\"pulling manifest\"}\n");
    assert!(timeout(Duration::from_millis(500), lines.frame()).await.is_err());
}

/// HTTPS trusts what the system trusts, and nothing else.
#[tokio::test]
async fn over_tls() {
    let certified =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
            .unwrap();
    let files = tempfile::tempdir().unwrap();
    let (certificate, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let registry = sound(Some(Tls::load(&certificate, &key).unwrap())).await;
    let name = format!("localhost:{}/library/foo", registry.port());
    let pull = json!({ "model": name, "stream": false });

    let server = Place::new().start_with(&[("SSL_CERT_FILE", "/dev/null")]).await;
    let reply = server.post("/api/pull", &pull).await;
    let error = reply.error();
    assert!(error.ends_with("certificate signed by unknown authority"), "{error}");

    // The manifest comes from localhost, the bytes from 127.0.0.1; the certificate names both.
    let trust = [("SSL_CERT_FILE", certificate.to_str().unwrap())];
    let server = Place::new().start_with(&trust).await;
    let reply = server.post("/api/pull", &pull).await;
    assert_eq!(reply.text, r#"{"status":"success"}"#);
}

fn pull_of(registry: SocketAddr, name: &str) -> Value {
    json!({ "model": format!("{registry}/library/{name}"), "insecure": true })
}

async fn replay_all(server: &Server, registry: SocketAddr, names: &[&str]) {
    for name in names {
        let Some(recorded) = transcripts::case(name) else { continue };
        let request = &recorded["request"];
        let body = request["body"].to_string().replace("127.0.0.1:5099", &registry.to_string());
        let (method, path) =
            (request["method"].as_str().unwrap(), request["path"].as_str().unwrap());
        let body = if request["body"].is_null() { "" } else { &body };
        let reply: Reply = http::call(server.address, method, path, &[], body).await.unwrap();
        compare::same(name, &recorded, &reply);
    }
}
