//! What a walk takes, and what it leaves alone. Without root a change is refused by the kernel:
//! then the attempt counts.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use crate::fix::Outcome;

/// A user who owns nothing here.
const STRANGER: Owner = Owner { uid: 4_294_967, gid: 4_294_967 };

fn tree() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("blobs/deep")).unwrap();
    fs::create_dir(root.path().join("lost+found")).unwrap();
    fs::write(root.path().join("lost+found/inode"), "").unwrap();
    fs::write(root.path().join("blobs/plain"), "").unwrap();
    fs::write(root.path().join("blobs/linked"), "").unwrap();
    fs::hard_link(root.path().join("blobs/linked"), root.path().join("blobs/twin")).unwrap();
    symlink("/etc/shadow", root.path().join("blobs/shadow")).unwrap();
    fs::write(root.path().join("blobs/tool"), "").unwrap();
    fs::set_permissions(root.path().join("blobs/tool"), Permissions::from_mode(0o4755)).unwrap();
    root
}

#[test]
fn links_set_id_files_and_lost_and_found_are_left_alone() {
    let root = tree();
    let walk = give(&Entry::directory(root.path()).unwrap(), STRANGER);
    // The top, blobs, deep, plain; and the twins, the link, the tool.
    assert_eq!((walk.seen, walk.changed + walk.failed, walk.left_alone), (8, 4, 4));
    let owner = |path: &str| fs::symlink_metadata(root.path().join(path)).unwrap().uid();
    let me = nix::unistd::Uid::effective().as_raw();
    for path in ["lost+found", "lost+found/inode", "blobs/twin", "blobs/shadow", "blobs/tool"] {
        assert_eq!(owner(path), me, "{path}");
    }
    if me == 0 {
        for path in [".", "blobs", "blobs/deep", "blobs/plain"] {
            assert_eq!(owner(path), STRANGER.uid, "{path}");
        }
        let again = give(&Entry::directory(root.path()).unwrap(), STRANGER);
        assert_eq!((again.changed, again.failed, again.left_alone), (0, 0, 4));
    }
}

#[test]
fn a_right_tree_is_not_touched_and_a_closed_top_is_opened() {
    let root = tree();
    let top = || Entry::directory(root.path()).unwrap();
    let me = top().owner;
    let reply = give(&top(), me).reply(&Storage::default());
    assert_eq!(reply.outcome, Outcome::Unneeded, "{}", reply.message);
    fs::set_permissions(root.path(), Permissions::from_mode(0o550)).unwrap();
    let reply = give(&top(), me).reply(&Storage::default());
    assert_eq!(reply.outcome, Outcome::Done, "{}", reply.message);
    assert_eq!(fs::metadata(root.path()).unwrap().permissions().mode() & 0o777, 0o750);
}

#[test]
fn a_directory_that_is_no_mount_point_is_refused() {
    let root = tree();
    let storage = Storage { path: root.path().into(), owner: "root".into(), ..Storage::default() };
    let reply = run(&storage);
    assert_eq!(reply.outcome, Outcome::Refused);
    assert!(reply.message.starts_with("nothing is mounted at "), "{}", reply.message);
    let storage = Storage { owner: "no-such-user-here".into(), ..storage };
    assert_eq!(run(&storage).message, "there is no user no-such-user-here");
}
