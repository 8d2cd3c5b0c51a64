//! `/api/tags` and `/api/show`, as `model::look` reads them.

use std::time::Duration;

use saigak_agent::config::Model;
use saigak_agent::model::{Alias, Facts, Source, look};
use serde_json::json;

use crate::server::{Reply, Server, nonsense};

fn tags() -> Reply {
    let model = Model::default();
    Reply::ok(json!({"models": [{"name": model.source}, {"name": model.alias}]}).to_string())
}

/// `tags` is answered well, `show` as given.
async fn shown(show: Reply) -> Result<Facts, String> {
    let server =
        Server::start(move |path| if path == "/api/tags" { tags() } else { show.clone() }).await;
    look(&server.api(), &Model::default(), &Ok(None)).await
}

#[tokio::test]
async fn a_list_that_is_none_is_a_reason_and_no_missing_model() {
    for (name, reply) in nonsense() {
        let server = Server::always(reply).await;
        let error = look(&server.api(), &Model::default(), &Ok(None)).await.expect_err(name);
        assert!(error.contains("/api/tags: "), "{name}: {error}");
        assert_eq!(server.asked(), ["/api/tags"], "{name}");
    }
}

#[tokio::test]
async fn a_list_of_wrong_types_is_a_reason() {
    for body in [
        r#"{"models":{}}"#,
        r#"{"models":"none"}"#,
        r#"{"models":[1]}"#,
        r#"{"models":[null]}"#,
        r#"{"models":[{}]}"#,
        r#"{"models":[{"name":null}]}"#,
        r#"{"models":[{"name":["a"]}]}"#,
        r#"{"models":[{"name":"a"},{"name":7}]}"#,
    ] {
        let server = Server::always(Reply::ok(body)).await;
        let error = look(&server.api(), &Model::default(), &Ok(None)).await.expect_err(body);
        assert!(error.contains("/api/tags: malformed: "), "{body}: {error}");
    }
}

#[tokio::test]
async fn an_empty_list_has_no_models() {
    for body in [r#"{"models":null}"#, r#"{"models":[]}"#] {
        let server = Server::always(Reply::ok(body)).await;
        let facts = look(&server.api(), &Model::default(), &Ok(None)).await.unwrap();
        assert_eq!(facts, Facts { source: Source::Missing, alias: Alias::Missing, weights: None });
    }
}

#[tokio::test]
async fn an_answer_that_says_nothing_of_models_is_no_empty_list() {
    for body in ["{}", "[]", r#"{"error":"not now"}"#, r#"{"status":"ok"}"#] {
        let server = Server::always(Reply::ok(body)).await;
        look(&server.api(), &Model::default(), &Ok(None)).await.expect_err(body);
    }
}

#[tokio::test]
async fn names_are_only_compared() {
    let long = "n".repeat(1 << 20);
    for name in ["", ":", "/", "::::", "//:/", "\u{0}", "../../etc/passwd", "\u{202e}", &long] {
        let body = json!({"models": [{"name": name}]}).to_string();
        let server = Server::always(Reply::ok(body)).await;
        let facts = look(&server.api(), &Model::default(), &Ok(None)).await.unwrap();
        assert_eq!(facts, Facts { source: Source::Missing, alias: Alias::Missing, weights: None });
    }
}

#[tokio::test]
async fn an_alias_that_cannot_be_read_is_a_reason_and_no_drift() {
    for (name, reply) in nonsense() {
        let error = shown(reply).await.expect_err(name);
        assert!(error.contains("/api/show: "), "{name}: {error}");
    }
    for body in [
        r#"{"template":null}"#,
        r#"{"template":7}"#,
        r#"{"parameters":{"num_ctx":4096}}"#,
        r#"{"modelfile":["FROM x"]}"#,
    ] {
        let error = shown(Reply::ok(body)).await.expect_err(body);
        assert!(error.contains("/api/show: malformed: "), "{body}: {error}");
    }
}

#[tokio::test]
async fn an_alias_without_weights_is_missing_whatever_words_come_with_it() {
    for body in ["", "<html>", r#"{"error":"model not found"}"#, "[[["] {
        let facts = shown(Reply::status("404 Not Found", body)).await.unwrap();
        assert_eq!(facts.alias, Alias::Missing, "{body}");
    }
}

#[tokio::test]
async fn an_alias_of_odd_texts_has_drifted() {
    let template = Model::default().template;
    for parameters in ["", "\n\n", "num_ctx", "num_ctx \"", "num_ctx 99999999999999999999", "\u{0}"]
    {
        let body = json!({"template": template, "parameters": parameters, "modelfile": "FROM "});
        let facts = shown(Reply::ok(body.to_string())).await.unwrap();
        assert!(matches!(facts.alias, Alias::Drifted { .. }), "{parameters:?}: {facts:?}");
    }
    let odd = json!({
        "template": template,
        "parameters": "num_ctx 4096",
        "modelfile": "FROM sha256-\u{e9}\nFROM /a/b\n\u{0}",
    });
    assert_eq!(shown(Reply::ok(odd.to_string())).await.unwrap().alias, Alias::Matches);
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_end_is_given_up() {
    for reply in [Reply::Silence, Reply::endless(" ", Duration::from_secs(1))] {
        let server = Server::always(reply.clone()).await;
        let error = look(&server.api(), &Model::default(), &Ok(None)).await.unwrap_err();
        assert!(error.ends_with("no answer within 5 s"), "{error}");
        let error = shown(reply).await.unwrap_err();
        assert!(error.ends_with("no answer within 5 s"), "{error}");
    }
}
