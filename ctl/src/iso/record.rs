//! Directories and the records in them.

use super::write::SECTOR;

/// In which way names are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Short names as ISO 9660 wants them, with the real ones beside.
    RockRidge,
    /// UCS-2, big endian.
    Joliet,
}

/// Where a file lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) sector: u32,
    pub(super) length: u32,
}

/// 1 January 1980, midnight: a valid date that is no date of anything.
const DATE: [u8; 7] = [80, 1, 1, 0, 0, 0, 0];
const DIRECTORY: u8 = 0b10;
/// Bytes of a record before its name.
const HEAD: usize = 33;
/// Of a directory, and of a file: all may read, as far as the reader respects it.
const MODES: [u32; 2] = [0o040_555, 0o100_444];

impl Names {
    /// For a descriptor: filled with spaces.
    pub(super) fn text(self, text: &str, bytes: usize) -> Vec<u8> {
        match self {
            Self::RockRidge => {
                let mut field = text.as_bytes().to_vec();
                field.resize(bytes, b' ');
                field
            }
            Self::Joliet => {
                let filled = text.encode_utf16().chain(std::iter::repeat(u16::from(b' ')));
                let mut field: Vec<u8> =
                    filled.take(bytes / 2).flat_map(u16::to_be_bytes).collect();
                // Fields of an odd length end in a zero.
                field.resize(bytes, 0);
                field
            }
        }
    }

    fn of_file(self, name: &str) -> Vec<u8> {
        match self {
            Self::RockRidge => short(name).into_bytes(),
            // Without a version: some readers take it for a part of the name.
            Self::Joliet => name.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }
}

/// Eight letters, digits and underscores, no extension, version 1.
fn short(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let stem: String = name.chars().map(letter).take(8).collect();
    format!("{stem}.;1")
}

/// A number in both byte orders.
pub(super) fn both16(number: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (number.to_le_bytes(), number.to_be_bytes());
    [a, b, c, d]
}

/// The same with 32 bits.
pub(super) fn both32(number: u32) -> Vec<u8> {
    [number.to_le_bytes(), number.to_be_bytes()].concat()
}

/// The root's record as descriptors hold it.
pub(super) fn root(sector: u32, length: u32) -> Vec<u8> {
    record(&[0], sector, length, DIRECTORY, &[])
}

/// The root directory with these files, in whole sectors.
pub(super) fn directory(names: Names, sector: u32, length: u32, files: &[Entry<'_>]) -> Vec<u8> {
    let rock_ridge = names == Names::RockRidge;
    let system = |fields: Vec<u8>| if rock_ridge { fields } else { Vec::new() };
    // The root is its own parent. Its first record says that Rock Ridge is used here.
    let own = system([b"SP\x07\x01\xbe\xef\0".to_vec(), mode(0), extension()].concat());
    let mut records = vec![
        record(&[0], sector, length, DIRECTORY, &own),
        record(&[1], sector, length, DIRECTORY, &system(mode(0))),
    ];
    for file in files {
        let fields = system([mode(1), real_name(file.name)].concat());
        records.push(record(&names.of_file(file.name), file.sector, file.length, 0, &fields));
    }
    let mut bytes = Vec::new();
    for record in records {
        // None lies across two sectors.
        if bytes.len() % SECTOR + record.len() > SECTOR {
            bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
        }
        bytes.extend(record);
    }
    bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
    bytes
}

fn record(name: &[u8], sector: u32, length: u32, flags: u8, system: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0];
    bytes.extend(both32(sector));
    bytes.extend(both32(length));
    bytes.extend(DATE);
    // Neither interleaved nor of another volume.
    bytes.extend([flags, 0, 0]);
    bytes.extend(both16(1));
    bytes.push(byte(name.len()));
    debug_assert_eq!(bytes.len(), HEAD);
    bytes.extend(name);
    // What follows a name begins at an even byte, and so does the next record.
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes.extend(system);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes[0] = byte(bytes.len());
    bytes
}

/// A length that fits a byte: names are few and short.
fn byte(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

/// `PX`: mode, links, user, group.
fn mode(kind: usize) -> Vec<u8> {
    let numbers = [MODES[kind], 1, 0, 0].map(both32).concat();
    [b"PX\x24\x01".to_vec(), numbers].concat()
}

/// `NM`: the name as it is.
fn real_name(name: &str) -> Vec<u8> {
    [b"NM", &[byte(5 + name.len()), 1, 0][..], name.as_bytes()].concat()
}

/// `ER`: which extension this is. Its description and its source are left empty.
fn extension() -> Vec<u8> {
    const ID: &[u8] = b"RRIP_1991A";
    [b"ER", &[byte(8 + ID.len()), 1, byte(ID.len()), 0, 0, 1][..], ID].concat()
}
