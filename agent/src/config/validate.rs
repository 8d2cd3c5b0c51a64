//! From merged inputs to settings that can be used: every range, and what keys ask of each other.

use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use toml::Spanned;

use super::fragment::Fragment;
use super::inputs::Inputs;
use super::keys::{self, Accepts};
use super::{Config, ConfigError, Origin, Parameter, Vendor, further};
use crate::model::names;

/// Directories that hold a system, with all that is in them.
const SYSTEM_TREES: [&str; 12] = [
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/sbin",
    "/sys", "/usr",
];

/// Trees that the helpers' sandbox replaces or hides: a disk there would never be seen.
const HIDDEN_TREES: [&str; 5] = ["/home", "/root", "/run", "/tmp", "/var/tmp"];

/// Directories of the system in which a data disk may well be mounted, but not on them.
const SYSTEM_DIRECTORIES: [&str; 11] = [
    "/",
    "/media",
    "/mnt",
    "/opt",
    "/srv",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/opt",
    "/var/spool",
];

/// Bytes in the name of a link: the kernel's `IFNAMSIZ`, less the end mark.
const LINK_NAME_MAX: usize = 15;

/// Trees that the agent's sandbox replaces or hides.
const UNSEEN_TREES: [&str; 4] = ["/home", "/root", "/tmp", "/var/tmp"];

/// Sources of one model: more names in one message, and more hours until the last is asked, help
/// nobody.
const SOURCES_MAX: usize = 8;

/// What `proof.fresh_seconds` needs beyond the interval: a proof that is due waits up to 5 s for
/// the next look, and takes a moment itself. With less a healthy guest would flap.
pub(crate) const FRESH_MARGIN: Duration = Duration::from_secs(10);

pub(super) fn settings(inputs: &Inputs) -> Result<Config, ConfigError> {
    let mut c = Config::default();
    let i = inputs;

    text(i, "serve.listen", |f| f.serve.listen.as_ref(), listen, &mut c.serve.listen)?;
    text(i, "network.link", |f| f.network.link.as_ref(), link, &mut c.network.link)?;
    text(i, "network.driver", |f| f.network.driver.as_ref(), file_name, &mut c.network.driver)?;
    if let Some(input) = i.last(|f| f.network.repeat_lease.as_ref()) {
        c.network.repeat_lease = *input.value;
    }
    text(i, "storage.path", |f| f.storage.path.as_ref(), disk, &mut c.storage.path)?;
    text(i, "storage.owner", |f| f.storage.owner.as_ref(), user, &mut c.storage.owner)?;
    let key = "storage.minimum_free_bytes";
    let field = &mut c.storage.minimum_free_bytes;
    number(i, key, |f| f.storage.minimum_free_bytes.as_ref(), whole, field)?;
    if let Some(input) = i.last(|f| f.storage.make_room.as_ref()) {
        c.storage.make_room = *input.value;
    }
    number(i, "gpu.expected", |f| f.gpu.expected.as_ref(), whole, &mut c.gpu.expected)?;
    text(i, "gpu.vendor", |f| f.gpu.vendor.as_ref(), Vendor::named, &mut c.gpu.vendor)?;
    text(i, "ollama.unit", |f| f.ollama.unit.as_ref(), unit, &mut c.ollama.unit)?;
    number(i, "ollama.port", |f| f.ollama.port.as_ref(), whole, &mut c.ollama.port)?;
    text(i, "model.source", |f| f.model.source.as_ref(), model, &mut c.model.source)?;
    if let Some(input) = i.last(|f| f.model.sources.as_ref()) {
        c.model.sources =
            origins(input.value).ok_or_else(|| input.error(demand("model.sources")))?;
    }
    text(i, "model.alias", |f| f.model.alias.as_ref(), model, &mut c.model.alias)?;
    text(i, "model.weights", |f| f.model.weights.as_ref(), digest, &mut c.model.weights)?;
    text(i, "model.template", |f| f.model.template.as_ref(), filled, &mut c.model.template)?;
    number(i, "model.dimension", |f| f.model.dimension.as_ref(), whole, &mut c.model.dimension)?;
    if let Some(input) = i.last(|f| f.model.pinned.as_ref()) {
        c.model.pinned = *input.value;
    }
    let key = "model.pull_stall_seconds";
    let field = &mut c.model.pull_stall;
    number(i, key, |f| f.model.pull_stall_seconds.as_ref(), seconds, field)?;
    let p = &mut c.proof;
    let key = "proof.interval_seconds";
    number(i, key, |f| f.proof.interval_seconds.as_ref(), seconds, &mut p.interval)?;
    let key = "proof.timeout_seconds";
    number(i, key, |f| f.proof.timeout_seconds.as_ref(), seconds, &mut p.timeout)?;
    number(i, "proof.fresh_seconds", |f| f.proof.fresh_seconds.as_ref(), seconds, &mut p.fresh)?;
    number(i, "proof.grace_seconds", |f| f.proof.grace_seconds.as_ref(), seconds, &mut p.grace)?;
    let key = "bootstrap.hold_seconds";
    number(i, key, |f| f.bootstrap.hold_seconds.as_ref(), seconds, &mut c.bootstrap.hold)?;

    for (name, value) in inputs.parameters() {
        let Some(parameter) = parameter(value.value) else {
            let key = format!("model.parameters.{name}");
            return Err(value.error(format!("`{key}` must be a number, a text or a boolean")));
        };
        c.model.parameters.insert(name.to_owned(), parameter);
    }
    related(inputs, &c)?;
    c.further = further::models(inputs, &c.model)?;
    Ok(c)
}

