//! Every key there is, and what it accepts: one table for the checks, for the messages and for
//! `docs/configuration.md`.

use std::fmt;

/// One key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// `section.key`
    pub name: &'static str,
    /// The values that it accepts.
    pub accepts: Accepts,
}

/// The values that a key accepts.
#[derive(Debug)]
pub enum Accepts {
    /// A whole number from `min` to `max`, both included.
    Number {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// True or false.
    Switch,
    /// A text, described in words.
    Text(&'static str),
    /// A list of texts, described in words.
    List(&'static str),
    /// A table, described in words.
    Table(&'static str),
}

impl fmt::Display for Accepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { min, max: i64::MAX } => write!(f, "a whole number from {min}"),
            Self::Number { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Switch => f.write_str("true or false"),
            Self::Text(words) | Self::List(words) | Self::Table(words) => f.write_str(words),
        }
    }
}

const fn number(name: &'static str, min: i64, max: i64) -> Key {
    Key { name, accepts: Accepts::Number { min, max } }
}

const fn text(name: &'static str, words: &'static str) -> Key {
    Key { name, accepts: Accepts::Text(words) }
}

/// The list of models besides that of `[model]`. Its entries have the keys of that section.
pub(super) const MODELS: &str = "models";

/// What only they have.
static REQUIRED: Key = Key { name: "models.required", accepts: Accepts::Switch };

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Every key.
pub const KEYS: &[Key] = &[
    text("serve.listen", "an IP address and a port, such as \"0.0.0.0:7244\" or \"[::]:7244\""),
    text("network.link", "the name of a link: 1 to 15 bytes without `/` and white space"),
    text("network.driver", "the name of a kernel driver, without `/` and white space"),
    Key { name: "network.repeat_lease", accepts: Accepts::Switch },
    text(
        "storage.path",
        "an absolute path without `.` and `..` that is no directory of the system and lies in none \
         that helpers cannot see (/home, /root, /tmp, /var/tmp, /run)",
    ),
    text("storage.owner", "the name of a user, without `/`, `:` and white space"),
    number("storage.minimum_free_bytes", 0, i64::MAX),
    Key { name: "storage.make_room", accepts: Accepts::Switch },
    number("gpu.expected", 0, 64),
    text("gpu.vendor", "\"nvidia\", \"amd\" or \"intel\""),
    text("ollama.unit", "the name of a systemd unit that ends in .service"),
    number("ollama.port", 1, 65535),
    text("model.source", "the name of a model, without white space and `://`"),
    Key {
        name: "model.sources",
        accepts: Accepts::List(
            "a list of up to 8, each the name of a model, the same behind `http://`, or an absolute \
             path without `.` and `..` that is not in /home, /root, /tmp or /var/tmp",
        ),
    },
    text(
        "model.alias",
        "the name of a model, without white space and `://`, other than model.source",
    ),
    text("model.weights", "64 lower-case hexadecimal digits, or nothing"),
    text("model.template", "a text that is not empty"),
    Key {
        name: "model.parameters",
        accepts: Accepts::Table("a table of numbers, texts and booleans"),
    },
    number("model.dimension", 1, 65536),
    Key { name: "model.pinned", accepts: Accepts::Switch },
    number("model.pull_stall_seconds", 10, DAY),
    Key {
        name: MODELS,
        accepts: Accepts::List(
            "a list of up to 15 tables, each with the keys of `[model]` and `required`, of which \
             it sets `source`, `alias` and `dimension`",
        ),
    },
    number("proof.interval_seconds", 1, HOUR),
    number("proof.timeout_seconds", 1, HOUR),
    number("proof.fresh_seconds", 1, DAY),
    number("proof.grace_seconds", 1, DAY),
    number("bootstrap.hold_seconds", 0, DAY),
];

/// The key of that name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    if name == REQUIRED.name {
        return Some(&REQUIRED);
    }
    let name = in_entry(name).unwrap_or_else(|| name.to_owned());
    KEYS.iter().find(|key| key.name == name)
}

/// What `models.key` is called in `[model]`.
fn in_entry(name: &str) -> Option<String> {
    Some(format!("model.{}", name.strip_prefix(MODELS)?.strip_prefix('.')?))
}

/// Whether there is a section of that name.
pub(super) fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| section(key.name) == name)
}

/// The valid key or section that `unknown` is likely to mean.
pub(super) fn meant(unknown: &str) -> String {
    let Some(key) = in_entry(unknown) else { return nearest(unknown).to_owned() };
    let found = nearest(&key);
    // The same key of an entry.
    found.strip_prefix("model.").map_or(found.to_owned(), |leaf| format!("{MODELS}.{leaf}"))
}

/// The valid key or section that looks most like `unknown`.
fn nearest(unknown: &str) -> &'static str {
    let likeness = |valid: &str| {
        let whole = strsim::normalized_damerau_levenshtein(unknown, valid);
        // A key in the wrong section, or in none.
        let last = strsim::normalized_damerau_levenshtein(leaf(unknown), leaf(valid)) * 0.99;
        whole.max(last)
    };
    KEYS.iter()
        .flat_map(|key| [section(key.name), key.name])
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .unwrap_or_default()
}

fn section(name: &str) -> &str {
    name.split_once('.').map_or(name, |(section, _)| section)
}

fn leaf(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, leaf)| leaf)
}
