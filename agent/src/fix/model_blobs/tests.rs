use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;
use crate::fix::Outcome;
use crate::model::aside::name as aside_name;

/// SHA-256 of "abc", from FIPS 180-2.
const ABC: &str = "sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn checked(disk: &Path) -> Option<Pass> {
    let until = Instant::now() + LIMIT;
    stores(&Entry::directory(disk).unwrap(), &["m:1"], until)
}

/// Has `model` need the blob `name`, in the store `store`.
fn need(store: &Path, model: &str, name: &str) {
    let folder = store.join("manifests/registry.ollama.ai/library").join(model);
    fs::create_dir_all(&folder).unwrap();
    let digest = digest_of(name).unwrap();
    let text = format!(r#"{{"config":{{"digest":"sha256:{digest}"}},"layers":[]}}"#);
    fs::write(folder.join("1"), text).unwrap();
}

fn replied(disk: &Path) -> Reply {
    checked(disk).unwrap().reply(&Storage::default())
}

/// The names of what was set aside.
fn asides(blobs: &Path) -> Vec<String> {
    let names = fs::read_dir(blobs).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    names.filter(|name| blob_of(name).is_some()).collect()
}

fn state(path: &Path) -> State {
    State::of(&File::open(path).unwrap()).unwrap()
}

#[test]
fn only_a_blob_that_is_not_what_its_name_says_is_set_aside_and_it_is_kept() {
    let disk = tempfile::tempdir().unwrap();
    let blobs = disk.path().join("blobs");
    fs::create_dir(&blobs).unwrap();
    let other = ABC.replace("ba78", "ab78");
    let kept = [
        ABC.to_owned(),
        format!("{other}-partial"),
        format!("{other}-partial-0"),
        "sha256-12".into(),
        "notes".into(),
        other.replace("ab78", "AB78"),
    ];
    for name in &kept {
        fs::write(blobs.join(name), "abc").unwrap();
    }
    fs::write(blobs.join(&other), "abc").unwrap();
    let link = other.replace("ab78", "cd78");
    symlink("notes", blobs.join(&link)).unwrap();

    let first = checked(disk.path()).unwrap();
    assert_eq!((first.checked, &first.aside), (2, &vec![other.clone()]));
    assert!(!blobs.join(&other).exists() && blobs.join(&link).is_symlink());
    assert!(kept.iter().all(|name| blobs.join(name).exists()));
    let aside = asides(&blobs);
    let [kept_aside] = aside.as_slice() else { panic!("{aside:?}") };
    assert_eq!(blob_of(kept_aside).unwrap().0, other);
    assert_eq!(fs::read_to_string(blobs.join(kept_aside)).unwrap(), "abc");
    assert_eq!(fs::read_dir(&blobs).unwrap().count(), kept.len() + 2);
    assert_eq!(first.reply(&Storage::default()).outcome, Outcome::Done);
    let second = replied(disk.path());
    assert_eq!(second.outcome, Outcome::Unneeded, "{}", second.message);
}

#[test]
fn another_file_of_the_same_name_is_left() {
    let disk = tempfile::tempdir().unwrap();
    let (path, kept) = (disk.path().join(ABC), disk.path().join("kept"));
    fs::write(&path, "xyz").unwrap();
    let blobs = Entry::directory(disk.path()).unwrap();
    let hashed = state(&path);
    fs::rename(&path, &kept).unwrap();
    fs::write(&path, "abc").unwrap();
    assert!(!aside::put(&blobs, ABC, hashed).unwrap() && path.exists());
    fs::rename(&kept, &path).unwrap();
    assert!(aside::put(&blobs, ABC, hashed).unwrap() && !path.exists());
}

#[test]
fn what_came_between_the_check_and_the_renaming_gets_its_name_back() {
    let disk = tempfile::tempdir().unwrap();
    let (path, aside) = (disk.path().join(ABC), aside_name(ABC, 7));
    fs::write(&path, "xyz").unwrap();
    let hashed = state(&path);
    fs::write(disk.path().join(&aside), "abc").unwrap();
    fs::remove_file(&path).unwrap();
    let blobs = Entry::directory(disk.path()).unwrap();
    assert!(!aside::settle(&blobs, ABC, &aside, hashed).unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), "abc");
    assert!(!disk.path().join(aside).exists());
}

#[test]
fn a_good_blob_that_a_killed_repair_has_left_aside_comes_back_and_no_good_one_is_deleted() {
    let disk = tempfile::tempdir().unwrap();
    let blobs = disk.path().join("blobs");
    fs::create_dir(&blobs).unwrap();
    let aside = |number: u64| blobs.join(aside_name(ABC, number));
    fs::write(aside(1), "xyz").unwrap();
    fs::write(aside(2), "abc").unwrap();
    assert_eq!(replied(disk.path()).outcome, Outcome::Unneeded);
    assert_eq!(fs::read_to_string(blobs.join(ABC)).unwrap(), "abc");
    assert!(aside(1).exists() && !aside(2).exists());
    // A damaged one has the name: it goes aside, and a good one takes its place.
    fs::write(blobs.join(ABC), "wxyz").unwrap();
    fs::write(aside(3), "abc").unwrap();
    fs::write(aside(4), "abc").unwrap();
    assert_eq!(replied(disk.path()).outcome, Outcome::Done);
    assert_eq!(fs::read_to_string(blobs.join(ABC)).unwrap(), "abc");
    assert!(aside(4).exists() && !aside(1).exists());
    assert_eq!(asides(&blobs).len(), 2);
}

