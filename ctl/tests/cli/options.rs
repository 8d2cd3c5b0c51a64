//! What the user says about the inputs.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::run::json;

fn case(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    path.to_str().unwrap().to_owned()
}

/// The severity that a rule has found something with.
fn severity(rule: &str, arguments: &[&str]) -> Option<String> {
    let report = json(&[&["lint", "--format=json"], arguments].concat());
    assert_eq!(report["errors"], serde_json::json!([]));
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["rule"] == rule);
    found.map(|finding| finding["severity"].as_str().unwrap().to_owned())
}

#[test]
fn what_is_missing_from_complete_inputs_is_an_error() {
    let path = case("CI001/near-unknown.yaml");
    assert_eq!(severity("CI001", &[&path]), None);
    assert_eq!(severity("CI001", &["--complete", &path]).as_deref(), Some("error"));
    let path = case("CI001/bad-name.yaml");
    assert_eq!(severity("CI001", &[&path]).as_deref(), Some("warning"));
    assert_eq!(severity("CI001", &["--complete", &path]).as_deref(), Some("error"));
    let path = case("CI001/near-external.yaml");
    assert_eq!(severity("CI001", &["--complete", &path]), None, "an ExternalSecret is there");
}

#[test]
fn profile_says_what_the_manifests_do_not() {
    let path = case("WL001/near-elsewhere.yaml");
    assert_eq!(severity("WL001", &["--profile=talos", &path]).as_deref(), Some("error"));
    let path = case("PS001/near-unlabelled.yaml");
    assert_eq!(severity("PS001", &["--profile=talos", &path]).as_deref(), Some("error"));
    // A remark is not enough for an error, unless the user agrees with it.
    let path = case("WL001/bad-remark.yaml");
    assert_eq!(severity("WL001", &[&path]).as_deref(), Some("warning"));
    assert_eq!(severity("WL001", &["--profile=talos", &path]).as_deref(), Some("error"));
}

#[test]
fn configuration_may_say_it_too() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("lint.toml");
    let schemas = case("SC001/bad-type/schemas.yaml");
    let text = format!("profile = \"talos\"\ncomplete = true\nschemas = [\"{schemas}\"]\n");
    std::fs::write(&file, text).unwrap();
    let config = format!("--config={}", file.display());
    let of = |rule, name| severity(rule, &[&config, &case(name)]);
    assert_eq!(of("WL001", "WL001/near-elsewhere.yaml").as_deref(), Some("error"));
    assert_eq!(of("CI001", "CI001/near-unknown.yaml").as_deref(), Some("error"));
    assert_eq!(of("SC001", "SC001/bad-type/now.yaml").as_deref(), Some("error"));
}

#[test]
fn plain_schema_is_known_by_its_kinds_or_by_its_name() {
    let folder = TempDir::new().unwrap();
    let object = "apiVersion: x.example.com/v1\nkind: Thing\nmetadata: {name: a}\nsize: big\n";
    let path = folder.path().join("object.yaml");
    std::fs::write(&path, object).unwrap();
    let found = |name: &str, schema: Value| {
        let file = folder.path().join(name);
        std::fs::write(&file, schema.to_string()).unwrap();
        severity("SC001", &["--schemas", file.to_str().unwrap(), path.to_str().unwrap()])
    };
    let properties = serde_json::json!({"size": {"$ref": "#/definitions/size"}});
    let plain = serde_json::json!({
        "type": "object", "properties": properties, "definitions": {"size": {"type": "integer"}},
    });
    assert_eq!(found("thing-x-v1.openapiv3.json", plain.clone()).as_deref(), Some("error"));
    assert_eq!(found("other-x-v1.json", plain.clone()), None);
    let mut known = plain;
    known["x-kubernetes-group-version-kind"] =
        serde_json::json!([{"group": "x.example.com", "version": "v1", "kind": "Thing"}]);
    assert_eq!(found("anything.json", known).as_deref(), Some("error"));
}
