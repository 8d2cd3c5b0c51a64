use super::*;

/// A little-endian number, where both orders say the same.
fn number(image: &[u8], offset: usize) -> usize {
    let little = u32::from_le_bytes(image[offset..offset + 4].try_into().unwrap());
    let big = u32::from_be_bytes(image[offset + 4..offset + 8].try_into().unwrap());
    assert_eq!(little, big, "at {offset}");
    little as usize
}

/// The files below the root of the descriptor at that sector: by the name in the record, or, of
/// Rock Ridge, by the one behind it.
fn read(image: &[u8], sector: usize) -> Vec<(String, Vec<u8>)> {
    let descriptor = &image[sector * SECTOR..][..SECTOR];
    assert_eq!(&descriptor[1..6], b"CD001");
    assert_eq!(number(descriptor, 80) * SECTOR, image.len());
    let joliet = descriptor[0] == 2;
    let (start, length) = (number(descriptor, 158), number(descriptor, 166));
    // Two path tables say the same of where the root lies.
    let little = u32::from_le_bytes(descriptor[140..144].try_into().unwrap()) as usize * SECTOR;
    assert_eq!(image[little + 2..little + 6], u32::try_from(start).unwrap().to_le_bytes());
    let big = u32::from_be_bytes(descriptor[148..152].try_into().unwrap()) as usize * SECTOR;
    assert_eq!(image[big + 2..big + 6], u32::try_from(start).unwrap().to_be_bytes());

    let mut files = Vec::new();
    let mut rest = &image[start * SECTOR..][..length];
    while let Some(&size) = rest.first() {
        if size == 0 {
            // The next record begins at the next sector.
            rest = &rest[1..];
            continue;
        }
        let (record, after) = rest.split_at(usize::from(size));
        rest = after;
        let name = &record[33..][..usize::from(record[32])];
        if name.len() == 1 {
            assert_eq!(number(record, 2), start, "the root is its own parent");
            continue;
        }
        let name = if joliet {
            let units: Vec<u16> =
                name.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
            String::from_utf16(&units).unwrap()
        } else {
            let at = record.windows(2).position(|field| field == b"NM").unwrap();
            let field = &record[at..][..usize::from(record[at + 2])];
            String::from_utf8(field[5..].to_vec()).unwrap()
        };
        let content = &image[number(record, 2) * SECTOR..][..number(record, 10)];
        files.push((name, content.to_vec()));
    }
    files
}

#[test]
fn both_ways_to_read_names_give_the_files() {
    let long = vec![b'x'; 3 * SECTOR];
    let exact = vec![b'y'; SECTOR];
    let files = [
        File { name: "user-data", content: &long },
        File { name: "meta-data", content: b"a" },
        File { name: "network-config", content: &exact },
        File { name: "vendor-data", content: b"" },
    ];
    let image = write("cidata", &files).unwrap();
    assert_eq!(image.len() % SECTOR, 0);
    let expected: Vec<(String, Vec<u8>)> =
        [(1, b"a".to_vec()), (2, exact.clone()), (0, long.clone()), (3, Vec::new())]
            .map(|(index, content): (usize, _)| (files[index].name.to_owned(), content))
            .to_vec();
    assert_eq!(read(&image, 16), expected, "Rock Ridge");
    assert_eq!(read(&image, 17), expected, "Joliet");
    assert_eq!(image[18 * SECTOR], 0xff, "the end of the descriptors");
    assert_eq!(&image[16 * SECTOR + 40..][..7], b"cidata ");
    assert_eq!(&image[17 * SECTOR + 40..][..8], b"\0c\0i\0d\0a");
}

#[test]
fn directory_of_many_files_has_no_record_across_sectors() {
    let names: Vec<String> = (0..100).map(|index| format!("file-{index:03}")).collect();
    let files: Vec<File<'_>> =
        names.iter().map(|name| File { name, content: name.as_bytes() }).collect();
    let image = write("cidata", &files).unwrap();
    for sector in [16, 17] {
        let read = read(&image, sector);
        assert_eq!(read.len(), 100);
        assert!(read.iter().all(|(name, content)| name.as_bytes() == content));
    }
}
