//! Lengths of time as people type them: `90s`, `30m`, `1h30m`, `1d`.

use std::time::Duration;

/// Reads one. Whole numbers, each with its unit, the longer units first; no unit means seconds.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no length of time such as 90s, 30m, 1h30m or 1d");
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut rest = text;
    let mut total = 0_u64;
    let mut units = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)].into_iter();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let unit = after.chars().next().ok_or_else(wrong)?;
        let (_, seconds) = units.find(|(letter, _)| *letter == unit).ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        total = number.checked_mul(seconds).and_then(|n| total.checked_add(n)).ok_or_else(wrong)?;
        rest = &after[1..];
    }
    if text.is_empty() { Err(wrong()) } else { Ok(Duration::from_secs(total)) }
}

/// Reads one for a pause: from a second to a day.
pub(super) fn pause(text: &str) -> Result<Duration, String> {
    let length = parse(text)?;
    if length.is_zero() || length > crate::core::LONGEST_PAUSE {
        return Err("a pause lasts from a second to a day (24h)".into());
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_they_are_typed() {
        for (text, seconds) in
            [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("1d", 86_400), ("45", 45), ("0s", 0)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "m", "30 m", "30min", "1m1h", "-5m", "1.5h", "5\u{e9}", "999999999999999d"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pause_has_its_bounds() {
        assert!(pause("24h").is_ok());
        assert!(pause("1d1s").is_err());
        assert!(pause("0m").is_err());
    }
}
