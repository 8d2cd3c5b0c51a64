use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Instant;

use super::*;

const GROUP: &str = "/system.slice/ollama.service";

/// Makes what `/proc` would tell of a process.
fn make(proc: &Path, pid: i32, parent: i32, group: &str, socket: Option<u64>, arguments: &str) {
    let directory = proc.join(pid.to_string());
    fs::create_dir_all(directory.join("fd")).unwrap();
    fs::write(directory.join("cgroup"), format!("0::{group}\n")).unwrap();
    let stat = format!("{pid} (a) b) S {parent} 1 1 0 -1");
    fs::write(directory.join("stat"), stat).unwrap();
    fs::write(directory.join("cmdline"), arguments.replace(' ', "\0")).unwrap();
    symlink("/dev/null", directory.join("fd/0")).unwrap();
    if let Some(inode) = socket {
        symlink(format!("socket:[{inode}]"), directory.join("fd/3")).unwrap();
    }
}

fn seen(proc: &Path) -> (Option<i32>, Vec<i32>) {
    let all = Processes::read(proc, GROUP).unwrap();
    let server = server(&all, &BTreeSet::from([7]));
    let runners = server.map(|server| all.children(server).map(|it| it.pid).collect());
    (server, runners.unwrap_or_default())
}

#[test]
fn a_runner_is_a_child_of_the_process_that_listens_whoever_started_that() {
    let proc = tempfile::tempdir().unwrap();
    let proc = proc.path();
    // A wrapper's shell, the server, two runners, what one of them has started.
    make(proc, 10, 1, GROUP, None, "sh -c ollama serve; true");
    make(proc, 11, 10, GROUP, Some(7), "ollama serve");
    make(proc, 12, 11, GROUP, Some(8), "llama-server");
    make(proc, 13, 11, &format!("{GROUP}/below"), None, "ollama runner");
    make(proc, 14, 12, GROUP, None, "helper");
    // Another unit's, with a name that begins alike, and one of the server's children in it.
    make(proc, 20, 11, "/system.slice/ollama.service2", None, "llama-server");
    make(proc, 21, 1, "/user.slice", Some(7), "nc -l");
    assert_eq!(seen(proc), (Some(11), vec![12, 13]));
    // A child that has the server's own socket is no second server.
    make(proc, 15, 11, GROUP, Some(7), "llama-server");
    assert_eq!(seen(proc), (Some(11), vec![12, 13, 15]));
}

#[test]
fn nothing_is_ended_where_the_server_cannot_be_told() {
    let proc = tempfile::tempdir().unwrap();
    let proc = proc.path();
    make(proc, 11, 1, GROUP, None, "ollama serve");
    make(proc, 12, 11, GROUP, None, "llama-server");
    assert_eq!(seen(proc).0, None, "nobody is seen to listen");
    fs::remove_dir_all(proc.join("11")).unwrap();
    make(proc, 11, 1, GROUP, Some(7), "ollama serve");
    make(proc, 30, 1, GROUP, Some(7), "another");
    assert_eq!(seen(proc).0, None, "two that are not related listen");
}

#[test]
fn a_runner_is_stale_once_the_file_that_it_was_started_with_is_gone() {
    let root = tempfile::tempdir().unwrap();
    let blob = root.path().join(format!("sha256-{}", "ab".repeat(32)));
    let proc = root.path().join("proc");
    make(&proc, 12, 11, GROUP, None, &format!("llama-server --model {} -c 1", blob.display()));
    make(&proc, 13, 11, GROUP, None, "llama-server --model /nowhere/other.gguf");
    let all = Processes::read(&proc, GROUP).unwrap();
    let stale = || all.iter().filter(|it| is_stale(it)).map(|it| it.pid).collect::<Vec<_>>();
    assert_eq!(stale(), [12]);
    fs::write(&blob, "").unwrap();
    assert_eq!(stale(), [0; 0]);
    // Another one has been loaded, and what it has mapped was set aside, or even deleted since.
    let maps = |name: &str| {
        let line = format!("7f00-7f10 r--s 00000000 fd:01 12    {}{name}\n", blob.display());
        fs::write(proc.join("12/maps"), format!("55aa-55ab r-xp 0 fd:01 7 [heap]\n{line}"))
            .unwrap();
    };
    maps("");
    assert_eq!(stale(), [0; 0]);
    for name in [".set-aside-1700000000", ".set-aside-1700000000 (deleted)"] {
        maps(name);
        assert_eq!(stale(), [12]);
    }
}

/// A process of this test's own, and what `/proc` tells of it.
fn child(script: &str) -> (std::process::Child, Process) {
    let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let directory = Path::new("/proc").join(pid.to_string());
    let groups = fs::read_to_string(directory.join("cgroup")).unwrap();
    let group = groups.lines().next().unwrap().splitn(3, ':').nth(2).unwrap().to_owned();
    // Once it has taken its name, and so its signals: `exec` changes neither.
    let until = Instant::now() + Duration::from_secs(30);
    let found = loop {
        assert!(Instant::now() < until, "the shell does not become what it should");
        let all = Processes::read(Path::new("/proc"), &group).unwrap();
        let found = all.iter().find(|process| process.pid == pid).cloned();
        if let Some(found) = found.filter(|found| found.name == "sleep") {
            break found;
        }
    };
    (child, found)
}

#[test]
fn a_process_is_ended_as_gently_as_it_lets_itself_be() {
    for (script, ended, signal) in [
        ("exec sleep 100", Ended::Terminated, 15),
        ("trap '' TERM; exec sleep 100", Ended::Killed, 9),
    ] {
        let (mut child, process) = child(script);
        assert_eq!(process.end(Duration::from_millis(200)).unwrap(), ended);
        assert_eq!(child.wait().unwrap().signal(), Some(signal));
        assert_eq!(process.end(Duration::ZERO).unwrap(), Ended::Gone);
    }
}

#[test]
fn one_that_is_not_what_was_seen_is_left_alone() {
    let (mut child, process) = child("exec sleep 100");
    let mut another = process.clone();
    another.parent += 1;
    assert_eq!(another.end(Duration::ZERO).unwrap(), Ended::Gone);
    assert!(child.try_wait().unwrap().is_none());
    assert_eq!(process.end(Duration::from_secs(5)).unwrap(), Ended::Terminated);
    child.wait().unwrap();
}
