//! The mount table, as the kernel prints it in `/proc/self/mountinfo`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where.
    pub point: PathBuf,
    /// File system type.
    pub kind: String,
    /// Device or other source.
    pub source: String,
    /// Read-only as a whole: the superblock's own options. A sandbox makes the *mount*
    /// read-only for one service, which says nothing about the disk.
    pub read_only: bool,
}

/// The mount at `point`, the last of them where several lie on top of each other.
pub(super) fn find(table: &str, point: &Path) -> Option<Mount> {
    table.lines().filter_map(parse).rfind(|mount| mount.point == point)
}

/// The mount point that `path` lies below, by its text: no link is followed.
pub(crate) fn mount_of(table: &str, path: &Path) -> Option<PathBuf> {
    let points = table.lines().filter_map(parse).map(|mount| mount.point);
    points.filter(|point| path.starts_with(point)).max_by_key(|point| point.components().count())
}

/// One line: `36 35 98:0 /root /point opts [tags] - type source superopts` (proc(5)).
fn parse(line: &str) -> Option<Mount> {
    let (front, back) = line.split_once(" - ")?;
    let point = front.split(' ').nth(4)?;
    let mut back = back.split(' ');
    let (kind, source, options) = (back.next()?, back.next()?, back.next()?);
    Some(Mount {
        point: PathBuf::from(unescape(point)),
        kind: kind.into(),
        source: unescape(source).to_string_lossy().into_owned(),
        read_only: options.split(',').any(|option| option == "ro"),
    })
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> OsString {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = (*byte == b'\\')
            .then(|| bytes.get(at + 1..at + 4))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        plain.push(escaped.unwrap_or(*byte));
        at += if escaped.is_some() { 4 } else { 1 };
    }
    OsString::from_vec(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
40 22 7:3 / /var/lib/ollama rw,relatime shared:9 master:3 - ext4 /dev/loop3 rw
41 22 7:4 / /mnt/with\\040space ro,relatime - ext4 /dev/loop4 rw
42 22 7:5 / /mnt/broken ro - ext4 /dev/loop5 ro,errors=remount-ro
43 40 0:40 / /var/lib/ollama rw - tmpfs none rw
";

    #[test]
    fn the_topmost_mount_is_found() {
        let mount = find(TABLE, Path::new("/var/lib/ollama")).unwrap();
        assert_eq!((mount.kind.as_str(), mount.read_only), ("tmpfs", false));
        assert_eq!(find(TABLE, Path::new("/var/lib")), None);
        assert_eq!(find("", Path::new("/")), None);
    }

    #[test]
    fn a_path_lies_on_the_deepest_mount_above_it() {
        let of = |path| mount_of(TABLE, Path::new(path)).unwrap();
        assert_eq!(of("/var/lib/ollama/models/x"), Path::new("/var/lib/ollama"));
        assert_eq!(of("/var/lib/ollama-old"), Path::new("/"));
        assert_eq!(of("/mnt/with space"), Path::new("/mnt/with space"));
        assert_eq!(mount_of("", Path::new("/")), None);
    }

    #[test]
    fn a_sandbox_does_not_make_a_disk_read_only() {
        let mount = find(TABLE, Path::new("/mnt/with space")).unwrap();
        assert!(!mount.read_only);
        assert!(find(TABLE, Path::new("/mnt/broken")).unwrap().read_only);
    }
}
