use super::*;

fn told(check: Check) -> (&'static str, String) {
    let damaged = match &check {
        Check::Checked(facts) => facts.damaged.clone(),
        _ => Vec::new(),
    };
    let judged = check_files(&Files { check, damaged });
    (judged.reason.name, judged.message)
}

fn sha256(digit: &str) -> String {
    format!("sha256-{}", digit.repeat(64))
}

fn damaged(digit: &str) -> BlobFacts {
    BlobFacts { damaged: vec![sha256(digit)], ..BlobFacts::default() }
}

#[test]
fn only_what_was_read_and_differs_is_damaged() {
    let good = BlobFacts { files: 3, bytes: 5_000_001, ..BlobFacts::default() };
    assert_eq!(told(Check::Trusted).0, "Orderly");
    assert_eq!(told(Check::Undoubted).0, "NotDoubted");
    assert_eq!(told(Check::Doubted).0, "Verifying");
    let reading = Check::Reading(Reading { done: 49, total: 100 });
    assert_eq!(told(reading), ("Verifying", "40 % of 1 MB read".into()));
    let words = "3 files, 6 MB, are what their names say".to_owned();
    assert_eq!(told(Check::Checked(good.clone())), ("Intact", words));
    let unread = BlobFacts { unread: vec!["x: I/O error".into()], ..good };
    assert_eq!(told(Check::Checked(unread.clone())).0, "Unverified");
    let damaged = BlobFacts { damaged: vec!["sha256-12".into()], ..unread };
    assert_eq!(told(Check::Checked(damaged)).0, "Damaged");
    assert_eq!(told(Check::Failed("no answer".into())), ("Unverified", "no answer".into()));
}

#[test]
fn a_server_s_failures_are_a_reason_once_for_each_start() {
    let check = FileCheck::default();
    let now = || check.files().check;
    check.doubt_for(1);
    assert_eq!(now(), Check::Doubted);
    let read = Check::Checked(BlobFacts::default());
    check.inner().files.check = read.clone();
    check.doubt_for(1);
    assert_eq!(now(), read);
    check.doubt_for(2);
    assert_eq!(now(), Check::Doubted);
    check.inner().files.check = Check::Reading(Reading { done: 1, total: 2 });
    check.doubt();
    assert!(matches!(now(), Check::Reading(_)), "they are read already");
    check.end(read.clone());
    assert_eq!(now(), Check::Doubted, "from the beginning, once more");
    check.end(read.clone());
    assert_eq!(now(), read);
}

#[test]
fn what_was_found_damaged_stays_so_until_it_is_found_good_or_something_was_done() {
    let check = FileCheck::default();
    check.end(Check::Checked(damaged("a")));
    let is_damaged = || check_files(&check.files()).reason.name == "Damaged";
    for _ in 0..2 {
        assert!(is_damaged());
        check.doubt();
        assert!(is_damaged(), "to be read again");
        check.end(Check::Failed("the disk hangs".into()));
    }
    let unread = vec![format!("{}: I/O error", sha256("a"))];
    check.end(Check::Checked(BlobFacts { unread, ..damaged("b") }));
    assert_eq!(check.files().damaged, [sha256("a"), sha256("b")]);
    check.end(Check::Checked(BlobFacts::default()));
    assert!(!is_damaged());
    check.end(Check::Checked(damaged("a")));
    check.renew();
    assert_eq!(check.files(), Files { check: Check::Doubted, damaged: Vec::new() });
}

#[tokio::test]
async fn a_doubt_and_what_was_found_outlive_the_agent_until_the_files_are_found_good() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join(FileCheck::NOTE);
    let start = |read_only| FileCheck::after(Ended::Orderly, Note::at(path.clone()), read_only);
    let check = start(false);
    assert_eq!(check.files(), Files::default());
    // There is one agent that writes: the others only look.
    let start = || start(true);
    check.doubt();
    check.save();
    assert_eq!(start().files(), Files { check: Check::Doubted, damaged: Vec::new() });
    check.end(Check::Checked(damaged("a")));
    check.save();
    assert_eq!(start().files(), Files { check: Check::Doubted, damaged: vec![sha256("a")] });
    check.end(Check::Checked(BlobFacts::default()));
    check.save();
    assert_eq!(start().files(), Files::default());
    assert!(!path.exists());
}

#[test]
fn no_shutdown_in_good_order_is_told_that_nobody_has_seen() {
    let state = tempfile::tempdir().unwrap();
    let reason = |ended| {
        let note = Note::at(state.path().join(FileCheck::NOTE));
        check_files(&FileCheck::after(ended, note, true).files()).reason.name
    };
    assert_eq!(reason(Ended::Orderly), "Orderly");
    assert_eq!(reason(Ended::Unnoted), "NotDoubted");
    assert_eq!(reason(Ended::Unclean), "Verifying");
    assert_eq!(reason(Ended::Untold), "Unverified");
}
