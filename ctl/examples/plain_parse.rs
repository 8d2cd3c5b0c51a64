//! Parses the YAML files below a folder and does nothing with them, for figures: `plain_parse
//! FOLDER`. See docs/saigakctl.md.

#![expect(clippy::print_stdout, reason = "its result")]

use std::path::Path;

use granit_parser::Parser;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("plain_parse FOLDER")?;
    let (mut files, mut events) = (0_usize, 0_usize);
    walk(Path::new(&folder), &mut |text| {
        files += 1;
        for event in Parser::new_from_str(text) {
            event?;
            events += 1;
        }
        Ok(())
    })?;
    println!("{files} files, {events} events");
    Ok(())
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn walk(folder: &Path, take: &mut dyn FnMut(&str) -> Outcome) -> Outcome {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, take)?;
        } else {
            take(&std::fs::read_to_string(&path)?)?;
        }
    }
    Ok(())
}
