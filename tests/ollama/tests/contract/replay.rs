//! Cases that are one request and one answer.

use serde_json::{Value, json};

use crate::compare;
use crate::fixture::MODEL;
use crate::http::{self, Reply};
use crate::server::{Place, Server};
use crate::transcripts;

/// On a server without models.
const EMPTY: &[&str] = &[
    "01_get_root",
    "02_head_root",
    "03_get_version",
    "03b_get_status",
    "04_tags_empty",
    "04b_tags_head",
    "05_ps_empty",
    "06_v1_models_empty",
    "07_show_missing",
    "07b_show_emptybody",
    "07c_show_nomodel",
    "07d_show_badname",
    "07e_show_badjson",
    "08_copy_missing",
    "08b_copy_nodest",
    "08c_copy_nosrc",
    "08d_copy_emptybody",
    "09_delete_missing",
    "09b_delete_emptybody",
    "09c_delete_noname",
    "10_v1emb_missing",
    "10b_embed_missing",
    "10c_embeddings_legacy_missing",
    "10d_v1emb_missing_emptyinput",
    "11_unknown_path",
    "11b_wrong_method",
    "11c_bad_host",
    "11d_host_internal",
    "13f_create_nothing",
    "13g_create_badname",
    "15e2_copy_self_missing",
    "17c_v1_model_missing",
    "44j_pull_badname",
    "44k_pull_noname",
    "44l_pull_nobody",
];

/// On a server with the model, in this order: some build on what an earlier one left.
const WITH_MODEL: &[&str] = &[
    "13c_create_from_alias",
    "13d_create_from_param",
    "15_copy_ok",
    "15c_copy_overwrite_same",
    "15e_copy_self",
    "15f_copy_no_tag",
    "15g_copy_case",
    "15h_copy_qualified",
    "15i_copy_badname",
    "16_show_ok",
    "16b_show_alias",
    "16c_show_case",
    "16d_show_name_field",
    "16e_show_no_tag",
    "17b_v1_model",
    "18b_delete_name_field",
    "20_v1emb_cold",
    "20b_v1emb_warm",
    "20c_v1emb_list",
    "20d_v1emb_dimensions",
    "20e_v1emb_dimensions_too_big",
    "20f_v1emb_dimensions_neg",
    "20g_v1emb_base64",
    "20h_v1emb_bad_format",
    "21_ps_loaded",
    "22_v1emb_empty_string",
    "22b_v1emb_empty_list",
    "22c_v1emb_list_empty_string",
    "22d_v1emb_no_input",
    "22e_v1emb_tokens",
    "22f_v1emb_object",
    "22g_v1emb_bad_json",
    "22h_v1emb_no_body",
    "22i_v1emb_no_model",
    "22j_v1emb_no_content_type",
    "22k_v1emb_get",
    "22l_v1emb_auth",
    "23_v1emb_too_long",
    "23b_embed_too_long_notrunc",
    "23c_embed_too_long_trunc",
    "24_embed_ok",
    "24b_embed_load_only",
    "24c_embeddings_legacy",
    "25_keepalive_forever",
    "25c_keepalive_str",
    "25d_keepalive_bad",
    "25e_keepalive_zero",
    "25f_keepalive_zero_cold",
];

#[tokio::test]
async fn without_models() {
    let server = Place::new().start().await;
    replay_all(&server, EMPTY).await;
}

#[tokio::test]
async fn with_the_model() {
    let server = Place::with_model().start().await;
    replay_all(&server, WITH_MODEL).await;
}

/// Listings compare by shape: the models in them are others.
#[tokio::test]
async fn listings_of_models() {
    let server = Place::with_model().start().await;
    for name in ["14_tags_with_models", "17_v1_models"] {
        let Some(mut recorded) = transcripts::case(name) else { continue };
        // Both lists may begin with another name; the one that both have is what is compared.
        for list in ["models", "data"] {
            if let Some(Value::Array(items)) = recorded["body_json"].get_mut(list) {
                items.retain(|item| item["model"] == MODEL || item["id"] == MODEL);
            }
        }
        let reply = send(&server, &recorded["request"]).await;
        compare::same(name, &recorded, &reply);
    }
}

/// A server that listens everywhere does not look at the Host header.
#[tokio::test]
async fn any_host_on_all_addresses() {
    let Some(recorded) = transcripts::case("11e_bind_all_host") else { return };
    let mut server = Place::new().start_with(&[("OLLAMA_HOST", "0.0.0.0:0")]).await;
    server.address.set_ip([127, 0, 0, 1].into());
    compare::same("11e", &recorded, &send(&server, &recorded["request"]).await);
}

/// What must differ between an alias that was copied and one that was created.
#[tokio::test]
async fn a_copy_has_the_same_digest_and_a_created_one_another() {
    let server = Place::with_model().start().await;
    let copy = json!({ "source": MODEL, "destination": "copied" });
    assert_eq!(server.post("/api/copy", &copy).await.status, 200);
    let create = json!({
        "model": "created", "from": MODEL, "stream": false,
        "template": "{{ .Prompt }}", "parameters": { "num_ctx": 4096 },
    });
    assert_eq!(server.post("/api/create", &create).await.text, r#"{"status":"success"}"#);

    let models = server.get("/api/tags").await.json()["models"].as_array().unwrap().clone();
    let digest = |name: &str| {
        let model = models.iter().find(|model| model["name"] == name);
        model.unwrap()["digest"].clone()
    };
    assert_eq!(digest("copied:latest"), digest(MODEL));
    assert_ne!(digest("created:latest"), digest(MODEL));
    let shown = server.post("/api/show", &json!({ "model": "created" })).await.json();
    assert_eq!(shown["parameters"], "num_ctx                        4096");
    assert_eq!(shown["template"], "{{ .Prompt }}");
    assert_eq!(shown["details"]["parent_model"], MODEL);

    // Blobs stay as long as a name needs them.
    assert_eq!(server.delete(MODEL).await.status, 200);
    assert_eq!(server.delete("created").await.status, 200);
    assert_eq!(server.embed("copied", "x").await.status, 200);
    assert_eq!(server.delete("copied").await.status, 200);
    assert_eq!(std::fs::read_dir(server.models().join("blobs")).unwrap().count(), 0);
}

async fn replay_all(server: &Server, names: &[&str]) {
    for name in names {
        let Some(recorded) = transcripts::case(name) else { continue };
        let reply = send(server, &recorded["request"]).await;
        compare::same(name, &recorded, &reply);
    }
}

async fn send(server: &Server, request: &Value) -> Reply {
    let text = |field: &str| request[field].as_str().unwrap();
    let headers = request["headers"].as_object().into_iter().flatten();
    let headers: Vec<(&str, &str)> =
        headers.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
    let body = match &request["body"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        // The transcripts leave long texts out and say how long they were.
        body => body.to_string().replace("<108889 chars>", &"far too long ".repeat(8400)),
    };
    http::call(server.address, text("method"), text("path"), &headers, &body).await.unwrap()
}
