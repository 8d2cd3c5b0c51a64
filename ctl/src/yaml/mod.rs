//! YAML and JSON, with the place of everything.

mod parse;

use std::rc::Rc;

use crate::source::Place;

pub(crate) use parse::parse;

/// A value and where it stands.
#[derive(Debug)]
pub(crate) struct Node {
    /// A map's place is its first key's, a list's its first item's: what a person would point at.
    pub(crate) place: Place,
    pub(crate) value: Value,
    /// How many values it holds, itself among them, with every alias counted in full.
    weight: usize,
}

#[derive(Debug)]
pub(crate) enum Value {
    Scalar {
        text: String,
        style: Style,
    },
    List(Vec<Rc<Node>>),
    /// In the order of the file.
    Map(Vec<Entry>),
}

/// How a scalar is written. Only a plain one can be a number, a truth value or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    /// `|` and `>`.
    Block,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// Of the key.
    pub(crate) place: Place,
    pub(crate) value: Rc<Node>,
}

impl Node {
    /// The entries of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub(crate) fn items(&self) -> impl DoubleEndedIterator<Item = &Self> + Clone + use<'_> {
        let items: &[Rc<Self>] = match &self.value {
            Value::List(items) => items,
            _ => &[],
        };
        items.iter().map(Rc::as_ref)
    }

    /// An entry of a map, also one that a merge key (`<<`) brings. An empty one counts as absent,
    /// as it does for Kubernetes.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        let own = self.entries().iter().find(|entry| entry.key == key);
        let merged = || {
            self.entries().iter().filter(|e| e.key == "<<").find_map(|e| {
                e.value.entry(key).or_else(|| e.value.items().find_map(|item| item.entry(key)))
            })
        };
        own.or_else(merged).filter(|entry| !entry.value.is_null())
    }

    /// An entry that counts by its key alone, such as `masquerade: {}` or `masquerade:`.
    pub(crate) fn get_key(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| entry.value.as_ref())
    }

    /// The value at the end of a chain of keys.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The items of the list at the end of a chain of keys.
    pub(crate) fn list<'a>(
        &'a self,
        path: &[&str],
    ) -> impl DoubleEndedIterator<Item = &'a Self> + Clone + use<'a> {
        self.at(path).into_iter().flat_map(Self::items)
    }

    /// A scalar's text, of whatever type.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text of the scalar at the end of a chain of keys.
    pub(crate) fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path).and_then(Self::text)
    }

    pub(crate) fn style(&self) -> Option<Style> {
        match self.value {
            Value::Scalar { style, .. } => Some(style),
            _ => None,
        }
    }

    fn plain(&self) -> Option<&str> {
        self.text().filter(|_| self.style() == Some(Style::Plain))
    }

    /// Whether it is written without quotes.
    pub(crate) fn is_bare(&self) -> bool {
        self.plain().is_some()
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.plain(), Some("" | "~" | "null" | "Null" | "NULL"))
    }

    /// Whether it is `true`, in the spellings of YAML 1.1 that Kubernetes and cloud-init accept.
    pub(crate) fn is_true(&self) -> bool {
        let text = self.plain().unwrap_or_default().to_ascii_lowercase();
        matches!(text.as_str(), "true" | "yes" | "on")
    }

    /// A whole number that is written as one.
    pub(crate) fn number(&self) -> Option<i64> {
        self.plain()?.parse().ok()
    }

    /// Whether something else is put in its place, or in a part of it, before it is applied: by
    /// Flux or envsubst (`${NAME}`), by the kubelet (`$(NAME)`), or by a template.
    pub(crate) fn is_filled_in(&self) -> bool {
        let marks = ["${", "$(", "{{"];
        self.text().is_some_and(|text| marks.iter().any(|mark| text.contains(mark)))
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.value, Value::List(_))
    }
}
