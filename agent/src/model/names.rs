//! Model names, as the server compares them: without regard to case, `:latest` if no tag is
//! given, and without the default registry and namespace.

/// `name` in the form that two spellings of one model share.
pub(super) fn canonical(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let name = lower.strip_prefix("registry.ollama.ai/").unwrap_or(&lower);
    let name = name.strip_prefix("library/").unwrap_or(name);
    let tagged = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
    if tagged { name.to_owned() } else { format!("{name}:latest") }
}

/// Whether two names mean the same model.
pub(crate) fn same(one: &str, other: &str) -> bool {
    canonical(one) == canonical(other)
}

/// The host that a model of that name is pulled from: the first of three parts, without its port.
pub(crate) fn registry_host(name: &str) -> &str {
    let mut parts = name.splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(host), Some(_), Some(_)) => host.split_once(':').map_or(host, |(host, _)| host),
        _ => "registry.ollama.ai",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_part_of_the_name_or_the_default() {
        assert_eq!(registry_host("foo:1"), "registry.ollama.ai");
        assert_eq!(registry_host("library/foo:1"), "registry.ollama.ai");
        assert_eq!(registry_host("models.example:5000/team/foo:1"), "models.example");
        assert_eq!(registry_host("hf.co/team/foo"), "hf.co");
    }

    #[test]
    fn spellings_of_one_model_are_the_same() {
        assert!(same("Qwen3-Embedding:0.6b", "qwen3-embedding:0.6B"));
        assert!(same("foo", "foo:latest"));
        assert!(same("registry.ollama.ai/library/foo:1", "foo:1"));
        assert!(same("library/foo", "Foo:Latest"));
        assert!(!same("foo:1", "foo:2"));
        assert!(!same("10.0.0.1:5000/library/foo", "foo"));
        assert_eq!(canonical("10.0.0.1:5000/library/foo"), "10.0.0.1:5000/library/foo:latest");
    }
}