/// What keys ask of each other. The blame goes to a key that a file sets: the defaults agree
/// among themselves.
fn related(inputs: &Inputs, c: &Config) -> Result<(), ConfigError> {
    let p = &c.proof;
    let interval = inputs.last(|f| f.proof.interval_seconds.as_ref());
    let fresh = inputs.last(|f| f.proof.fresh_seconds.as_ref());
    let grace = inputs.last(|f| f.proof.grace_seconds.as_ref());
    let names = ["proof.interval_seconds", "proof.fresh_seconds", "proof.grace_seconds"];
    for (shorter, margin, longer, [a, b]) in [
        (p.interval, FRESH_MARGIN, p.fresh, [(&interval, names[0]), (&fresh, names[1])]),
        (p.fresh, Duration::ZERO, p.grace, [(&fresh, names[1]), (&grace, names[2])]),
    ] {
        if shorter + margin > longer
            && let Some(blamed) = b.0.as_ref().or(a.0.as_ref())
        {
            let (shorter, longer) = (shorter.as_secs(), longer.as_secs());
            let message = format!("`{}` ({longer}) is less than `{}` ({shorter})", b.1, a.1);
            return Err(blamed.error(match margin.as_secs() {
                0 => message,
                margin => format!("{message} and {margin} more"),
            }));
        }
    }
    if names::same(&c.model.alias, &c.model.source) {
        let alias = inputs.last(|f| f.model.alias.as_ref());
        let source = inputs.last(|f| f.model.source.as_ref());
        if let Some(blamed) = alias.or(source) {
            return Err(blamed.error("`model.alias` and `model.source` must be two models"));
        }
    }
    Ok(())
}

/// Takes a text key over into `setting`, where a file sets it.
fn text<T>(
    inputs: &Inputs,
    key: &str,
    field: impl Fn(&Fragment) -> Option<&Spanned<String>>,
    convert: impl Fn(&str) -> Option<T>,
    setting: &mut T,
) -> Result<(), ConfigError> {
    if let Some(input) = inputs.last(field) {
        *setting = convert(input.value).ok_or_else(|| input.error(demand(key)))?;
    }
    Ok(())
}

/// Takes a number over into `setting`, where a file sets it and it is in the key's range.
fn number<T>(
    inputs: &Inputs,
    key: &str,
    field: impl Fn(&Fragment) -> Option<&Spanned<i64>>,
    convert: impl Fn(i64) -> Option<T>,
    setting: &mut T,
) -> Result<(), ConfigError> {
    if let Some(input) = inputs.last(field) {
        let value = Some(*input.value).filter(|value| in_range(key, *value));
        *setting = value.and_then(convert).ok_or_else(|| input.error(demand(key)))?;
    }
    Ok(())
}

