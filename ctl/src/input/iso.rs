//! cloud-init's files in an image of its disk (ISO 9660, with Rock Ridge's or Joliet's names).

/// Bytes of a sector.
const SECTOR: usize = 2048;
/// The first descriptor's sector; what stands before is the boot loader's.
const FIRST: usize = 16;
/// More descriptors than any writer makes.
const DESCRIPTORS: usize = 64;
/// Bytes of the top directory that are looked at. It has three files.
const DIRECTORY: usize = 64 * SECTOR;

/// The files that cloud-init looks for, as they are cut to eight characters without other names.
const FILES: [(&str, &str); 2] = [("user-data", "USER_DAT"), ("network-config", "NETWORK_")];

/// A volume: where its top directory is, and how it writes names.
struct Volume {
    start: usize,
    length: usize,
    joliet: bool,
}

/// Finds the files, with their names. Every number in the image is somebody else's, so nothing is
/// read but by `get`, and nothing is followed twice.
pub(crate) fn files(image: &[u8]) -> Result<Vec<(&'static str, &[u8])>, &'static str> {
    let volumes = volumes(image)?;
    // The primary volume comes first; Joliet's has the same files under whole names.
    let mut found: Vec<(&'static str, &[u8])> = Vec::new();
    for volume in &volumes {
        let end = volume.start.checked_add(volume.length.min(DIRECTORY));
        let directory = end.and_then(|end| image.get(volume.start..end));
        let directory = directory.ok_or("its directory lies outside of it")?;
        for record in records(directory) {
            let Some(name) = known(record, volume.joliet) else { continue };
            if found.iter().any(|(other, _)| *other == name) {
                continue;
            }
            let start = number(record, 2).checked_mul(SECTOR);
            let range = start.and_then(|start| Some(start..start.checked_add(number(record, 10))?));
            let bytes = range.and_then(|range| image.get(range));
            found.push((name, bytes.ok_or("one of its files lies outside of it")?));
        }
    }
    Ok(found)
}

fn volumes(image: &[u8]) -> Result<Vec<Volume>, &'static str> {
    let mut volumes = Vec::new();
    for index in FIRST..FIRST + DESCRIPTORS {
        let at = index * SECTOR;
        let Some(descriptor) = image.get(at..at + SECTOR) else { break };
        if &descriptor[1..6] != b"CD001" {
            break;
        }
        // Which characters a supplementary volume has, says its escape sequence: three are UCS-2.
        let joliet = [b"%/@", b"%/C", b"%/E"].iter().any(|escape| &descriptor[88..91] == *escape);
        match descriptor[0] {
            255 => break,
            1 => {}
            2 if joliet => {}
            _ => continue,
        }
        // The record of the top directory.
        let root = &descriptor[156..190];
        let start =
            number(root, 2).checked_mul(SECTOR).ok_or("its directory lies outside of it")?;
        volumes.push(Volume { start, length: number(root, 10), joliet: descriptor[0] == 2 });
    }
    if volumes.is_empty() { Err("not an image of ISO 9660") } else { Ok(volumes) }
}

/// The four bytes of a number, in the order of small machines; 0 where there are none.
fn number(bytes: &[u8], at: usize) -> usize {
    let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, |bytes| usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX))
}

/// The records of files in a directory. None goes over the end of a sector.
fn records(directory: &[u8]) -> impl Iterator<Item = &[u8]> {
    directory.chunks(SECTOR).flat_map(|sector| {
        let mut rest = sector;
        std::iter::from_fn(move || {
            let length = usize::from(*rest.first()?);
            // Zero ends a sector; 34 bytes hold a name of one.
            let record = rest.get(..length).filter(|_| length >= 34)?;
            rest = rest.get(length..)?;
            Some(record)
        })
        // Folders, and parts of files that have several.
        .filter(|record| record[25] & 0b1000_0010 == 0)
    })
}

/// Which of the files a record is.
fn known(record: &[u8], joliet: bool) -> Option<&'static str> {
    let length = usize::from(*record.get(32)?);
    let name = record.get(33..33 + length)?;
    let name = if joliet { wide(name)? } else { String::from_utf8(name.to_vec()).ok()? };
    let name = name.split(';').next().unwrap_or_default().trim_end_matches('.').to_owned();
    // Rock Ridge's entries begin at an even byte.
    let extra =
        record.get(33 + length + usize::from(length.is_multiple_of(2))..).unwrap_or_default();
    let long = if joliet { None } else { rock_ridge(extra) };
    let is = |file: &(&str, &str)| match &long {
        Some(long) => long == file.0,
        None => name.eq_ignore_ascii_case(file.0) || !joliet && name == file.1,
    };
    FILES.iter().find(|file| is(file)).map(|file| file.0)
}

/// UCS-2, the larger byte first.
fn wide(name: &[u8]) -> Option<String> {
    let units = name.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).collect::<Result<_, _>>().ok()
}

/// The name among Rock Ridge's entries: `NM`, a length, a version, flags, and the characters.
fn rock_ridge(mut rest: &[u8]) -> Option<String> {
    let mut name = Vec::new();
    while let [kind @ .., length, _] = rest.get(..4)? {
        let length = usize::from(*length);
        let entry = rest.get(4..length)?;
        if kind == b"NM" {
            name.extend_from_slice(entry.get(1..)?);
            // Bit 0: the name goes on in another entry.
            if entry[0] & 1 == 0 {
                return String::from_utf8(name).ok();
            }
        }
        rest = rest.get(length..)?;
    }
    None
}
