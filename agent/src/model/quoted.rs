//! Texts as Go quotes them (`strconv.Quote`): `/api/show` prints parameters so.

/// The text that `quoted` stands for; `None` where it is not one whole quoted text.
pub(super) fn unquote(quoted: &str) -> Option<String> {
    let mut rest = quoted.strip_prefix('"')?.strip_suffix('"')?.chars();
    let mut text = String::new();
    while let Some(char) = rest.next() {
        text.push(match char {
            '"' => return None,
            '\\' => match rest.next()? {
                'a' => '\u{7}',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\u{b}',
                // A byte: of a control character, or of what is no UTF-8.
                'x' => char::from_u32(hex(&mut rest, 2)?)
                    .filter(char::is_ascii)
                    .unwrap_or(char::REPLACEMENT_CHARACTER),
                'u' => char::from_u32(hex(&mut rest, 4)?)?,
                'U' => char::from_u32(hex(&mut rest, 8)?)?,
                itself @ ('\\' | '"') => itself,
                _ => return None,
            },
            plain => plain,
        });
    }
    Some(text)
}

fn hex(rest: &mut std::str::Chars<'_>, digits: usize) -> Option<u32> {
    (0..digits).try_fold(0, |value, _| Some(value << 4 | rest.next()?.to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_escapes_is_read_back() {
        let cases = [
            (r#""""#, ""),
            (r#""x y""#, "x y"),
            (r#""\n\t\\\"\a""#, "\n\t\\\"\u{7}"),
            (r#""\x00\u200b\U0001f300é""#, "\0\u{200b}\u{1f300}é"),
        ];
        for (quoted, text) in cases {
            assert_eq!(unquote(quoted).as_deref(), Some(text), "{quoted}");
        }
        for broken in ["x", "\"", r#""a"b""#, r#""\q""#, r#""\""#, r#""\u12""#] {
            assert_eq!(unquote(broken), None, "{broken}");
        }
    }
}
