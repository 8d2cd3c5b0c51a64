//! Asks the resolver, and systemd for the server's proxy: by the environment that it gives to the
//! server, whoever put it there.

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

impl Facts {
    /// No name is asked for: the model comes from files.
    #[must_use]
    pub fn unneeded() -> Self {
        Self { host: String::new(), answer: Answer::Unneeded, proxy: None }
    }
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
        Ok::<_, BusError>(Environment {
            everybody: bus.property(SYSTEMD, "Environment").await?,
            passed: bus.property(service, "PassEnvironment").await?,
            set: bus.property(service, "Environment").await?,
            files: bus.property(service, "EnvironmentFiles").await?,
            unset: bus.property(service, "UnsetEnvironment").await?,
        })
    };
    environment.await.ok()?.proxy(unit)
}

/// What the server's environment is made of: what comes later wins.
#[derive(Debug, Default)]
struct Environment {
    /// Given to every service: `DefaultEnvironment=`, and what `systemctl set-environment` added.
    everybody: Vec<String>,
    /// `PassEnvironment=`: names of variables of systemd's own, whose values nobody is told.
    passed: Vec<String>,
    /// `Environment=`.
    set: Vec<String>,
    /// `EnvironmentFile=`, and whether the file may be missing.
    files: Vec<(String, bool)>,
    /// `UnsetEnvironment=`: taken away from all that, a name or `NAME=value`.
    unset: Vec<String>,
}

/// The variables that Go's HTTP client goes by for HTTPS.
const VARIABLES: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];

impl Environment {
    /// Why the server goes through a proxy, or may do so.
    fn proxy(&self, unit: &str) -> Option<String> {
        let one_of = VARIABLES.into_iter().find_map(|name| self.sets(name, unit));
        let hidden = || {
            let (file, _) = self.files.first()?;
            Some(format!("{file} may set a proxy for {unit}"))
        };
        one_of.or_else(hidden)
    }

    /// How it comes that the server has that variable, and not empty.
    fn sets(&self, name: &str, unit: &str) -> Option<String> {
        let last = |of: &[String]| {
            let mut values =
                of.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            values.next_back().map(str::to_owned)
        };
        let passed = self.passed.iter().any(|passed| passed == name);
        // A value that is passed on is not known.
        let (value, why) = match (last(&self.set), last(&self.everybody)) {
            (Some(value), _) => (Some(value), format!("{unit} sets {name}")),
            (None, _) if passed => (None, format!("systemd may pass {name} on to {unit}")),
            (None, Some(value)) => (Some(value), format!("systemd sets {name} for every service")),
            (None, None) => return None,
        };
        let value = value.as_deref();
        let taken = |line: &String| match line.strip_prefix(name) {
            Some("") => true,
            Some(rest) => value.is_some() && rest.strip_prefix('=') == value,
            None => false,
        };
        (value != Some("") && !self.unset.iter().any(taken)).then_some(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    fn why(environment: &Environment) -> Option<String> {
        environment.proxy("x.service")
    }

    #[test]
    fn a_proxy_is_one_for_https_or_one_that_cannot_be_ruled_out() {
        let of = |set: &[&str], files: &[&str]| {
            let files = texts(files).into_iter().map(|file| (file, true)).collect();
            why(&Environment { set: texts(set), files, ..Environment::default() }).is_some()
        };
        assert!(!of(&["PATH=/bin", "HTTP_PROXY=http://p", "HTTPS_PROXY="], &[]));
        assert!(of(&["https_proxy=http://p:3128"], &[]));
        assert!(of(&["HTTPS_PROXY=http://p:3128"], &[]));
        assert!(of(&[], &["/etc/default/ollama"]));
    }

    #[test]
    fn what_every_service_is_given_counts_unless_the_unit_says_otherwise() {
        const PROXY: &str = "HTTPS_PROXY=http://p:3128";
        let of = |set: &[&str], unset: &[&str]| {
            let everybody = texts(&["LANG=C.UTF-8", PROXY]);
            let (set, unset) = (texts(set), texts(unset));
            why(&Environment { everybody, set, unset, ..Environment::default() })
        };
        assert_eq!(of(&[], &[]).unwrap(), "systemd sets HTTPS_PROXY for every service");
        assert_eq!(of(&["HTTPS_PROXY="], &[]), None);
        assert_eq!(of(&[], &["HTTPS_PROXY"]), None);
        assert_eq!(of(&[], &[PROXY]), None);
        assert!(of(&[], &["HTTPS_PROXY=http://other"]).is_some());
        assert_eq!(
            of(&["https_proxy=http://q"], &["HTTPS_PROXY"]).unwrap(),
            "x.service sets https_proxy"
        );
    }

    #[test]
    fn a_variable_that_is_passed_on_may_be_a_proxy() {
        let passed = texts(&["https_proxy"]);
        let handed_on = Environment { passed, ..Environment::default() };
        assert!(why(&handed_on).unwrap().contains("may pass https_proxy on"));
        let own = Environment { set: texts(&["https_proxy="]), ..handed_on };
        assert_eq!(why(&own), None);
    }
}
