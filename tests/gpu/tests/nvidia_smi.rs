//! The stand-in for nvidia-smi, run as a program.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of a short program")]

use std::path::Path;
use std::process::Command;

use saigak_lab_gpu::{Gpu, State};

fn ask(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nvidia-smi"));
    command.args(arguments).env(saigak_lab_gpu::state::DIRECTORY_VARIABLE, directory);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn it_answers_as_its_model_does() {
    let directory = tempfile::tempdir().unwrap();
    let query = [
        "--query-gpu=uuid,temperature.gpu,power.draw,ecc.errors.uncorrected.volatile.total",
        "--format=csv,noheader,nounits",
    ];
    let (code, text) = ask(directory.path(), &query);
    assert_eq!(code, Some(9));
    assert!(text.starts_with("NVIDIA-SMI has failed because it couldn't communicate"), "{text}");

    let mut state = State::healthy();
    state.gpus.push(Gpu::server(1));
    state.write(directory.path()).unwrap();
    let (code, text) = ask(directory.path(), &query);
    let first = format!("{}, 41, 28.00, [N/A]\n", state.gpus[0].uuid);
    assert_eq!((code, text), (Some(0), format!("{first}{}, 41, 28.00, 0\n", state.gpus[1].uuid)));

    assert_eq!(ask(directory.path(), &["--query-gpu=colour", "--format=csv"]).0, Some(2));

    state.gpus[1].lost = true;
    state.write(directory.path()).unwrap();
    let (code, text) = ask(directory.path(), &query);
    assert_eq!(code, Some(15));
    assert!(text.contains("GPU0000:0B:00.0: GPU is lost"), "{text}");

    state.library = "580.65.06".into();
    state.write(directory.path()).unwrap();
    let (code, text) = ask(directory.path(), &query);
    assert_eq!(code, Some(18));
    assert!(text.ends_with("version mismatch\nNVML library version: 580.65\n"), "{text}");
}
