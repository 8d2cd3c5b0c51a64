//! Files as netplan and administrators write them, and the links that they do and do not match.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;

const ONE: [u8; 6] = [0x52, 0x54, 0, 0xaa, 0xbb, 1];
const PINNED: &str = "[Match]\nPermanentMACAddress=52:54:00:aa:bb:02\nName=enp1s0\n";
const FREED: &str = "[Match]\nPermanentMACAddress=\nMACAddress=\nName=\nName=enp1s0\n";

fn link() -> Link {
    Link {
        name: "enp1s0".into(),
        mac: Some(ONE),
        permanent_mac: Some(ONE),
        driver: Some("virtio_net".into()),
        kind: None,
    }
}

/// Writes files and reads them back as networkd's directories `etc`, `run` and `usr`.
fn load(files: &[(&str, &str)]) -> Vec<NetworkFile> {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if text.starts_with('/') {
            symlink(text, path).unwrap();
        } else {
            fs::write(path, text).unwrap();
        }
    }
    NetworkFile::load_all(&["etc", "run", "usr"].map(|d| root.path().join(d))).unwrap()
}

fn judged(text: &str) -> Match {
    let source = Path::new("/x/10-x.network");
    NetworkFile { path: source.into(), assignments: syntax::parse(source, text) }.matches(&link())
}

#[test]
fn every_key_of_a_match_must_fit() {
    for (text, expected) in [
        ("[Match]\nName=enp1s0\n", Match::Matches),
        ("[Match]\nName=eth0 en*\n", Match::Matches),
        ("[Match]\nName=!eth* !wl*\n", Match::Matches),
        ("[Match]\nName=!en*\n", Match::Other),
        ("[Match]\nName=en*\nDriver=virtio_net e1000\n", Match::Matches),
        ("[Match]\nName=en*\nDriver=e1000\n", Match::Other),
        ("[Match]\nKind=!*\n", Match::Matches),
        ("[Match]\nKind=veth\n", Match::Other),
        ("[Match]\nMACAddress=52-54-00-AA-BB-01\n", Match::Matches),
        ("[Match]\nMACAddress=02:00:00:00:00:07 \\\n# both\n  5254.00aa.bb01\n", Match::Matches),
        ("[Match]\nName=eth0\n[Network]\nDHCP=yes\n[Match]\nName=enp1s0\n", Match::Matches),
        ("[Network]\nName=enp1s0\n", Match::Other),
        ("", Match::Other),
        ("[Match]\nMACAddress=nonsense\nName=eth0\n", Match::Other),
        ("[Match]\nName=enp1s0\nHost=db1\n", Match::Unjudged { key: "Host".into() }),
        ("[Match]\nName=eth0\nHost=db1\n", Match::Other),
    ] {
        assert_eq!(judged(text), expected, "{text}");
    }
}

#[test]
fn a_pinned_mac_is_told_from_a_file_for_another_link() {
    let wanted = vec!["52:54:00:aa:bb:02".to_owned()];
    assert_eq!(judged(PINNED), Match::MacDiffers { wanted });
    assert_eq!(judged(&PINNED.replace("enp1s0", "enp2s0")), Match::Other);
    assert_eq!(judged(&format!("{PINNED}{FREED}")), Match::Matches);

    // A link without a permanent address is pinned even by its own.
    let veth = Link { permanent_mac: None, ..link() };
    let files = load(&[("run/1.network", "[Match]\nPermanentMACAddress=52:54:00:aa:bb:01\n")]);
    assert!(matches!(files[0].matches(&veth), Match::MacDiffers { .. }));
    assert_eq!(files[0].matches(&link()), Match::Matches);
}

#[test]
fn etc_wins_over_run_by_name_and_the_first_name_that_matches_applies() {
    let files = load(&[
        ("usr/80-any.network", "[Match]\nName=*\n"),
        ("run/10-netplan-enp1s0.network", PINNED),
        ("run/50-x.network", "[Match]\nName=enp1s0\n"),
        ("etc/50-x.network", "/dev/null"),
        ("etc/60-not-a-network-file.link", "[Match]\nName=enp1s0\n"),
    ]);
    let names: Vec<_> = files.iter().map(NetworkFile::name).collect();
    assert_eq!(names, ["10-netplan-enp1s0.network", "50-x.network", "80-any.network"]);
    assert_eq!(applying(&files, &link()).unwrap().name(), "80-any.network");
    assert!(files[0].names("enp1s0") && !files[2].names("enp1s0"));
}

#[test]
fn drop_ins_are_merged_by_name_over_all_directories_and_can_be_left_out() {
    let files = load(&[
        ("run/10-a.network", PINNED),
        ("run/10-a.network.d/50-saigak.conf", FREED),
        ("usr/10-a.network.d/20-site.conf", "[Match]\nName=enp9s0\n"),
        ("usr/10-b.network.d/20-orphan.conf", FREED),
    ]);
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].matches(&link()), Match::Matches);
    assert!(!files[0].names("enp9s0"), "cleared by the drop-in with the later name");
    let base = files[0].without_drop_in("50-saigak.conf");
    assert!(matches!(base.matches(&link()), Match::MacDiffers { .. }));
    assert!(base.names("enp9s0"));

    let masked =
        load(&[("etc/10-a.network", "/dev/null"), ("etc/10-a.network.d/50-saigak.conf", FREED)]);
    assert_eq!(masked[0].matches(&link()), Match::Other);
}

#[test]
fn a_file_that_cannot_be_read_hides_no_other() {
    let files = load(&[
        ("etc/10-a.network", "[Match]\nName=enp1s0\n"),
        ("etc/10-a.network.d/10-dangling.conf", "/nonexistent/x.conf"),
        ("etc/20-dangling.network", "/nonexistent/x.network"),
        // A directory where a file should be: not even root can read it.
        ("etc/30-directory.network/x", ""),
        ("etc/40-unknown.network", PINNED),
        ("etc/40-unknown.network.d/10-directory.conf/x", ""),
        ("etc/50-b.network", "[Match]\nName=enp2s0\n"),
        ("run/50-b.network.d", "no directory"),
    ]);
    let names: Vec<_> = files.iter().map(NetworkFile::name).collect();
    assert_eq!(names, ["10-a.network", "50-b.network"]);
    assert_eq!(files[0].matches(&link()), Match::Matches);
}

#[test]
fn a_directory_that_cannot_be_listed_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let around = root.path().join("around");
    symlink(&around, &around).unwrap();
    let error = NetworkFile::load_all(&[&around]).unwrap_err();
    assert_eq!(error.path, around);
    assert!(error.to_string().starts_with("cannot list /"), "{error}");
}
