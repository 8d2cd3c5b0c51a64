//! The files that were read, and places in them.

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
}

impl File {
    pub(crate) fn new(path: String, text: String, on_disk: bool) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        Self { path, text, on_disk, lines }
    }

    pub(crate) fn position(&self, offset: usize) -> Position {
        let line = self.line_at(offset);
        let start = self.lines[line];
        let end = offset.min(self.text.len());
        let column = self.text.get(start..end).map_or(0, |before| before.chars().count());
        Position { line: line + 1, column: column + 1 }
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
