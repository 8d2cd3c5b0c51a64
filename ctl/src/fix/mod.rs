//! Mends what needs no decision, and keeps comments and layout: only the bytes in question change.

mod edit;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;

use crate::input::Inputs;
use crate::lint::Finding;
use crate::source::{File, Place};
use crate::yaml;

pub(crate) use edit::Edit;

/// What became of the findings that can be mended.
#[derive(Debug, Default)]
pub(crate) struct Mended {
    /// Each with its place, as lines for a person.
    pub(crate) done: Vec<String>,
    pub(crate) refused: Vec<String>,
}

/// Bytes of a file, and what comes instead of them.
type Replacement = (Range<usize>, String);

/// Changes of one file.
#[derive(Default)]
struct Change {
    edits: Vec<Replacement>,
    /// What they mend.
    lines: Vec<String>,
}

/// Mends what can be mended, in the files. What cannot is said, and stays as it is.
pub(crate) fn mend(findings: &[Finding], inputs: &Inputs) -> Mended {
    let mut mended = Mended::default();
    let mut changes: BTreeMap<usize, Change> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| !finding.edits.is_empty()) {
        let line = line(finding, inputs);
        match resolve(finding, inputs) {
            Ok((file, edits)) => {
                let change = changes.entry(file).or_default();
                // One that touches another waits for the next round.
                if edits.iter().all(|edit| change.edits.iter().all(|other| apart(edit, other))) {
                    change.edits.extend(edits);
                    change.lines.push(line);
                }
            }
            Err(why) => mended.refused.push(format!("{line}: not mended: {why}")),
        }
    }
    for (index, change) in changes {
        let file = &inputs.files[index];
        match write(file, change.edits) {
            Ok(()) => mended.done.extend(change.lines.iter().map(|line| format!("{line}: mended"))),
            Err(why) => {
                let lines = change.lines.iter().map(|line| format!("{line}: not mended: {why}"));
                mended.refused.extend(lines);
            }
        }
    }
    mended
}

/// `PATH:LINE: RULE`.
fn line(finding: &Finding, inputs: &Inputs) -> String {
    let file = &inputs.files[finding.place.file];
    let position = file.position(finding.place.start);
    format!("{}:{}: {}", file.path, position.line, finding.rule.id)
}

/// A finding's edits: all of them, or why there are none.
fn resolve(finding: &Finding, inputs: &Inputs) -> Result<(usize, Vec<Replacement>), &'static str> {
    let index = finding.edits.first().map_or(finding.place.file, Edit::file);
    let file = &inputs.files[index];
    if !file.on_disk {
        return Err("it comes from standard input or from an image: mend its source");
    }
    let edits = finding.edits.iter().map(|edit| {
        // A finding over several files would be half mended if one could not be written.
        (edit.file() == index).then(|| edit.resolve(file)).flatten()
    });
    let edits = edits.collect::<Option<Vec<_>>>();
    let edits = edits.ok_or("it is not written there as it is, but encoded or put together")?;
    Ok((index, edits))
}

fn apart(one: &Replacement, other: &Replacement) -> bool {
    one.0.end < other.0.start || other.0.end < one.0.start
}

/// Writes a file with its changes, if it is still what was read, and is still YAML afterwards.
fn write(file: &File, mut edits: Vec<Replacement>) -> Result<(), String> {
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut text = file.text.clone();
    for (range, new) in edits {
        text.replace_range(range, &new);
    }
    let nowhere = |start, end| Place { file: 0, start, end };
    let count = |text: &str| yaml::parse(text, &nowhere).map(|documents| documents.len());
    let (before, after) = (count(&file.text), count(&text));
    match (before, after) {
        (Ok(before), Ok(after)) if before == after => {}
        _ => return Err("the result would not be the same documents".to_owned()),
    }
    let path = Path::new(&file.path).canonicalize().map_err(|error| error.to_string())?;
    let now = fs::read(&path).map_err(|error| error.to_string())?;
    let mark = "\u{feff}".as_bytes();
    let (mark, rest) = match now.strip_prefix(mark) {
        Some(rest) => (mark, rest),
        None => (&mark[..0], now.as_slice()),
    };
    if rest != file.text.as_bytes() {
        return Err("the file was changed meanwhile".to_owned());
    }
    replace(&path, &[mark, text.as_bytes()].concat()).map_err(|error| error.to_string())
}

/// Puts a new file in the place of an old one: whoever reads it sees the one or the other.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::Builder::new().prefix(".saigakctl-").tempfile_in(folder)?;
    new.write_all(bytes)?;
    new.as_file().set_permissions(fs::metadata(path)?.permissions())?;
    new.as_file().sync_all()?;
    new.persist(path).map(drop).map_err(|error| error.error)
}
