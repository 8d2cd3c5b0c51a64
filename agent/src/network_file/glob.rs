//! Shell patterns, as `Name=` and `Driver=` use them: `*`, `?`, `[a-z]` and `[!a-z]`.

/// Whether the whole of `text` fits `pattern`. Takes time in proportion to the product of
/// their lengths at most.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // The last star, and the text that it has been tried against so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if let Some(next) = one(&pattern[p..], text[t]) {
            p += next;
            t += 1;
        } else if let Some((at, tried)) = star {
            star = Some((at, tried + 1));
            p = at + 1;
            t = tried + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// If the pattern's first element fits `c`: how many characters the element takes.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => match set(pattern, c) {
            // Without an end it is a plain bracket.
            None => (c == '[').then_some(1),
            Some((length, fits)) => fits.then_some(length),
        },
        '\\' if pattern.len() > 1 => (pattern[1] == c).then_some(2),
        plain => (*plain == c).then_some(1),
    }
}

/// The length of a bracket expression, and whether `c` is in it.
fn set(pattern: &[char], c: char) -> Option<(usize, bool)> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let first = if negated { 2 } else { 1 };
    let mut found = false;
    let mut at = first;
    loop {
        match (pattern.get(at)?, pattern.get(at + 1), pattern.get(at + 2)) {
            (']', ..) if at > first => return Some((at + 1, found != negated)),
            (low, Some('-'), Some(high)) if *high != ']' => {
                found |= (low..=high).contains(&&c);
                at += 3;
            }
            (plain, ..) => {
                found |= *plain == c;
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_fit_as_in_a_shell() {
        for (pattern, text, expected) in [
            ("enp1s0", "enp1s0", true),
            ("enp1s0", "enp1s01", false),
            ("en*", "enp1s0", true),
            ("en*0", "enp1s0", true),
            ("en*1", "enp1s0", false),
            ("*", "", true),
            ("?", "", false),
            ("eth[0-3]", "eth2", true),
            ("eth[!0-3]", "eth2", false),
            ("eth[]2]", "eth]", true),
            ("eth[", "eth[", true),
            ("a*b*c", "aXbYbZc", true),
            ("ab**", "ab", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
