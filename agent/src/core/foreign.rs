//! Words of others, as the agent repeats them.

/// Characters that are kept: a reader needs no more, and a report is kept, sent and written as
/// a whole.
const KEPT: usize = 500;

/// `text` without control characters, which may move a terminal's cursor or begin a line of
/// their own in a log, and not longer than a person reads.
pub(crate) fn tame(text: impl Into<String>) -> String {
    let text = text.into();
    let is_plain = |plain, byte| plain & matches!(byte, b' '..=b'~');
    // So almost all of it is.
    if text.len() <= KEPT && text.bytes().fold(true, is_plain) {
        return text;
    }
    let tame = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(KEPT).map(tame).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_controls_nor_length_get_through() {
        assert_eq!(tame("a b"), "a b");
        assert_eq!(tame("a\u{1b}[31mb\nc\u{9b}d \u{e9}"), "a [31mb c d \u{e9}");
        assert_eq!(tame("\u{e9}".repeat(15 << 19)).chars().count(), KEPT);
    }
}
