//! Plays the corpus of the fuzz targets, and some thousand broken versions of it. The same ones in
//! every run: a failure can be repeated.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use saigakctl::hostile;

/// Broken versions of each file.
const VERSIONS: u64 = 300;
/// For one input, in a build without optimisation on a busy machine. What follows aliases or
/// nesting without a bound takes for ever.
const SOON: Duration = Duration::from_secs(30);

/// What a file of a corpus holds.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{target}");
    files
}

/// What stands for something in YAML, in the formats above it, or at the ends of a number.
const WORDS: [&[u8]; 16] = [
    b"\n",
    b"  ",
    b"- ",
    b": ",
    b"&a ",
    b"*a",
    b"{",
    b"}",
    b"[",
    b"]",
    b"|\n",
    b"'",
    b"\"",
    b"\xc3\xa4",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
];

/// Changes a few places of a text.
fn broken(bytes: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.usize(1..8) {
        let at = random.usize(0..=bytes.len());
        let end = (at + random.usize(0..24)).min(bytes.len());
        match random.u8(0..5) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let part = bytes[at..end].to_vec();
                let to = random.usize(0..=bytes.len());
                bytes.splice(to..to, part);
            }
            2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.u8(0..8);
                }
            }
            3 => bytes.truncate(at.max(16)),
            _ => {
                let word = WORDS[random.usize(0..WORDS.len())].repeat(random.usize(1..4));
                bytes.splice(at..at, word);
            }
        }
    }
    bytes
}

/// Plays a corpus. How many inputs the reader could make something of.
fn play(target: &str, read: impl Fn(&[u8]) -> bool) -> usize {
    let mut understood = 0;
    for (path, whole) in corpus(target) {
        let mut random = fastrand::Rng::with_seed(0x005a_16a4);
        for version in 0..=VERSIONS {
            let input = if version == 0 { whole.clone() } else { broken(&whole, &mut random) };
            let start = Instant::now();
            understood += usize::from(read(&input));
            assert!(start.elapsed() < SOON, "version {version} of {path}");
        }
    }
    understood
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn yaml() {
    assert!(play("yaml", |bytes| hostile::yaml(&text(bytes)).is_some()) > 100);
}

#[test]
fn manifests() {
    assert!(play("manifest", |bytes| hostile::manifest(&text(bytes)) > 0) > 100);
}

#[test]
fn network_configs() {
    assert!(play("network_config", |bytes| hostile::network_config(&text(bytes)) > 0) > 100);
}

#[test]
fn images() {
    assert!(play("image", |bytes| hostile::image(bytes).is_some()) > 10);
}
