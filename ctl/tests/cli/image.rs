//! Images of cloud-init's disk.

use std::fs;

use tempfile::TempDir;

use crate::run::{Ran, run};

const SECTOR: usize = 2048;
const USER: &str = "#cloud-config\nnetwork: {version: 2}\n";

/// How names are written.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    Plain,
    RockRidge,
    Joliet,
}

/// A record of a directory: of a file at a sector, or of a folder.
fn record(sector: usize, length: usize, name: &[u8], extra: &[u8]) -> Vec<u8> {
    let mut record = vec![0; 33];
    record[2..6].copy_from_slice(&u32::try_from(sector).unwrap().to_le_bytes());
    record[10..14].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
    record[32] = u8::try_from(name.len()).unwrap();
    record.extend_from_slice(name);
    if name.len().is_multiple_of(2) {
        record.push(0);
    }
    record.extend_from_slice(extra);
    record[0] = u8::try_from(record.len()).unwrap();
    record
}

fn descriptor(kind: u8, root: usize) -> Vec<u8> {
    let mut descriptor = vec![0; SECTOR];
    descriptor[0] = kind;
    descriptor[1..6].copy_from_slice(b"CD001");
    if kind == 2 {
        descriptor[88..91].copy_from_slice(b"%/E");
    }
    let mut folder = record(root, SECTOR, &[0], &[]);
    folder[25] = 2;
    descriptor[156..156 + folder.len()].copy_from_slice(&folder);
    descriptor
}

/// An image with user-data and network-config, as the usual writers lay it out.
fn image(names: Names) -> Vec<u8> {
    let network = "ethernets: {}\n";
    let file = |sector, text: &str, short: &[u8], long: &str| match names {
        Names::Plain => record(sector, text.len(), short, &[]),
        Names::RockRidge => {
            // The name in two parts, behind another entry.
            let mut extra = b"PX\x05\x01\0".to_vec();
            let (one, other) = long.split_at(3);
            for (part, flags) in [(one, 1), (other, 0)] {
                extra.extend_from_slice(&[
                    b'N',
                    b'M',
                    u8::try_from(5 + part.len()).unwrap(),
                    1,
                    flags,
                ]);
                extra.extend_from_slice(part.as_bytes());
            }
            record(sector, text.len(), b"X.;1", &extra)
        }
        Names::Joliet => {
            let wide: Vec<u8> = long.encode_utf16().flat_map(u16::to_be_bytes).collect();
            record(sector, text.len(), &wide, &[])
        }
    };
    let mut folder = record(19, SECTOR, &[0], &[]);
    folder[25] = 2;
    folder.extend(file(20, USER, b"USER_DAT.;1", "user-data"));
    folder.extend(file(21, network, b"NETWORK_.;1", "network-config"));
    let mut image = vec![0; 16 * SECTOR];
    // The primary volume's directory is empty where Joliet's is looked for.
    let joliet = names == Names::Joliet;
    image.extend(descriptor(1, if joliet { 22 } else { 19 }));
    image.extend(if joliet { descriptor(2, 19) } else { descriptor(255, 0) });
    image.extend(descriptor(255, 0));
    for part in [folder.as_slice(), USER.as_bytes(), network.as_bytes(), &[]] {
        image.extend_from_slice(part);
        image.resize(image.len().next_multiple_of(SECTOR), 0);
    }
    image.resize(23 * SECTOR, 0);
    image
}

fn lint(image: &[u8]) -> Ran {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("noCloud.iso");
    fs::write(&path, image).unwrap();
    run(&["lint", path.to_str().unwrap()], "")
}

#[test]
fn files_are_found_under_all_kinds_of_names() {
    for names in [Names::Plain, Names::RockRidge, Names::Joliet] {
        let ran = lint(&image(names));
        assert!(ran.stderr.is_empty(), "{}", ran.stderr);
        assert!(ran.stdout.contains("noCloud.iso:/user-data:2:1"), "{}", ran.stdout);
        assert!(ran.stdout.contains("error[CI004]"), "{}", ran.stdout);
        assert!(ran.stdout.contains("error[CI006]"), "{}", ran.stdout);
    }
}

#[test]
fn image_is_not_written_to() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("noCloud.iso");
    fs::write(&path, image(Names::Joliet)).unwrap();
    let ran = run(&["lint", "--fix", path.to_str().unwrap()], "");
    assert!(ran.stderr.contains("CI006: not mended"), "{}", ran.stderr);
    assert_eq!(fs::read(path).unwrap(), image(Names::Joliet));
}

#[test]
fn broken_images_are_one_error() {
    let whole = image(Names::RockRidge);
    for image in
        [&[][..], b"text", &whole[..16 * SECTOR], &whole[..19 * SECTOR], &whole[..20 * SECTOR]]
    {
        let ran = lint(image);
        assert_eq!(ran.status, 2);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
}

/// Every byte of what describes the image, as the smallest and the largest that it can be.
#[test]
fn no_byte_of_an_image_is_trusted() {
    for names in [Names::Plain, Names::RockRidge, Names::Joliet] {
        let whole = image(names);
        // Many at once: a process for each byte would take minutes.
        for value in [0, 1, 0x7f, 0xff] {
            for start in (16 * SECTOR..20 * SECTOR).step_by(977) {
                let mut image = whole.clone();
                for byte in image[start..20 * SECTOR].iter_mut().step_by(41) {
                    *byte = value;
                }
                assert!((0..=2).contains(&lint(&image).status));
            }
        }
    }
}
