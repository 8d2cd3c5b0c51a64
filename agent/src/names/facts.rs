//! Asks the resolver, and systemd for the server's proxy.

use zbus::OwnedObjectPath;

use super::resolver::{Answer, Resolver};
use crate::bus::{Bus, BusError, Object, SYSTEMD};

/// What was seen of the registry's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The name.
    pub host: String,
    /// What the resolver says of it.
    pub answer: Answer,
    /// Why the server may go through a proxy, if so.
    pub proxy: Option<String>,
}

/// Asks for the address of `host`, and how the server's unit `unit` would reach it.
pub async fn look(host: String, unit: &str, resolver: &Resolver, bus: &Bus) -> Facts {
    let (answer, proxy) = tokio::join!(resolver.resolve(&host), proxy(bus, unit));
    Facts { host, answer, proxy }
}

/// Where systemd cannot be asked, nothing is known of a proxy: there is rarely one.
async fn proxy(bus: &Bus, unit: &str) -> Option<String> {
    let environment = async {
        let path: OwnedObjectPath = bus.call(SYSTEMD, "LoadUnit", &(unit,)).await?;
        let interface = "org.freedesktop.systemd1.Service";
        let service = Object { path: path.as_str(), interface, ..SYSTEMD };
        let variables: Vec<String> = bus.property(service, "Environment").await?;
        let files: Vec<(String, bool)> = bus.property(service, "EnvironmentFiles").await?;
        Ok::<_, BusError>((variables, files))
    };
    let (variables, files) = environment.await.ok()?;
    judge(&variables, &files, unit)
}

/// By the variables that Go's HTTP client goes by for HTTPS.
fn judge(variables: &[String], files: &[(String, bool)], unit: &str) -> Option<String> {
    let names = variables.iter().filter_map(|variable| variable.split_once('='));
    let proxy = names
        .filter(|(name, value)| name.eq_ignore_ascii_case("https_proxy") && !value.is_empty())
        .map(|(name, _)| format!("{unit} sets {name}"))
        .next_back();
    let hidden = || files.first().map(|(file, _)| format!("{file} may set a proxy for {unit}"));
    proxy.or_else(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_one_for_https_or_one_that_cannot_be_ruled_out() {
        let of = |variables: &[&str], files: &[&str]| {
            let variables: Vec<String> = variables.iter().map(ToString::to_string).collect();
            let files: Vec<_> = files.iter().map(|file| ((*file).to_owned(), true)).collect();
            judge(&variables, &files, "x.service").is_some()
        };
        assert!(!of(&["PATH=/bin", "HTTP_PROXY=http://p", "HTTPS_PROXY="], &[]));
        assert!(of(&["https_proxy=http://p:3128"], &[]));
        assert!(of(&["HTTPS_PROXY=http://p:3128"], &[]));
        assert!(of(&[], &["/etc/default/ollama"]));
    }
}
