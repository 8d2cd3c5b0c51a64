//! Comments by which a file's author allows a finding: `# saigakctl: allow VM010 -- why`, at the
//! end of the line or alone on the one above.

use super::Finding;
use crate::source::File;

const MARK: &str = "# saigakctl: allow ";

/// Whether a comment allows it. One without a reason does not, and is told so.
pub(crate) fn allowed(finding: &mut Finding, files: &[File]) -> bool {
    let file = &files[finding.place.file];
    let line = file.line_at(finding.place.start);
    let here = comment(file, line);
    let above =
        || comment(file, line.checked_sub(1)?).filter(|(before, _)| before.trim().is_empty());
    let Some((_, allow)) = here.or_else(above) else { return false };
    let (rules, reason) = allow.split_once("--").unwrap_or((allow, ""));
    let mut rules = rules.split([' ', ',']);
    if !rules.any(|rule| rule.eq_ignore_ascii_case(finding.rule.id)) {
        return false;
    }
    if reason.trim().is_empty() {
        finding.note("the comment that allows this gives no reason: add ` -- why`");
        return false;
    }
    true
}

/// What stands before the mark and behind it.
fn comment(file: &File, line: usize) -> Option<(&str, &str)> {
    file.text[file.line(line)?].split_once(MARK)
}
