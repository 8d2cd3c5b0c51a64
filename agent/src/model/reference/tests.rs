//! References, by vectors in a plane: 0.99 is an angle of eight degrees.

use super::*;

fn at_degrees(degrees: f32) -> Vec<f32> {
    let angle = degrees.to_radians();
    vec![angle.cos(), angle.sin()]
}

fn fresh() -> (tempfile::TempDir, Arc<References>) {
    let directory = tempfile::tempdir().unwrap();
    let references = Arc::new(References::in_directory(directory.path(), false));
    (directory, references)
}

/// What a later agent finds.
async fn reopened(directory: &tempfile::TempDir, references: &Arc<References>) -> References {
    references.save();
    while references.writing.load(Ordering::Acquire) {
        tokio::task::yield_now().await;
    }
    References::in_directory(directory.path(), false)
}

#[tokio::test]
async fn two_that_agree_make_a_reference_that_a_later_agent_finds() {
    let (directory, references) = fresh();
    assert_eq!(references.compare("ab", &at_degrees(10.0)), Likeness::Doubtful);
    references.take("ab", at_degrees(10.0)).unwrap();
    let once = reopened(&directory, &references).await;
    assert_eq!(once.compare("ab", &at_degrees(10.0)), Likeness::Doubtful);
    references.take("ab", at_degrees(11.0)).unwrap();
    let twice = reopened(&directory, &references).await;
    // Another machine's rounding.
    assert_eq!(twice.compare("ab", &at_degrees(12.0)), Likeness::Alike);
    assert_eq!(twice.compare("ab", &at_degrees(30.0)), Likeness::Doubtful);
    assert!(matches!(twice.take("ab", at_degrees(101.0)), Err(Flaw::Unlike(c)) if c.abs() < 1e-6));
    // It was asked again and again, and changes nothing.
    twice.take("ab", at_degrees(101.0)).unwrap_err();
    twice.take("ab", at_degrees(11.0)).unwrap();
    // Other weights have a reference of their own.
    twice.take("cd", at_degrees(101.0)).unwrap();
}

#[test]
fn the_first_two_that_differ_are_both_in_doubt() {
    let (_directory, references) = fresh();
    references.take("ab", at_degrees(0.0)).unwrap();
    references.take("ab", at_degrees(90.0)).unwrap_err();
    assert_eq!(references.compare("ab", &at_degrees(90.0)), Likeness::Doubtful);
    references.take("ab", at_degrees(91.0)).unwrap();
    assert_eq!(references.compare("ab", &at_degrees(90.0)), Likeness::Alike);
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_kept_and_made_anew() {
    let (directory, references) = fresh();
    let path = directory.path().join(NAME);
    for _ in 0..2 {
        references.take("ab", at_degrees(0.0)).unwrap();
    }
    drop(reopened(&directory, &references).await);
    let whole = fs::read_to_string(&path).unwrap();
    let torn = &whole[..whole.len() / 1000];
    let cases = [
        String::new(),
        torn.to_owned(),
        whole.replace("\"version\":1", "\"version\":2"),
        whole.replace(TEXT, "another"),
        whole.replace("[1.0,", "[2.0,"),
        whole.replace("[1.0,", "[null,"),
    ];
    for text in cases {
        fs::write(&path, &text).unwrap();
        let anew = References::in_directory(directory.path(), false);
        assert_eq!(anew.compare("ab", &at_degrees(0.0)), Likeness::Doubtful, "{text:.80}");
        assert_eq!(fs::read_to_string(path.with_extension("unusable")).unwrap(), text);
        assert!(!path.exists());
    }
    fs::write(&path, &whole).unwrap();
    let good = References::in_directory(directory.path(), false);
    assert_eq!(good.compare("ab", &at_degrees(0.0)), Likeness::Alike);
}

#[tokio::test]
async fn who_only_looks_writes_nothing_and_a_full_set_stays_small() {
    let (directory, references) = fresh();
    for number in 0..=KEPT {
        for _ in 0..2 {
            references.take(&number.to_string(), at_degrees(0.0)).unwrap();
        }
        references.touch("1");
    }
    for (weights, likeness) in
        [("0", Likeness::Doubtful), ("1", Likeness::Alike), ("2", Likeness::Alike)]
    {
        assert_eq!(references.compare(weights, &at_degrees(0.0)), likeness, "{weights}");
    }
    references.take("new", at_degrees(0.0)).unwrap();
    references.take("new", at_degrees(0.0)).unwrap();
    assert_eq!(references.compare("1", &at_degrees(0.0)), Likeness::Alike);
    assert_eq!(references.compare("2", &at_degrees(0.0)), Likeness::Doubtful);
    let looks = Arc::new(References::in_directory(directory.path(), true));
    for _ in 0..2 {
        looks.take("ab", at_degrees(0.0)).unwrap();
    }
    drop(reopened(&directory, &looks).await);
    assert!(!directory.path().join(NAME).exists());
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_left_alone_until_it_can_be() {
    let (directory, references) = fresh();
    let path = directory.path().join(NAME);
    for _ in 0..2 {
        references.take("ab", at_degrees(0.0)).unwrap();
    }
    drop(reopened(&directory, &references).await);
    let kept = directory.path().join("kept");
    fs::rename(&path, &kept).unwrap();
    // Whoever opens it is told of a loop.
    std::os::unix::fs::symlink(NAME, &path).unwrap();
    let later = Arc::new(References::in_directory(directory.path(), false));
    for weights in ["ab", "cd"] {
        for _ in 0..2 {
            later.take(weights, at_degrees(90.0)).unwrap();
        }
    }
    drop(reopened(&directory, &later).await);
    assert!(path.is_symlink() && !path.with_extension("unusable").exists());
    fs::rename(&kept, &path).unwrap();
    let both = reopened(&directory, &later).await;
    assert_eq!(both.compare("ab", &at_degrees(0.0)), Likeness::Alike);
    assert_eq!(both.compare("cd", &at_degrees(90.0)), Likeness::Alike);
}
