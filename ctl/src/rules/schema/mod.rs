//! Objects against the user's own schemas. Of JSON Schema, what the API server's structural schemas
//! are made of: a field that none of them knows is dropped in silence, which a validator of JSON
//! Schema does not tell.

mod known;

use crate::input::Inputs;
use crate::lint::{Found, Rule, Severity};
use crate::yaml::{Node, Style, Value};
use known::Known;

pub(crate) static SC001: Rule = Rule {
    id: "SC001",
    severity: Severity::Error,
    title: "an object that is not what its schema says (with --schemas)",
    cause: "The API server refuses an object with a wrong type, a missing field or a value that is \
            none of those allowed. A field that the schema does not know it drops without a word.",
    evidence: "The apply fails; or it succeeds, and the object in the cluster lacks the field.",
    fix: "write what the schema of the version that you run has: kubectl explain shows it",
    check: against_schema,
};

fn against_schema(inputs: &Inputs, found: &mut Found) {
    let Some(schemas) = inputs.schemas.as_deref() else { return };
    let known = Known::of(schemas);
    for object in &inputs.objects {
        if let Some((schema, root)) = known.schema(object) {
            let check = Check { root, kind: &object.kind };
            check.map(&object.root, schema, "", true, found);
        }
    }
}

/// References that lead to references; schemas have one or two.
const REFERENCES: usize = 8;

struct Check<'a> {
    /// Where references lead.
    root: &'a Node,
    kind: &'a str,
}

impl Check<'_> {
    fn follow<'b>(&'b self, mut schema: &'b Node) -> &'b Node {
        for _ in 0..REFERENCES {
            let Some(reference) = schema.text_at(&["$ref"]) else { break };
            let path: Option<Vec<&str>> =
                reference.strip_prefix("#/").map(|path| path.split('/').collect());
            let Some(target) = path.and_then(|path| self.root.at(&path)) else { break };
            schema = target;
        }
        schema
    }

    fn value(&self, node: &Node, schema: &Node, path: &str, found: &mut Found) {
        let schema = self.follow(schema);
        // What is empty counts as not there.
        if node.is_null() {
            return;
        }
        if let Some(wanted) = wanted(schema)
            && !is_a(node, wanted)
        {
            let what = kind_of(node);
            found
                .add(node.place, format!("{path} is {what}, and {} has {wanted} there", self.kind));
            return;
        }
        let mut allowed = schema.list(&["enum"]).peekable();
        if allowed.peek().is_some() && !allowed.any(|one| one.text() == node.text()) {
            let all: Vec<&str> = schema.list(&["enum"]).filter_map(Node::text).collect();
            found.add(node.place, format!("{path} is none of: {}", all.join(", ")));
        }
        self.limits(node, schema, path, found);
        match &node.value {
            Value::Map(_) => self.map(node, schema, path, false, found),
            Value::List(items) => {
                let Some(inner) = schema.get("items") else { return };
                for (index, item) in items.iter().enumerate() {
                    self.value(item, inner, &format!("{path}[{index}]"), found);
                }
            }
            Value::Scalar { .. } => {}
        }
    }

    fn limits(&self, node: &Node, schema: &Node, path: &str, found: &mut Found) {
        let limit = |key: &str| schema.text_at(&[key]).and_then(|text| text.parse::<f64>().ok());
        let number = node.text().filter(|_| node.style() == Some(Style::Plain));
        let number = number.and_then(|text| text.parse::<f64>().ok());
        if let Some(number) = number
            && (limit("minimum").is_some_and(|least| number < least)
                || limit("maximum").is_some_and(|most| number > most))
        {
            found.add(node.place, format!("{path} is out of what {} allows", self.kind));
        }
        let count = node.items().count();
        let few =
            |least: f64| node.is_list() && format!("{count}").parse().is_ok_and(|n: f64| n < least);
        if limit("minItems").is_some_and(few) {
            found.add(node.place, format!("{path} has too few items"));
        }
    }

    fn map(&self, node: &Node, schema: &Node, path: &str, top: bool, found: &mut Found) {
        let schema = self.follow(schema);
        let below =
            |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        for required in schema.list(&["required"]).filter_map(Node::text) {
            if node.get(required).is_none() && node.get_key(required).is_none() {
                let message = format!("{} is missing", below(required));
                found.add(node.place, message);
            }
        }
        let properties = schema.get("properties");
        let others = schema.get("additionalProperties").map(|others| self.follow(others));
        let open = schema.get("x-kubernetes-preserve-unknown-fields").is_some_and(Node::is_true)
            || schema.get("x-kubernetes-embedded-resource").is_some_and(Node::is_true)
            || others.is_some_and(|others| !others.is_map() && others.is_true())
            // One that names nothing leaves everything open.
            || properties.is_none() && others.is_none();
        for entry in node.entries() {
            let known = properties.and_then(|properties| properties.get_key(&entry.key));
            // What every object has is the API server's own to check.
            let own =
                top && ["apiVersion", "kind", "metadata", "status"].contains(&entry.key.as_str());
            if own || entry.key == "<<" {
                continue;
            }
            if let Some(known) = known {
                self.value(&entry.value, &known.value, &below(&entry.key), found);
            } else if let Some(others) = others.filter(|others| others.is_map()) {
                self.value(&entry.value, others, &below(&entry.key), found);
            } else if !open {
                let path = below(&entry.key);
                let message = format!("{} has no {path}: it will be dropped", self.kind);
                found.add(entry.place, message).at_most(Severity::Warning);
            }
        }
    }
}

/// The type that a schema wants; `None` where it leaves that open.
fn wanted(schema: &Node) -> Option<&str> {
    let either = schema.get("x-kubernetes-int-or-string").is_some_and(Node::is_true)
        || schema.text_at(&["format"]) == Some("int-or-string");
    schema.text_at(&["type"]).filter(|_| !either)
}

fn is_a(node: &Node, wanted: &str) -> bool {
    let found = kind_of(node);
    // A whole number is a number too.
    found == wanted || wanted == "number" && found == "integer"
}

/// The type of a value, as the API server's reader of YAML takes it.
fn kind_of(node: &Node) -> &'static str {
    let text = match &node.value {
        Value::Map(_) => return "object",
        Value::List(_) => return "array",
        Value::Scalar { style: Style::Plain, text } => text.as_str(),
        Value::Scalar { .. } => return "string",
    };
    let truth = ["true", "false", "yes", "no", "on", "off"];
    if truth.contains(&text.to_ascii_lowercase().as_str()) {
        "boolean"
    } else if text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() {
        "integer"
    } else if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.parse::<f64>().is_ok()
    {
        "number"
    } else {
        "string"
    }
}
