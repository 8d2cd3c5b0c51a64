//! From text to nodes, within bounds.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span};

use super::{Entry, Node, Style, Value};
use crate::source::Place;

/// Deeper than any schema of Kubernetes or cloud-init reaches.
const DEPTH_LIMIT: usize = 100;
/// Values in a text, with every alias counted in full. Sixteen megabytes of manifests hold less.
const WEIGHT_LIMIT: usize = 1_000_000;

/// Why a text could not be read, and where in that text.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct YamlError {
    pub(crate) message: String,
    /// In bytes of the text that was parsed.
    pub(crate) offset: usize,
}

/// Reads all documents of a text. `locate` says where a range of its bytes stands in a file.
pub(crate) fn parse(
    text: &str,
    locate: &dyn Fn(usize, usize) -> Place,
) -> Result<Vec<Rc<Node>>, YamlError> {
    let mut reader =
        Reader { locate, open: Vec::new(), anchors: HashMap::new(), done: Vec::new(), weight: 0 };
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|error| scan_error(&error))?;
        reader.take(event, span)?;
    }
    Ok(reader.done)
}

fn scan_error(error: &ScanError) -> YamlError {
    let offset = error.marker().byte_offset().unwrap_or_default();
    let message = match error.kind() {
        ErrorKind::RecursionLimitExceeded => format!("nested more than {DEPTH_LIMIT} levels deep"),
        _ => format!("not YAML: {}", error.info()),
    };
    YamlError { message, offset }
}

/// A map or list that has not ended.
struct Open {
    start: (usize, usize),
    anchor: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Rc<Node>>),
    Map { entries: Vec<Entry>, keys: HashSet<String>, key: Option<(String, Place)> },
}

struct Reader<'a> {
    locate: &'a dyn Fn(usize, usize) -> Place,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    done: Vec<Rc<Node>>,
    /// Values so far, over all documents.
    weight: usize,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        let range = span.byte_range().unwrap_or_default();
        let range = (range.start, range.end);
        match event {
            Event::DocumentStart(..) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, _) => {
                self.weigh(1, range.0)?;
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::SingleQuoted,
                    ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
                    _ => Style::Block,
                };
                let value = Value::Scalar { text: text.into_owned(), style };
                let node = Node { place: (self.locate)(range.0, range.1), value, weight: 1 };
                self.close(Rc::new(node), anchor, range)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.enter(Kind::List(Vec::new()), anchor, range)?;
            }
            Event::MappingStart(_, anchor, _) => {
                let kind = Kind::Map { entries: Vec::new(), keys: HashSet::new(), key: None };
                self.enter(kind, anchor, range)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let node = self.finish(open.kind, open.start);
                    self.close(Rc::new(node), open.anchor, open.start)?;
                }
            }
            Event::Alias(anchor) => {
                // Unknown ones are refused by the parser: this one is still open.
                let node = self.anchors.get(&anchor).cloned().ok_or_else(|| YamlError {
                    message: "an alias inside the value that it stands for".to_owned(),
                    offset: range.0,
                })?;
                self.weigh(node.weight, range.0)?;
                self.close(node, 0, range)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self, kind: Kind, anchor: usize, start: (usize, usize)) -> Result<(), YamlError> {
        if self.open.len() == DEPTH_LIMIT {
            let message = format!("nested more than {DEPTH_LIMIT} levels deep");
            return Err(YamlError { message, offset: start.0 });
        }
        self.weigh(1, start.0)?;
        self.open.push(Open { start, anchor, kind });
        Ok(())
    }

    fn finish(&self, kind: Kind, start: (usize, usize)) -> Node {
        let (place, weight, value) = match kind {
            Kind::List(items) => {
                let weight = items.iter().map(|item| item.weight).sum::<usize>();
                (items.first().map(|item| item.place), weight, Value::List(items))
            }
            Kind::Map { entries, .. } => {
                let weight = entries.iter().map(|entry| entry.value.weight).sum::<usize>();
                (entries.first().map(|entry| entry.place), weight, Value::Map(entries))
            }
        };
        let place = place.unwrap_or_else(|| (self.locate)(start.0, start.1));
        Node { place, value, weight: weight + 1 }
    }

    /// Counts values before they are kept.
    fn weigh(&mut self, more: usize, offset: usize) -> Result<(), YamlError> {
        self.weight += more;
        if self.weight <= WEIGHT_LIMIT {
            return Ok(());
        }
        let message = format!("more than {WEIGHT_LIMIT} values, with aliases followed");
        Err(YamlError { message, offset })
    }

    /// Puts a finished value where it belongs.
    fn close(
        &mut self,
        node: Rc<Node>,
        anchor: usize,
        range: (usize, usize),
    ) -> Result<(), YamlError> {
        let error = |message| YamlError { message, offset: range.0 };
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        let Some(open) = self.open.last_mut() else {
            self.done.push(node);
            return Ok(());
        };
        match &mut open.kind {
            Kind::List(items) => items.push(node),
            Kind::Map { entries, keys, key } => {
                if let Some((key, place)) = key.take() {
                    entries.push(Entry { key, place, value: node });
                    return Ok(());
                }
                let Value::Scalar { text, .. } = &node.value else {
                    return Err(error("a key that is no text".to_owned()));
                };
                if text != "<<" && !keys.insert(text.clone()) {
                    return Err(error(format!("the key {text:?} stands here twice")));
                }
                *key = Some((text.clone(), node.place));
            }
        }
        Ok(())
    }
}
