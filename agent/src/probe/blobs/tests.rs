use std::fs;

use super::*;

/// SHA-256 of "abc", from FIPS 180-2.
const ABC: &str = "sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A store with one blob that the model `m:1` needs.
fn store(content: &str) -> tempfile::TempDir {
    let disk = tempfile::tempdir().unwrap();
    let manifests = disk.path().join("manifests/registry.ollama.ai/library/m");
    fs::create_dir_all(&manifests).unwrap();
    let digest = ABC.replace('-', ":");
    fs::write(manifests.join("1"), format!(r#"{{"layers":[{{"digest":"{digest}"}}]}}"#)).unwrap();
    fs::create_dir(disk.path().join("blobs")).unwrap();
    fs::write(disk.path().join("blobs").join(ABC), content).unwrap();
    disk
}

fn checked(disk: &tempfile::TempDir) -> BlobFacts {
    let mut pace = Pace::new(None, |_: &BlobLine| Ok(()));
    check(&Entry::directory(disk.path()).unwrap(), &["m:1"], &mut pace).unwrap()
}

#[test]
fn a_flipped_bit_is_found_though_nothing_else_differs() {
    let good = BlobFacts { files: 1, bytes: 3, ..BlobFacts::default() };
    assert_eq!(checked(&store("abc")), good);
    let damaged = vec![ABC.to_owned()];
    assert_eq!(checked(&store("abb")), BlobFacts { damaged: damaged.clone(), ..good.clone() });
    assert_eq!(checked(&store("")), BlobFacts { bytes: 0, damaged, ..good });
}

#[test]
fn what_others_need_and_what_is_missing_is_not_read() {
    let disk = store("abc");
    fs::write(disk.path().join("blobs").join(ABC.replace("ba", "ab")), "no model's").unwrap();
    assert_eq!(checked(&disk).files, 1);
    fs::remove_file(disk.path().join("blobs").join(ABC)).unwrap();
    assert_eq!(checked(&disk), BlobFacts::default());
}

#[test]
fn what_is_mended_while_it_is_read_is_not_called_damaged() {
    let disk = store("abb");
    let path = disk.path().join("blobs").join(ABC);
    // It says how far it is once it has read the old file.
    let mut pace = Pace::new(None, |_: &BlobLine| {
        fs::write(path.with_extension("new"), "abc")?;
        fs::rename(path.with_extension("new"), &path)
    });
    pace.said = Instant::now().checked_sub(SAYS_EVERY).unwrap();
    let facts = check(&Entry::directory(disk.path()).unwrap(), &["m:1"], &mut pace).unwrap();
    let unread = vec![format!("{ABC}: replaced while it was read")];
    assert_eq!(facts, BlobFacts { unread, ..BlobFacts::default() });
}

#[test]
fn it_keeps_to_its_rate() {
    let mut pace = Pace::new(None, |_: &BlobLine| Ok(()));
    let begun = Instant::now();
    let tenth = usize::try_from(RATE / 10).unwrap();
    for _ in 0..3 {
        pace.after(tenth).unwrap();
    }
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_server_that_waits_for_the_disk_is_given_way() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("io.pressure");
    let tell = |total: u64| {
        let line = format!("avg10=0.00 avg60=0.00 avg300=0.00 total={total}");
        fs::write(&path, format!("some {line}\nfull {line}\n")).unwrap();
    };
    tell(5_000_000);
    assert_eq!(waited(&path), Some(Duration::from_secs(5)));
    let mut pace = Pace::new(Some(path.clone()), |_: &BlobLine| Ok(()));
    pace.said = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
    tell(5_400_000);
    assert!(!pace.is_pressed(), "a twenty-fifth of the time");
    tell(6_400_000);
    assert!(pace.is_pressed() && !pace.is_pressed());
    fs::remove_file(&path).unwrap();
    assert!(!pace.is_pressed(), "a kernel that does not count it");
}
