//! `[Match]`: whether a file applies to a link, and if not, whether the MAC alone is in the way.

use super::glob;
use super::{Assignment, NetworkFile};

/// What `[Match]` asks about a link. Addresses are six bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its MAC address now.
    pub mac: Option<[u8; 6]>,
    /// The MAC address that its hardware came with. A veth has none, and then nothing matches
    /// `PermanentMACAddress=`.
    pub permanent_mac: Option<[u8; 6]>,
    /// Its driver, such as `virtio_net`.
    pub driver: Option<String>,
    /// The kind of a link made by software, such as `veth` or `bridge`.
    pub kind: Option<String>,
}

/// Whether a file applies to a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// It does.
    Matches,
    /// It would if it did not want other MAC addresses: those, as written.
    MacDiffers {
        /// The addresses of the first key that differs.
        wanted: Vec<String>,
    },
    /// It is for other links, or says nothing that could match.
    Other,
    /// It may or may not: everything else fits, and this key is one that is not understood here.
    Unjudged {
        /// The key, such as `Property`.
        key: String,
    },
}

impl NetworkFile {
    /// Whether this file applies to the link.
    #[must_use]
    pub fn matches(&self, link: &Link) -> Match {
        let keys = keys(&self.assignments);
        if keys.is_empty() {
            // networkd warns about such a file and leaves it out.
            return Match::Other;
        }
        let mut differs = None;
        let mut unjudged = None;
        for (key, words) in keys {
            let mac = match key {
                "MACAddress" => link.mac,
                "PermanentMACAddress" => link.permanent_mac,
                _ => match judge(key, &words, link) {
                    Some(true) => continue,
                    Some(false) => return Match::Other,
                    None => {
                        unjudged = Some(key.to_owned());
                        continue;
                    }
                },
            };
            if !words.iter().any(|word| mac.is_some() && parse_mac(word) == mac) {
                differs.get_or_insert(words);
            }
        }
        match (differs, unjudged) {
            (_, Some(key)) => Match::Unjudged { key },
            (Some(words), None) => {
                Match::MacDiffers { wanted: words.into_iter().map(str::to_owned).collect() }
            }
            (None, None) => Match::Matches,
        }
    }

    /// Whether `Name=` asks for this very name, without a pattern.
    #[must_use]
    pub fn names(&self, link: &str) -> bool {
        keys(&self.assignments).iter().any(|(key, words)| *key == "Name" && words.contains(&link))
    }
}

/// The keys of `[Match]` that are set in the end, each with its words.
fn keys(assignments: &[Assignment]) -> Vec<(&str, Vec<&str>)> {
    let mut keys: Vec<(&str, Vec<&str>)> = Vec::new();
    for assignment in assignments.iter().filter(|assignment| assignment.section == "Match") {
        let key = assignment.key.as_str();
        if assignment.value.is_empty() {
            keys.retain(|(found, _)| *found != key);
            continue;
        }
        let words = assignment.value.split_whitespace().map(|word| word.trim_matches('"'));
        if let Some((_, known)) = keys.iter_mut().find(|(found, _)| *found == key) {
            known.extend(words);
        } else {
            keys.push((key, words.collect()));
        }
    }
    keys
}

/// `None`: a key that is not understood here.
fn judge(key: &str, words: &[&str], link: &Link) -> Option<bool> {
    match key {
        "Name" => Some(any_fits(words, Some(&link.name))),
        "Driver" => Some(any_fits(words, link.driver.as_deref())),
        "Kind" => Some(any_fits(words, link.kind.as_deref())),
        // Only Ethernet links are asked about.
        "Type" => Some(any_fits(words, Some("ether"))),
        _ => None,
    }
}

/// A leading `!` turns the whole list round.
fn any_fits(words: &[&str], value: Option<&str>) -> bool {
    let negated = words.first().is_some_and(|word| word.starts_with('!'));
    let fits = value.is_some_and(|value| {
        words.iter().any(|word| glob::fits(word.strip_prefix('!').unwrap_or(word), value))
    });
    fits != negated
}

/// Six pairs of hexadecimal digits between colons, dashes or dots, as networkd takes them.
pub(crate) fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    if digits.len() != 12 || !digits.is_ascii() {
        return None;
    }
    let mut mac = [0; 6];
    for (at, byte) in mac.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(mac)
}
