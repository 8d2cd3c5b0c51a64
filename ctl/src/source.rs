//! The files that were read, and places in them.

use std::cell::OnceCell;
use std::ops::Range;

/// A range of bytes in one of the files. What was read from inside another text, such as
/// cloud-init's inside a Secret, has its place in the outer file too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// Index of the file.
    pub(crate) file: usize,
    /// First byte.
    pub(crate) start: usize,
    /// First byte behind it.
    pub(crate) end: usize,
}

/// Line and column, both from 1. The column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A file as it was read.
#[derive(Debug)]
pub(crate) struct File {
    /// As the user named it, or as it was found below what the user named.
    pub(crate) path: String,
    /// Its text, without a byte order mark.
    pub(crate) text: String,
    /// Whether it is a file that can be written, and neither standard input nor part of an image.
    pub(crate) on_disk: bool,
    /// Where each line starts.
    lines: Vec<usize>,
    /// Characters before every so many bytes, once somebody asks for a column: a whole cluster can
    /// stand on one line.
    characters: OnceCell<Vec<usize>>,
}

/// Bytes between two counts of characters.
const STRIDE: usize = 4096;

impl File {
    pub(crate) fn new(path: String, text: String, on_disk: bool) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        Self { path, text, on_disk, lines, characters: OnceCell::new() }
    }

    pub(crate) fn position(&self, offset: usize) -> Position {
        let line = self.line_at(offset);
        let column = self.characters(offset) - self.characters(self.lines[line]);
        Position { line: line + 1, column: column + 1 }
    }

    /// How many characters begin before this byte.
    fn characters(&self, offset: usize) -> usize {
        let bytes = &self.text.as_bytes()[..offset.min(self.text.len())];
        let counts = self.characters.get_or_init(|| {
            let mut sum = 0;
            let strides = self.text.as_bytes().chunks(STRIDE).map(|stride| {
                sum += begun(stride);
                sum
            });
            std::iter::once(0).chain(strides).collect()
        });
        let whole = bytes.len() / STRIDE;
        counts[whole] + begun(&bytes[whole * STRIDE..])
    }

    /// The line, from 0, that holds this byte.
    pub(crate) fn line_at(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The bytes of a line, from 0, without its end; `None` behind the last.
    pub(crate) fn line(&self, line: usize) -> Option<Range<usize>> {
        let start = *self.lines.get(line)?;
        let end = self.lines.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let end = if self.text[start..end].ends_with('\r') { end - 1 } else { end };
        Some(start..end)
    }
}

/// How many characters begin among these bytes: UTF-8 marks those that only go on.
fn begun(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count()
}

#[cfg(test)]
mod tests {
    use super::{File, Position, STRIDE};

    #[test]
    fn columns_count_characters_on_lines_of_any_length() {
        let text = format!("a\n{}b\näc", "ä".repeat(STRIDE));
        let file = File::new("a".to_owned(), text, false);
        for (offset, line, column) in [
            (0, 1, 1),
            (2, 2, 1),
            (4, 2, 2),
            (2 + 2 * STRIDE, 2, STRIDE + 1),
            (6 + 2 * STRIDE, 3, 2),
        ] {
            assert_eq!(file.position(offset), Position { line, column }, "{offset}");
        }
        assert_eq!(file.position(usize::MAX), Position { line: 3, column: 3 });
    }
}
