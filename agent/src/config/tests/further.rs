//! `[[models]]`.

use std::collections::BTreeMap;

use super::*;

const OTHER: &str =
    "[[models]]\nsource = \"embed:1\"\nalias = \"embed-saigak:1\"\ndimension = 512\n";

fn models(content: &str) -> Vec<Model> {
    Files::new(&[("a.toml", content.as_bytes())]).load().unwrap().further
}

#[test]
fn one_has_the_keys_of_the_first_and_parameters_of_its_own() {
    let more = "weights = \"\"\nrequired = false\npinned = false\nsources = [\"/srv/m\"]\n\
        template = \"x {{ .Prompt }}\"\npull_stall_seconds = 60\n[models.parameters]\nseed = 7\n";
    let found = models(&format!("{OTHER}{more}\n{}", OTHER.replace("embed", "third")));
    let plain = Model {
        source: "third:1".into(),
        alias: "third-saigak:1".into(),
        dimension: 512,
        parameters: BTreeMap::new(),
        ..Model::default()
    };
    let first = Model {
        source: "embed:1".into(),
        sources: vec![Origin::Path("/srv/m".into())],
        alias: "embed-saigak:1".into(),
        template: "x {{ .Prompt }}".into(),
        parameters: [("seed".to_owned(), Parameter::Integer(7))].into(),
        pinned: false,
        required: false,
        pull_stall: Duration::from_secs(60),
        ..plain.clone()
    };
    assert_eq!(found, [first, plain]);
}

#[test]
fn the_last_file_that_has_a_list_decides_about_all_of_it() {
    let other = OTHER.replace("embed", "other");
    let files = Files::new(&[("1.toml", OTHER.as_bytes()), ("2.toml", other.as_bytes())]);
    let aliases: Vec<_> = files.load().unwrap().further.into_iter().map(|m| m.alias).collect();
    assert_eq!(aliases, ["other-saigak:1"]);
    let files = Files::new(&[("1.toml", OTHER.as_bytes()), ("2.toml", b"models = []\n")]);
    assert_eq!(files.load().unwrap().further, []);
}

#[test]
fn each_alias_is_a_name_of_its_own() {
    let own = "each alias in `models` must be a name of its own";
    for (key, value, line) in [
        ("embed-saigak:1", "embed:1", 3),
        ("embed-saigak:1", "Qwen3-Embedding:0.6b", 3),
        ("embed-saigak:1", "qwen3-embedding-saigak:0.6b", 3),
        ("embed:1", "qwen3-embedding-saigak:0.6b", 2),
    ] {
        let content = OTHER.replace(&format!("\"{key}\""), &format!("\"{value}\""));
        assert_eq!(complaint(&content), format!("a.toml:{line}: {own}"), "{content}");
    }
    assert_eq!(complaint(&format!("{OTHER}{OTHER}")), format!("a.toml:7: {own}"));
    // Two aliases of one model are two models.
    let twice = format!("{OTHER}{}", OTHER.replace("embed-saigak", "more"));
    assert_eq!(models(&twice).len(), 2);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let last = |line: &str| complaint(&format!("{OTHER}{line}\n"));
    assert_eq!(
        last("dimensions = 3"),
        "a.toml:5: unknown key `models.dimensions`, did you mean `models.dimension`?"
    );
    assert_eq!(last("required = 3"), "a.toml:5: `models.required` must be true or false");
    assert_eq!(
        last("pull_stall_seconds = 3"),
        "a.toml:5: `models.pull_stall_seconds` must be a whole number from 10 to 86400"
    );
    assert_eq!(
        last("parameters = { stop = [1] }"),
        "a.toml:5: `models.parameters.stop` must be a number, a text or a boolean"
    );
    assert_eq!(
        complaint(&OTHER.replace("512", "\"512\"")),
        "a.toml:4: `models.dimension` must be a whole number from 1 to 65536"
    );
    let missing = complaint(&OTHER.replace("dimension = 512\n", ""));
    assert_eq!(missing, "a.toml:1: `models.dimension` is missing");
    assert!(complaint("models = 3\n").starts_with("a.toml:1: `models` must be a list of up to 15"));
    let many: String =
        (0..16).map(|number| OTHER.replace("embed", &format!("m{number}"))).collect();
    assert!(complaint(&many).contains("`models` must be a list of up to 15"));
}

#[test]
fn the_first_is_required_whatever_a_file_says() {
    for value in ["true", "false", "3"] {
        let told = complaint(&format!("[model]\nrequired = {value}\n"));
        assert!(told.starts_with("a.toml:2: unknown key `model.required`"), "{told}");
    }
}
