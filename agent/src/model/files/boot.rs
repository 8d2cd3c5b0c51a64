//! How the boot before this one has ended, as saigak-boot.service has found it.

use std::path::Path;

/// Where that says so, once in each boot. The directory itself says nothing: it is there before
/// anything was looked at.
pub(super) const NOTED: &str = "/run/saigak-boot";

/// How it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// By a shutdown, which has noted it.
    Orderly,
    /// Without one.
    Unclean,
    /// There is no note of any boot before this one.
    Unnoted,
    /// Nobody has told.
    Untold,
}

/// What is told in the directory `noted`. More than one thing: it was started more than once, and
/// what counts is the worst.
pub(super) fn last(noted: &Path) -> Ended {
    let told =
        [("unclean", Ended::Unclean), ("unnoted", Ended::Unnoted), ("orderly", Ended::Orderly)];
    let told = told.into_iter().find(|(name, _)| noted.join(name).exists());
    told.map_or(Ended::Untold, |(_, ended)| ended)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_directory_without_a_note_tells_of_no_shutdown() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(last(&run.path().join("missing")), Ended::Untold);
        assert_eq!(last(run.path()), Ended::Untold);
        for (name, ended) in
            [("orderly", Ended::Orderly), ("unnoted", Ended::Unnoted), ("unclean", Ended::Unclean)]
        {
            fs::write(run.path().join(name), "").unwrap();
            assert_eq!(last(run.path()), ended);
        }
    }
}
