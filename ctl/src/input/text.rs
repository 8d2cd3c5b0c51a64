//! A text inside a file, and where each of its lines stands there.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::source::{File, Place};
use crate::yaml::{Node, Style};

/// The first bytes of what gzip has packed.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A whole file, or a text that one of its values holds.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) content: String,
    /// All of it.
    pub(crate) place: Place,
    /// First bytes of its lines: here and in the file. Empty where it is not written there as it
    /// is, as in base64.
    lines: Vec<(usize, usize)>,
}

impl Text {
    pub(crate) fn whole(index: usize, file: &File) -> Self {
        let place = Place { file: index, start: 0, end: file.text.len() };
        Self { content: file.text.clone(), place, lines: vec![(0, 0)] }
    }

    /// What a scalar holds.
    pub(crate) fn of(node: &Node, files: &[File]) -> Option<Self> {
        let text = node.text()?.to_owned();
        let file = &files[node.place.file];
        let lines = match node.style()? {
            Style::Block => block_lines(&text, node.place, file),
            _ => flow_lines(&text, node.place, file),
        };
        Some(Self { content: text, place: node.place, lines: lines.unwrap_or_default() })
    }

    /// What a scalar holds in base64; an error says why it does not. `None` where it is withheld, or
    /// packed: cloud-init unpacks what gzip has made.
    pub(crate) fn of_base64(node: &Node) -> Result<Option<Self>, String> {
        let written = node.text().unwrap_or_default();
        if is_withheld(written) {
            return Ok(None);
        }
        // YAML folds long lines, and people wrap them.
        let packed: String = written.split_ascii_whitespace().collect();
        let bytes =
            BASE64_STANDARD.decode(packed).map_err(|error| format!("not base64: {error}"))?;
        if bytes.starts_with(&GZIP) {
            return Ok(None);
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            format!("what the base64 holds is not UTF-8 from byte {at} on")
        })?;
        let text = Self { content: text, place: node.place, lines: Vec::new() };
        Ok((!text.is_withheld()).then_some(text))
    }

    /// Whether nobody can tell from here what it says: it is encrypted (by SOPS), or all of it is
    /// put in its place before it is applied.
    pub(crate) fn is_withheld(&self) -> bool {
        is_withheld(&self.content)
    }

    /// Where these bytes of the text stand in the file.
    pub(crate) fn locate(&self, start: usize, end: usize) -> Place {
        let Some(from) = self.offset(start) else { return self.place };
        // The end belongs to the line of the last byte.
        let to = self.offset(end.max(start + 1) - 1).map_or(from, |to| to + 1);
        Place { file: self.place.file, start: from, end: to.max(from) }
    }

    fn offset(&self, offset: usize) -> Option<usize> {
        let line = self.lines.partition_point(|(start, _)| *start <= offset).checked_sub(1)?;
        let (here, there) = self.lines[line];
        Some(there + (offset - here))
    }
}

fn is_withheld(text: &str) -> bool {
    // Of Flux and envsubst, of templates, of Argo CD's plugin for Vault, and of vals.
    const MARKS: [&str; 5] = ["${", "$(", "{{", "<path:", "ref+"];
    let text = text.trim();
    let one_line = !text.contains('\n') && MARKS.iter().any(|mark| text.starts_with(mark));
    one_line || text.contains("ENC[AES256_GCM,")
}

/// Each line of a literal block is the end of a line of the file, in the same order. A folded one
/// joins lines, and so is found to be no literal one.
fn block_lines(text: &str, place: Place, file: &File) -> Option<Vec<(usize, usize)>> {
    let first = file.line_at(place.start);
    // Depending on what stands before the content, the place starts at the header or behind it.
    [first, first + 1].into_iter().find_map(|first| follow(text, first, file))
}

fn follow(text: &str, first: usize, file: &File) -> Option<Vec<(usize, usize)>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (index, line) in text.split('\n').enumerate() {
        // Behind the last line's end there may be no line in the file.
        if !line.is_empty() {
            let range = file.line(first + index)?;
            if !file.text[range.clone()].ends_with(line) {
                return None;
            }
            lines.push((start, range.end - line.len()));
        }
        start += line.len() + 1;
    }
    Some(lines)
}

/// On one line and without escapes, a text stands in the file as it is.
fn flow_lines(text: &str, place: Place, file: &File) -> Option<Vec<(usize, usize)>> {
    let source = file.text.get(place.start..place.end)?;
    let at = source.find(text).filter(|_| !text.is_empty() && !text.contains('\n'))?;
    Some(vec![(0, place.start + at)])
}
