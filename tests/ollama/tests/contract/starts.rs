//! Starts that fail: exit status 1, and the reason in the last line.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt as _;

use tokio::net::TcpListener;
use tokio::process::Command;

use crate::compare::steady;
use crate::server::{Place, make_read_only};
use crate::transcripts;

/// Nobody: who owns nothing here.
const NOBODY: u32 = 65_534;

/// As root nothing is forbidden, so root becomes nobody, who must be let through to the place.
fn as_nobody<'a>(place: &Place, command: &'a mut Command) -> &'a mut Command {
    if nix::unistd::geteuid().is_root() {
        let root = place.path("");
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        if let Some(home) = [place.path("home")].into_iter().find(|home| home.exists()) {
            chown(home, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        command.as_std_mut().uid(NOBODY).gid(NOBODY);
    }
    command
}

fn recorded_last_line(name: &str) -> Option<String> {
    let case = transcripts::case(name)?;
    assert_eq!(case["exit_code"], 1, "{name}");
    Some(case["stdout_stderr"].as_array()?.last()?.as_str()?.to_owned())
}

/// The recorded line and this one name different directories; what is compared is the rest.
fn assert_like(name: &str, line: &str, directory: &str) {
    let Some(recorded) = recorded_last_line(name) else { return };
    let words = |line: &str| -> Vec<String> {
        line.split(' ').filter(|word| !word.starts_with('/')).map(str::to_owned).collect()
    };
    assert_eq!(words(&recorded), words(line), "{name}");
    assert!(line.contains(directory), "{name}: {line}");
}

#[tokio::test]
async fn models_directory_of_somebody_else() {
    for (name, mode) in [("60_models_root_empty", 0o555), ("60b_models_root_0700", 0o000)] {
        let place = Place::new();
        fs::create_dir(place.models()).unwrap();
        fs::set_permissions(place.models(), fs::Permissions::from_mode(mode)).unwrap();
        let (code, line) = place.fails(|command| as_nobody(&place, command)).await;
        assert_eq!(code, 1);
        let models = place.models().display().to_string();
        let reason = "permission denied: ensure path elements are traversable";
        assert_eq!(line, format!("Error: mkdir {models}/blobs: {reason}"));
        assert_like(name, &line, "/models/blobs:");
    }
}

#[tokio::test]
async fn models_directory_that_cannot_be_made() {
    let place = Place::new();
    fs::create_dir(place.path("locked")).unwrap();
    fs::set_permissions(place.path("locked"), fs::Permissions::from_mode(0o555)).unwrap();
    let (code, line) = place
        .fails(|command| {
            as_nobody(&place, command).env("OLLAMA_MODELS", place.path("locked/nope/models"))
        })
        .await;
    assert_eq!(code, 1);
    assert_like("60c_models_parent_unwritable", &line, "/locked/nope:");
}

#[tokio::test]
async fn models_directory_that_is_a_file() {
    let place = Place::new();
    fs::write(place.models(), "").unwrap();
    let (code, line) = place.fails(|command| command).await;
    assert_eq!(code, 1);
    assert_like("60d_models_is_file", &line, "/models:");
}

#[tokio::test]
async fn home_that_is_not_set_or_cannot_be_written() {
    let place = Place::with_model();
    let (code, line) = place.fails(|command| command.env_remove("HOME")).await;
    assert_eq!((code, line.as_str()), (1, "Error: $HOME is not defined"));
    assert_like("60f_home_unset", &line, "HOME");

    let place = Place::new();
    fs::create_dir(place.path("roots")).unwrap();
    fs::set_permissions(place.path("roots"), fs::Permissions::from_mode(0o555)).unwrap();
    let home = place.path("roots");
    let (code, line) = place.fails(|command| as_nobody(&place, command).env("HOME", &home)).await;
    assert_eq!(code, 1);
    assert_like("60g_home_unwritable", &line, "/roots/.ollama:");

    let (code, line) =
        place.fails(|command| as_nobody(&place, command).env("HOME", "/nonexistent")).await;
    assert_eq!(code, 1);
    assert_like("60h_home_nonexistent", &line, "/nonexistent:");
}

#[tokio::test]
async fn an_address_that_cannot_be_had() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = Place::new();
    let address = taken.local_addr().unwrap().to_string();
    let (code, line) = place.fails(|command| command.env("OLLAMA_HOST", &address)).await;
    assert_eq!(code, 1);
    assert_eq!(line, format!("Error: listen tcp {address}: bind: address already in use"));
    if let Some(recorded) = recorded_last_line("61_port_in_use") {
        assert_eq!(steady(&recorded), steady(&line));
    }
    // An address that is kept for examples, so no machine has it.
    let host = "198.51.100.7:11778";
    let (code, line) = place.fails(|command| command.env("OLLAMA_HOST", host)).await;
    assert_eq!(code, 1);
    if let Some(recorded) = recorded_last_line("61b_bad_addr") {
        assert_eq!(recorded, line);
    }
}

/// A directory with a model that the server may only read does not keep it from serving.
#[tokio::test]
async fn a_read_only_directory_with_a_model_serves() {
    use serde_json::json;

    let place = Place::with_model();
    make_read_only(&place.models());
    let mut command = place.command();
    as_nobody(&place, &mut command);
    let server = place.start_from(command).await;
    assert_eq!(server.embed("qwen3-embedding:0.6b", "x").await.status, 200);

    let Some(recorded) = transcripts::case("60e_models_root_populated") else { return };
    let steps = recorded["probe"].as_array().unwrap();
    let find = |path: &str, with: &str| {
        let wanted = |step: &&serde_json::Value| {
            step["req"][1] == path && step["req"][2].to_string().contains(with)
        };
        steps.iter().find(wanted).unwrap()
    };
    let copy = json!({ "source": "qwen3-embedding:0.6b", "destination": "newalias" });
    let reply = server.post("/api/copy", &copy).await;
    let step = find("/api/copy", "newalias");
    assert_eq!(step["status"], reply.status);
    let error = step["body_json"]["error"].as_str().unwrap();
    assert_eq!(steady(error), steady(&reply.error()));
    let reply = server.delete("qwen3-embedding:0.6b").await;
    assert_eq!(find("/api/delete", "").get("status"), Some(&json!(reply.status)));
    assert!(reply.error().starts_with("remove ") && reply.error().ends_with(": permission denied"));
}
