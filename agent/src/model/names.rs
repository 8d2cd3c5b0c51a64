//! Model names, as the server compares them: without regard to case, `:latest` if no tag is
//! given, and without the default registry and namespace.

use std::net::SocketAddr;

/// Where a model is pulled from whose name does not say.
const REGISTRY: &str = "registry.ollama.ai";

/// Whose name stands in what the agent offers files as.
const OFFERED: &str = "saigak-agent";

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

/// What files of `model` are offered as by a registry at `address`, for as long as a pull takes.
/// `None`: it is no name.
pub(super) fn offered(model: &str, address: SocketAddr) -> Option<String> {
    let [_, _, name, tag] = path(model)?;
    Some(format!("{address}/{OFFERED}/{name}:{tag}"))
}

/// Whether `name` is one that files of `model` were offered as, by this agent or one before it.
pub(super) fn is_offered(name: &str, model: &str) -> bool {
    let address = path(name).and_then(|[host, ..]| host.parse::<SocketAddr>().ok());
    let own = address.filter(|address| address.ip().is_loopback());
    own.and_then(|own| offered(model, own)).is_some_and(|offered| same(&offered, name))
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
    fn what_was_offered_is_known_again_and_nothing_else_is_taken_for_it() {
        let address = SocketAddr::from(([127, 0, 0, 1], 40123));
        let name = offered("team/Foo:1", address).unwrap();
        assert_eq!(name, "127.0.0.1:40123/saigak-agent/foo:1");
        assert!(is_offered(&name, "foo:1") && is_offered(&name.to_uppercase(), "foo:1"));
        assert!(!is_offered(&name, "foo:2") && !is_offered(&name, "bar:1"));
        for other in [
            "foo:1",
            "saigak-agent/foo:1",
            "127.0.0.1:40123/library/foo:1",
            "127.0.0.1/saigak-agent/foo:1",
            "10.0.0.2:40123/saigak-agent/foo:1",
            "mirror.example:443/saigak-agent/foo:1",
        ] {
            assert!(!is_offered(other, "foo:1"), "{other}");
        }
        assert_eq!(offered("a/b/c/d:1", address), None);
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
