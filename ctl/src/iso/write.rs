//! Writes an image: ISO 9660 (ECMA-119) with the names twice more, as Rock Ridge (RRIP 1.09) and
//! as Joliet have them. ISO 9660 itself has no small letters and no hyphens; Linux reads the one,
//! whatever else there is the other. The same files give the same bytes, whenever and wherever.
//!
//! | sectors of 2,048 bytes | hold |
//! |---|---|
//! | 0 to 15 | nothing |
//! | 16, 17, 18 | the primary descriptor, Joliet's, the end of both |
//! | 19 to 22 | the path tables: each of little and big endian |
//! | 23 and on | the root twice, then the files |

use super::record::{self, Entry, Names, both16, both32};

/// Bytes in a sector, which is also the size of a logical block.
pub(super) const SECTOR: usize = 2048;
/// The first sector of the first root. What lies before it is of fixed size.
const ROOT: u32 = 23;
/// A path table with the root alone.
const PATH_TABLE_BYTES: u32 = 10;
/// No date at all: 16 digits of zero, and an offset of zero.
const NO_DATE: &[u8; 17] = b"0000000000000000\0";

/// A file of the image's root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct File<'a> {
    pub(crate) name: &'a str,
    pub(crate) content: &'a [u8],
}

/// The image. Names have at most 64 bytes. `None` where a file's length does not fit 32 bits.
pub(crate) fn write(volume: &str, files: &[File<'_>]) -> Option<Vec<u8>> {
    let mut files = files.to_vec();
    // A directory is in order of its names.
    files.sort_unstable_by_key(|file| file.name);
    let names = [Names::RockRidge, Names::Joliet];
    // How long a directory is does not hang on what its records point at.
    let lengths = names.map(|names| record::directory(names, 0, 0, &entries(&files, 0)).len());
    let roots = [ROOT, ROOT + sectors(lengths[0])?];
    let first = roots[1] + sectors(lengths[1])?;
    let entries = entries(&files, first);
    let mut end = first;
    for file in &files {
        u32::try_from(file.content.len()).ok()?;
        end = end.checked_add(sectors(file.content.len())?)?;
    }

    let mut image = vec![0; 16 * SECTOR];
    for (index, names) in names.into_iter().enumerate() {
        let length = u32::try_from(lengths[index]).ok()?;
        let table = 19 + 2 * u32::try_from(index).ok()?;
        let root = record::root(roots[index], length);
        image.extend(descriptor(names, volume, end, table, &root));
    }
    image.extend(padded(b"\xffCD001\x01".to_vec()));
    for root in roots {
        image.extend(padded(path_table(root.to_le_bytes(), 1_u16.to_le_bytes())));
        image.extend(padded(path_table(root.to_be_bytes(), 1_u16.to_be_bytes())));
    }
    for (index, names) in names.into_iter().enumerate() {
        let length = u32::try_from(lengths[index]).ok()?;
        image.extend(record::directory(names, roots[index], length, &entries));
    }
    for file in &files {
        image.extend(padded(file.content.to_vec()));
    }
    Some(image)
}

/// Where each file lies, from this sector on.
fn entries<'a>(files: &[File<'a>], first: u32) -> Vec<Entry<'a>> {
    let mut next = first;
    let place = |file: &File<'a>| {
        let sector = next;
        // Both were checked to fit, or are not looked at.
        next = next.saturating_add(sectors(file.content.len()).unwrap_or(u32::MAX));
        let length = u32::try_from(file.content.len()).unwrap_or(u32::MAX);
        Entry { name: file.name, sector, length }
    };
    files.iter().map(place).collect()
}

fn sectors(bytes: usize) -> Option<u32> {
    u32::try_from(bytes.div_ceil(SECTOR)).ok()
}

/// Filled with zeros to whole sectors.
fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
    bytes
}

fn path_table(root: [u8; 4], parent: [u8; 2]) -> Vec<u8> {
    // The length of the name, no extended attributes; the root's name is a zero, and so is the
    // byte that fills it up.
    [&[1, 0][..], &root, &parent, &[0, 0]].concat()
}

/// Primary or supplementary: they differ in their type and in how text is written.
fn descriptor(names: Names, volume: &str, sectors: u32, table: u32, root: &[u8]) -> Vec<u8> {
    let text = |text: &str, bytes: usize| names.text(text, bytes);
    let mut bytes = vec![if names == Names::Joliet { 2 } else { 1 }];
    bytes.extend(b"CD001\x01\0");
    bytes.extend(text("", 32));
    bytes.extend(text(volume, 32));
    bytes.extend([0; 8]);
    bytes.extend(both32(sectors));
    // The sequence by which a reader knows Joliet of level 3.
    let escapes: &[u8] = if names == Names::Joliet { b"%/E" } else { b"" };
    bytes.extend(escapes);
    bytes.resize(120, 0);
    // One volume, the first of one.
    bytes.extend([both16(1), both16(1), both16(2048)].concat());
    bytes.extend(both32(PATH_TABLE_BYTES));
    bytes.extend([table.to_le_bytes(), [0; 4]].concat());
    bytes.extend([(table + 1).to_be_bytes(), [0; 4]].concat());
    bytes.extend(root);
    // Volume set, publisher, preparer, application; three files of the root that tell more.
    for length in [128, 128, 128, 128, 37, 37, 37] {
        bytes.extend(text("", length));
    }
    // Made, changed, expires, effective.
    bytes.extend(NO_DATE.repeat(4));
    // The version of the directories' structure.
    bytes.push(1);
    padded(bytes)
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
