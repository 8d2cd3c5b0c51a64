//! What is said of a data disk, and what is held back for it.

use super::*;
use crate::probe::{Immutable, LeftAlone, Link, Top, WrongOwner};
use crate::storage::{forbids_restart, refuses_write};

fn mount() -> Mount {
    Mount {
        point: "/var/lib/ollama".into(),
        kind: "ext4".into(),
        source: "/dev/vdb1".into(),
        read_only: false,
    }
}

fn disk() -> DiskFacts {
    DiskFacts {
        read_only: false,
        free_bytes: 10 << 30,
        total_bytes: 20 << 30,
        free_inodes: 1000,
        total_inodes: 2000,
        top: Top { uid: 998, gid: 998, mode: 0o755 },
        wrong_owner: WrongOwner::default(),
        left_alone: LeftAlone::default(),
        immutable: Immutable::default(),
        links: Vec::new(),
        alias_weights: std::collections::BTreeMap::new(),
        further_weights: std::collections::BTreeMap::new(),
        set_aside: crate::probe::SetAside::default(),
        partials: std::collections::BTreeMap::new(),
        entries_seen: 5,
    }
}

fn facts(mount: Mount, disk: DiskFacts, written: Written) -> Facts {
    let wanted = Some(Owner { uid: 998, gid: 998 });
    Facts {
        mount: Some(mount),
        link: None,
        probe: Some(Ok(StorageFacts { wanted, disk: Some(disk) })),
        write: Some(Ok(WriteFacts { written: Some(written) })),
    }
}

fn last(facts: &Facts) -> (&'static str, String) {
    let judgements = check(facts, &config::Storage::default(), Path::new(""));
    let last = judgements.last().unwrap();
    (last.reason.name, last.message.clone())
}

/// What is said, and whether a pull and an alias are held back.
fn seen(change: impl FnOnce(&mut Mount, &mut DiskFacts)) -> (&'static str, bool) {
    let (mut mount, mut disk) = (mount(), disk());
    change(&mut mount, &mut disk);
    let facts = facts(mount, disk, Written::Done);
    (last(&facts).0, refuses_write(Some(&facts), Path::new(""), 16 << 20).is_some())
}

fn wrote(written: Written) -> (&'static str, bool) {
    let facts = facts(mount(), disk(), written);
    (last(&facts).0, refuses_write(Some(&facts), Path::new(""), 1).is_some())
}

#[test]
fn a_good_disk_is_writable_and_what_is_left_alone_is_no_fault() {
    assert_eq!(seen(|_, _| ()), ("Writable", false));
    assert_eq!(seen(|_, disk| disk.left_alone.hard_links = 1), ("Writable", false));
}

#[test]
fn faults_are_told_apart_and_hold_writes_back() {
    assert_eq!(seen(|mount, _| mount.read_only = true), ("ReadOnly", true));
    assert_eq!(seen(|_, disk| disk.read_only = true), ("ReadOnly", true));
    assert_eq!(seen(|_, disk| disk.wrong_owner.count = 1), ("WrongOwner", true));
    assert_eq!(seen(|_, disk| disk.top.mode = 0o055), ("WrongOwner", true));
    let link = |name: &str| vec![Link { name: name.into(), target: "/srv/blobs".into() }];
    assert_eq!(seen(|_, disk| disk.links = link("blobs")), ("Linked", true));
    // The server, which keeps its models at the top, does not go there.
    assert_eq!(seen(|_, disk| disk.links = link(".ollama")), ("Writable", false));
    // Less than is wanted for a model may be enough for an alias.
    assert_eq!(seen(|_, disk| disk.free_bytes = 100 << 20), ("LowSpace", false));
    assert_eq!(seen(|_, disk| disk.free_bytes = 1 << 20), ("LowSpace", true));
}

#[test]
fn an_immutable_file_is_named_and_holds_nothing_back() {
    let one = || Immutable { count: 1, first: Some("blobs/x".into()) };
    assert_eq!(seen(|_, disk| disk.immutable = one()), ("Immutable", false));
    // What can be mended is mended first.
    let both = seen(|_, disk| (disk.immutable, disk.wrong_owner.count) = (one(), 1));
    assert_eq!(both, ("WrongOwner", true));
}