pub(super) fn demand(key: &str) -> String {
    let accepts = keys::find(key).map(|key| key.accepts.to_string()).unwrap_or_default();
    format!("`{key}` must be {accepts}")
}

pub(super) fn in_range(key: &str, value: i64) -> bool {
    matches!(keys::find(key).map(|key| &key.accepts),
        Some(Accepts::Number { min, max }) if (*min..=*max).contains(&value))
}

pub(super) fn whole<T: TryFrom<i64>>(value: i64) -> Option<T> {
    T::try_from(value).ok()
}

pub(super) fn seconds(value: i64) -> Option<Duration> {
    u64::try_from(value).ok().map(Duration::from_secs)
}

pub(super) fn listen(value: &str) -> Option<SocketAddr> {
    value.parse().ok().filter(|address: &SocketAddr| address.port() != 0)
}

fn link(value: &str) -> Option<String> {
    file_name(value).filter(|name| name.len() <= LINK_NAME_MAX)
}

fn user(value: &str) -> Option<String> {
    file_name(value).filter(|name| !name.contains(':'))
}

fn unit(value: &str) -> Option<String> {
    let bare = value.strip_suffix(".service")?;
    (!bare.is_empty() && !bare.ends_with('@')).then(|| file_name(value)).flatten()
}

fn disk(value: &str) -> Option<PathBuf> {
    plain_path(value).filter(|path| {
        let kept = SYSTEM_TREES.iter().chain(&HIDDEN_TREES).any(|tree| path.starts_with(tree))
            || SYSTEM_DIRECTORIES.iter().any(|directory| path == Path::new(directory));
        !kept
    })
}

/// An absolute path that is spelt in the one way that leads there.
fn plain_path(value: &str) -> Option<PathBuf> {
    let path = Path::new(value);
    let plain = path.components().all(|c| matches!(c, Component::RootDir | Component::Normal(_)));
    // `components` forgives `/./` and a slash at the end; the units that name the path do not.
    let exact = path.components().collect::<PathBuf>().as_os_str() == path.as_os_str();
    (path.is_absolute() && plain && exact && !value.contains(char::is_control))
        .then(|| path.to_owned())
}

pub(super) fn origins(values: &[String]) -> Option<Vec<Origin>> {
    let known: Option<Vec<_>> = values.iter().map(|source| origin(source)).collect();
    known.filter(|known| known.len() <= SOURCES_MAX)
}

fn origin(value: &str) -> Option<Origin> {
    if value.starts_with('/') {
        let seen = |path: &PathBuf| !UNSEEN_TREES.iter().any(|tree| path.starts_with(tree));
        return plain_path(value).filter(seen).map(Origin::Path);
    }
    let (name, insecure) = match value.strip_prefix("http://") {
        Some(name) => (name, true),
        None => (value, false),
    };
    model(name).map(|name| Origin::Name { name, insecure })
}

/// A word that can be one component of a path.
fn file_name(value: &str) -> Option<String> {
    word(value).filter(|name| !name.contains('/') && name != "." && name != "..")
}

/// The server takes a scheme off a name, so the name that it lists is another.
pub(super) fn model(value: &str) -> Option<String> {
    word(value).filter(|name| !name.contains("://"))
}

fn word(value: &str) -> Option<String> {
    filled(value).filter(|text| !text.contains(|c: char| c.is_whitespace() || c.is_control()))
}

/// Nothing takes back what an earlier file declares.
#[expect(clippy::option_option, reason = "the outer one tells of a value that is refused")]
pub(super) fn digest(value: &str) -> Option<Option<String>> {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match value.len() {
        0 => Some(None),
        64 if value.bytes().all(hex) => Some(Some(value.to_owned())),
        _ => None,
    }
}

pub(super) fn filled(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

pub(super) fn parameter(value: &toml::Value) -> Option<Parameter> {
    match value {
        toml::Value::Integer(number) => Some(Parameter::Integer(*number)),
        toml::Value::Float(number) => number.is_finite().then_some(Parameter::Float(*number)),
        toml::Value::Boolean(switch) => Some(Parameter::Boolean(*switch)),
        toml::Value::String(text) => Some(Parameter::Text(text.clone())),
        _ => None,
    }
}
