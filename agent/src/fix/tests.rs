//! The helpers' sockets: what the daemon hears, and that the units know every repair.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;

use super::*;

/// A helper that answers `answer` once, and ends.
async fn asked(answer: &[u8]) -> Result<Vec<u8>, CallError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let helper = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        // The client hangs up on an answer that is too long.
        let _ = stream.write_all(answer).await;
    };
    tokio::join!(exchange(&path), helper).0
}

#[tokio::test]
async fn an_answer_is_read_to_its_end() {
    let line = br#"{"result":"refused","message":"nothing is mounted at /x"}"#;
    let reply: Reply = serde_json::from_slice(&asked(line).await.unwrap()).unwrap();
    assert_eq!(reply, Reply::refused("nothing is mounted at /x"));
    assert_eq!(reply.outcome.exit_status(), 75);
}

#[tokio::test]
async fn no_answer_and_an_endless_one_are_errors() {
    assert!(matches!(asked(b"").await, Err(CallError::Empty { .. })));
    assert!(matches!(asked(&vec![b'x'; 100_000]).await, Err(CallError::TooLong { .. })));
    let nowhere = Path::new("/nonexistent/x.sock");
    let error = exchange(nowhere).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot connect to /nonexistent/x.sock: "), "{error}");
}

#[test]
fn a_request_that_was_given_up_is_not_carried_out() {
    // Nothing is there: the repair itself changes nothing, and says something else.
    let mut config = Config::default();
    config.storage.path = tempfile::tempdir().unwrap().path().to_owned();
    let asked = |caller| reply(&caller, Name::StorageOwner, &Ok(config.clone()));
    let (given_up, status) = asked(Caller::Gone);
    assert_eq!((given_up.outcome, status), (Outcome::Refused, 75));
    assert!(given_up.message.contains("given up"), "{given_up}");
    let (wanted, _) = asked(Caller::Person);
    assert!(!wanted.message.contains("given up"), "{wanted}");
}

/// Every repair has its units, the agent keeps its socket up, and the package enables it.
#[test]
fn every_repair_is_installed() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: PathBuf| fs::read_to_string(path).unwrap();
    let units = package.join("../systemd/usr/lib/systemd/system");
    let agent = read(units.join("saigak-agent.service"));
    let postinst = read(package.join("debian/postinst"));
    let postrm = read(package.join("debian/postrm"));
    for name in Name::value_variants() {
        let (value, name) = (name.to_possible_value().unwrap(), name.as_str());
        assert_eq!(value.get_name(), name);
        let service = read(units.join(format!("saigak-fix-{name}.service")));
        assert!(service.contains(&format!("\nExecStart=/usr/bin/saigak-agent fix {name}\n")));
        let socket = format!("saigak-fix-{name}.socket");
        let listen = format!("\nListenStream=/run/saigak-fix/{name}.sock\n");
        assert!(read(units.join(&socket)).contains(&listen), "{socket}");
        for text in [&agent, &postinst, &postrm] {
            assert!(text.contains(&socket), "{socket}");
        }
    }
}