#[test]
fn a_disk_without_free_inodes_has_no_room_unless_it_counts_none() {
    assert_eq!(seen(|_, disk| disk.free_inodes = 0), ("LowInodes", true));
    let none = seen(|_, disk| (disk.free_inodes, disk.total_inodes) = (0, 0));
    assert_eq!(none, ("Writable", false));
}

#[test]
fn what_a_write_says_counts_where_nothing_else_is_wrong() {
    let failed = |errno: i32| Written::Failed {
        path: "/var/lib/ollama/blobs".into(),
        errno: Some(errno),
        error: "as the kernel says".into(),
    };
    assert_eq!(wrote(Written::Untried), ("Writable", false));
    assert_eq!(wrote(failed(nix::libc::EROFS)), ("ReadOnly", true));
    assert_eq!(wrote(failed(nix::libc::ENOSPC)), ("LowSpace", true));
    assert_eq!(wrote(failed(nix::libc::EDQUOT)), ("LowSpace", true));
    assert_eq!(wrote(failed(nix::libc::EACCES)), ("WriteFailed", true));
    assert_eq!(wrote(failed(nix::libc::EIO)), ("WriteFailed", true));
    assert_eq!(wrote(Written::Closed("/srv".into())), ("NotTraversable", true));
}

#[test]
fn a_directory_that_the_server_cannot_pass_is_decisive_and_forbids_a_restart() {
    let closed = facts(mount(), disk(), Written::Closed("/srv/models".into()));
    let judgements = check(&closed, &config::Storage::default(), Path::new(""));
    assert!(judgements.iter().any(|judgement| judgement.reason.decisive));
    assert!(last(&closed).1.contains("/srv/models,"), "{}", last(&closed).1);
    assert!(forbids_restart(Some(&closed)).is_some_and(|why| why.contains("/srv/models")));
    let good = facts(mount(), disk(), Written::Done);
    assert_eq!((forbids_restart(Some(&good)), forbids_restart(None)), (None, None));
}

#[test]
fn where_nothing_is_mounted_the_disk_is_not_judged() {
    let bare = Facts { mount: None, link: None, probe: None, write: None };
    let (reason, message) = last(&bare);
    assert_eq!((reason, message.as_str()), ("NotMounted", "nothing is mounted at /var/lib/ollama"));
    let linked = Facts { link: Some("/mnt/disk".into()), ..bare.clone() };
    let (reason, message) = last(&linked);
    assert_eq!(reason, "PathLinked");
    assert!(message.ends_with("to /mnt/disk"), "{message}");
    for facts in [&bare, &linked] {
        assert!(refuses_write(Some(facts), Path::new(""), 0).is_some());
    }
    assert!(refuses_write(None, Path::new(""), 0).is_some());
}

#[test]
fn a_disk_that_hangs_is_unknown_and_holds_all_back() {
    let good = facts(mount(), disk(), Written::Done);
    let read = Facts { probe: Some(Err(ProbeError::Silent)), write: None, ..good.clone() };
    let write = Facts { write: Some(Err(ProbeError::SilentWrite)), ..good.clone() };
    // Those that hang have kept the next one out.
    let out = Facts { probe: Some(Err(ProbeError::UsedUp(4))), write: None, ..good.clone() };
    let write_out = Facts { write: Some(Err(ProbeError::UsedUp(4))), ..good };
    for facts in [&read, &write, &out, &write_out] {
        assert_eq!(last(facts).0, "Silent");
        assert!(refuses_write(Some(facts), Path::new(""), 0).is_some());
        assert!(forbids_restart(Some(facts)).is_some());
    }
    assert_ne!(last(&read).1, last(&write).1);
}

#[test]
fn a_probe_that_fails_says_nothing_of_the_disk() {
    let failed = || Some(ProbeError::Failed("no such socket".into()));
    let good = facts(mount(), disk(), Written::Done);
    let read = Facts { probe: failed().map(Err), write: None, ..good.clone() };
    assert_eq!(last(&read).0, "ProbeFailed");
    assert!(
        refuses_write(Some(&read), Path::new(""), 0).is_some()
            && forbids_restart(Some(&read)).is_none()
    );
    // What the other one saw is enough to go on with: the server itself tells what it cannot do.
    let write = Facts { write: failed().map(Err), ..good };
    assert_eq!(last(&write).0, "ProbeFailed");
    assert_eq!(
        (refuses_write(Some(&write), Path::new(""), 0), forbids_restart(Some(&write))),
        (None, None)
    );
}
