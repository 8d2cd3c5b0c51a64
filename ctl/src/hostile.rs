//! The readers, for whoever plays broken inputs to them. None of these may panic, or take longer
//! than its input is long.

use crate::input::Inputs;
use crate::lint;
use crate::source::Place;
use crate::yaml;

/// Reads a text as YAML. How many documents it has; `None` where it is none.
///
/// # Panics
///
/// Where a value is said to stand outside of the text: that is a fault of the reader.
#[must_use]
pub fn yaml(text: &str) -> Option<usize> {
    // Every place that is asked for lies in the text.
    let locate = |start: usize, end: usize| {
        assert!(start <= end && end <= text.len() + 1, "{start}..{end} of {}", text.len());
        Place { file: 0, start, end }
    };
    yaml::parse(text, &locate).ok().map(|documents| documents.len())
}

/// Lints a text as manifests. How many findings there are.
#[must_use]
pub fn manifest(text: &str) -> usize {
    lint::findings(Inputs::of_text("manifest.yaml", text))
}

/// Lints a text as cloud-init's network-config. How many findings there are.
#[must_use]
pub fn network_config(text: &str) -> usize {
    lint::findings(Inputs::of_text("network-config", text))
}

/// Reads bytes as an image of cloud-init's disk. How many files it has; `None` where it is none.
#[must_use]
pub fn image(bytes: &[u8]) -> Option<usize> {
    crate::input::image_files(bytes).ok().map(|files| files.len())
}
