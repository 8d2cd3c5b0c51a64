//! Model names, as the server compares them: without regard to case, `:latest` if no tag is
//! given, and without the default registry and namespace.

/// Where a model is pulled from whose name does not say.
const REGISTRY: &str = "registry.ollama.ai";

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

/// Where the manifest of a model of that name lies below `manifests`: registry, namespace, model
/// and tag, in small letters. `None`: it is no name.
pub(crate) fn path(name: &str) -> Option<[String; 4]> {
    let canonical = canonical(name);
    let (path, tag) = canonical.rsplit_once(':')?;
    let mut parts = path.rsplit('/');
    let model = parts.next()?;
    let (namespace, host) = (parts.next(), parts.next());
    parts.next().is_none().then(|| {
        [host.unwrap_or(REGISTRY), namespace.unwrap_or("library"), model, tag].map(str::to_owned)
    })
}

/// The host that a model of that name is pulled from: the first of three parts, without its port.
pub(crate) fn registry_host(name: &str) -> &str {
    let mut parts = name.splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(host), Some(_), Some(_)) => host.split_once(':').map_or(host, |(host, _)| host),
        _ => REGISTRY,
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
    fn a_manifest_s_place_follows_from_the_name() {
        let place = |name| path(name).map(|parts| parts.join("/"));
        let own = "registry.ollama.ai/library/foo/1";
        for name in ["foo:1", "library/Foo:1", "registry.ollama.ai/library/foo:1"] {
            assert_eq!(place(name).as_deref(), Some(own), "{name}");
        }
        assert_eq!(place("team/foo").as_deref(), Some("registry.ollama.ai/team/foo/latest"));
        let other = "models.example:5000/team/foo/1";
        assert_eq!(place("models.example:5000/team/foo:1").as_deref(), Some(other));
        assert_eq!(place("a/b/c/d:1"), None);
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
