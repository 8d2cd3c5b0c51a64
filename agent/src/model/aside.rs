//! The names of blobs that were set aside: found damaged, kept for a person beside the good ones,
//! and out of the server's way. It takes such a name neither for a blob nor for a download under
//! way, and deletes none as long as `OLLAMA_NOPRUNE` is set.

use crate::probe::manifest::is_digest;

/// What stands between a blob's name and the second since 1970 at which it was set aside.
const MARK: &str = ".set-aside-";

/// The name of the blob `blob` once it is set aside, `unix` seconds after 1970.
pub(crate) fn name(blob: &str, unix: u64) -> String {
    format!("{blob}{MARK}{unix}")
}

/// The blob that was set aside under this name, and when, in seconds since 1970.
pub(crate) fn blob_of(name: &str) -> Option<(&str, u64)> {
    let (blob, unix) = name.split_once(MARK)?;
    digest_of(blob).and(Some((blob, unix.parse().ok()?)))
}

/// What a finished blob's name says of its content: the SHA-256 of it, in lower-case hex.
/// Downloads under way have other names.
pub(crate) fn digest_of(name: &str) -> Option<&str> {
    name.strip_prefix("sha256-").filter(|digest| is_digest(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_blob_s_name_with_the_mark_and_a_time_is_one() {
        let blob = format!("sha256-{}", "ab".repeat(32));
        assert_eq!(blob_of(&name(&blob, 1_700_000_000)), Some((blob.as_str(), 1_700_000_000)));
        for other in
            [blob.clone(), format!("{blob}-partial"), name("sha256-12", 7), name(&blob, 7) + "x"]
        {
            assert_eq!(blob_of(&other), None, "{other}");
        }
        assert!(digest_of(&blob).is_some() && digest_of(&name(&blob, 7)).is_none());
    }
}
