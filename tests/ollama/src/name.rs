//! Model names: `host/namespace/model:tag`, most of which may be left out.

use std::fmt;
use std::path::PathBuf;

const HOST: &str = "registry.ollama.ai";
const NAMESPACE: &str = "library";
const TAG: &str = "latest";

/// A complete, valid model name. `Display` prints the shortest form, as listings do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) host: String,
    pub(crate) namespace: String,
    pub(crate) model: String,
    pub(crate) tag: String,
}

impl Name {
    /// Fills in the defaults; `None` for a name that Ollama calls invalid.
    /// A scheme in front is dropped, as Ollama drops it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        let (path, tag) = match text.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, tag),
            _ => (text, TAG),
        };
        let parts: Vec<&str> = path.split('/').collect();
        let (host, namespace, model) = match parts[..] {
            [model] => (HOST, NAMESPACE, model),
            [namespace, model] => (HOST, namespace, model),
            [host, namespace, model] => (host, namespace, model),
            _ => return None,
        };
        let valid = is_part(host, 350, ".:-_")
            && is_part(namespace, 80, "-_")
            && is_part(model, 80, ".-_")
            && is_part(tag, 80, ".-_");
        valid.then(|| Self {
            host: host.to_owned(),
            namespace: namespace.to_owned(),
            model: model.to_owned(),
            tag: tag.to_owned(),
        })
    }

    /// Where its manifest lies, below `manifests/`.
    pub(crate) fn path(&self) -> PathBuf {
        [&self.host, &self.namespace, &self.model, &self.tag].iter().collect()
    }

    /// Whether two names are the same model: letter case does not count.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
            && self.namespace.eq_ignore_ascii_case(&other.namespace)
            && self.model.eq_ignore_ascii_case(&other.model)
            && self.tag.eq_ignore_ascii_case(&other.tag)
    }
}

fn is_part(part: &str, longest: usize, others: &str) -> bool {
    part.len() <= longest
        && part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && part.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host != HOST {
            write!(f, "{}/{}/", self.host, self.namespace)?;
        } else if self.namespace != NAMESPACE {
            write!(f, "{}/", self.namespace)?;
        }
        write!(f, "{}:{}", self.model, self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_filled_in_and_left_out() {
        for (text, shown) in [
            ("qwen3-embedding", "qwen3-embedding:latest"),
            ("registry.ollama.ai/library/qwen3-embedding:0.6b", "qwen3-embedding:0.6b"),
            ("library/qualified:0.6b", "qualified:0.6b"),
            ("http://127.0.0.1:5099/library/foo", "127.0.0.1:5099/library/foo:latest"),
        ] {
            assert_eq!(Name::parse(text).unwrap().to_string(), shown);
        }
        for text in ["", "bad name!", "a/b/c/d", "../x", ".hidden", "a:"] {
            assert_eq!(Name::parse(text), None, "{text:?}");
        }
    }
}