#[test]
fn of_what_is_damaged_again_and_again_the_last_copy_is_kept() {
    let disk = tempfile::tempdir().unwrap();
    let blobs = disk.path().join("blobs");
    fs::create_dir(&blobs).unwrap();
    let other = ABC.replace("ba78", "ab78");
    let kept = [aside_name(&other, 7), format!("{ABC}-partial"), format!("{ABC}.set-aside-x")];
    for name in &kept {
        fs::write(blobs.join(name), "first").unwrap();
    }
    for (number, content) in [(1, "first"), (2, "second")] {
        fs::write(blobs.join(aside_name(ABC, number)), content).unwrap();
    }
    fs::write(blobs.join(ABC), "third").unwrap();
    assert_eq!(replied(disk.path()).outcome, Outcome::Done);
    let own: Vec<_> = asides(&blobs).into_iter().filter(|name| name.starts_with(ABC)).collect();
    let [last] = own.as_slice() else { panic!("{own:?}") };
    assert_eq!(fs::read_to_string(blobs.join(last)).unwrap(), "third");
    assert!(kept.iter().all(|name| blobs.join(name).exists()));
}

#[test]
fn the_model_s_own_blobs_come_first_in_whichever_store_and_one_that_is_gone_is_pulled_at_once() {
    let disk = tempfile::tempdir().unwrap();
    let (old, used) = (disk.path().to_owned(), disk.path().join(".ollama/models"));
    let names: Vec<_> = (10..30).map(|number| ABC.replace("ba", &number.to_string())).collect();
    for store in [&old, &used] {
        fs::create_dir_all(store.join("blobs")).unwrap();
        for name in &names {
            fs::write(store.join("blobs").join(name), "abc").unwrap();
        }
    }
    let own = names.get(13).unwrap();
    need(&used, "M", own);
    let pass = checked(disk.path()).unwrap();
    assert_eq!((pass.checked, &pass.aside), (1, &vec![own.clone()]));
    assert_eq!(pass.reply(&Storage::default()).outcome, Outcome::Done);
    assert!(old.join("blobs").join(own).exists() && !used.join("blobs").join(own).exists());
    // Nobody needs what is left.
    assert_eq!(checked(disk.path()).unwrap().aside.len(), 39);
}

#[test]
fn what_another_model_needs_is_named_and_left_alone() {
    let disk = tempfile::tempdir().unwrap();
    let blobs = disk.path().join("blobs");
    fs::create_dir(&blobs).unwrap();
    fs::write(blobs.join(ABC), "one bit of it is wrong").unwrap();
    need(disk.path(), "theirs", ABC);
    let reply = replied(disk.path());
    assert_eq!(reply.outcome, Outcome::Unneeded);
    let told = format!(
        "0 blobs in /var/lib/ollama are what their names say; damaged, and left \
        alone for another model: {ABC}"
    );
    assert_eq!(reply.message, told);
    assert!(blobs.join(ABC).exists());
    need(disk.path(), "m", ABC);
    assert_eq!(replied(disk.path()).outcome, Outcome::Done);
    assert!(!blobs.join(ABC).exists());
}

#[test]
fn a_pass_that_ends_early_says_how_far_it_came() {
    let disk = tempfile::tempdir().unwrap();
    let blobs = disk.path().join("blobs");
    fs::create_dir(&blobs).unwrap();
    fs::write(blobs.join(ABC), "abc").unwrap();
    fs::write(blobs.join(aside_name(ABC, 1)), "abc").unwrap();
    let late = stores(&Entry::directory(disk.path()).unwrap(), &[], Instant::now()).unwrap();
    assert_eq!(late.failed, [""; 0]);
    let reply = late.reply(&Storage::default());
    assert_eq!(reply.outcome, Outcome::Failed);
    assert!(reply.message.ends_with("checked 0 of 1 within 14 minutes"), "{}", reply.message);
}

#[test]
fn what_cannot_be_read_is_no_matter_of_time() {
    let pass = Pass { checked: 1, failed: vec!["blobs: no such device".into()], ..Pass::default() };
    let reply = pass.reply(&Storage::default());
    assert_eq!(reply.outcome, Outcome::Failed);
    assert!(reply.message.ends_with("; failed at 1, first blobs: no such device"));
}

#[test]
fn a_store_below_a_home_is_one_as_well() {
    let disk = tempfile::tempdir().unwrap();
    let blobs = disk.path().join(".ollama/models/blobs");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(ABC), "xyz").unwrap();
    assert_eq!(checked(disk.path()).unwrap().aside, [ABC]);
    fs::create_dir(disk.path().join("blobs")).unwrap();
    fs::write(disk.path().join("blobs").join(ABC), "abc").unwrap();
    assert_eq!(checked(disk.path()).unwrap().checked, 1);
}

#[test]
fn a_message_tells_a_few_names_and_how_many_there_are() {
    let names: Vec<_> = (0..5).map(|n| n.to_string()).collect();
    assert_eq!(few(&names), "0, 1, 2 and 2 more");
    assert_eq!(few(names.get(..3).unwrap()), "0, 1, 2");
}

#[test]
fn no_link_is_followed_to_the_blobs() {
    let disk = tempfile::tempdir().unwrap();
    assert!(checked(disk.path()).is_none());
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join(ABC), "xyz").unwrap();
    symlink(elsewhere.path(), disk.path().join("blobs")).unwrap();
    assert!(checked(disk.path()).is_none());
    assert!(elsewhere.path().join(ABC).exists());
}
