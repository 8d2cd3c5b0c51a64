//! Whom to ask.

use url::Url;

use crate::client;

/// Of the agent's probes.
const PORT: u16 = 7244;

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// As it was given.
    pub(super) name: String,
    /// Its readiness, with every condition.
    pub(super) url: Url,
}

impl Target {
    /// Reads what a person types.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let whole = text.contains("://");
        let url = if whole { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&url).map_err(|error| error.to_string())?;
        if let Some(flaw) = client::flaw(&url) {
            return Err(flaw.to_owned());
        }
        // A URL leaves out its scheme's own port.
        if !whole && url.port().is_none() && !text.ends_with(":80") {
            // Fails without a host alone, which it has.
            let _ = url.set_port(Some(PORT));
        }
        if matches!(url.path(), "" | "/") {
            url.set_path("/readyz");
        }
        url.set_query(Some("verbose"));
        Ok(Self { name: text.to_owned(), url })
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn what_is_left_out_is_the_agents_own() {
        for (text, expected) in [
            ("gpu-1", "http://gpu-1:7244/readyz?verbose"),
            ("10.0.2.2:80", "http://10.0.2.2/readyz?verbose"),
            ("[fd00::2]", "http://[fd00::2]:7244/readyz?verbose"),
            ("http://gpu-1", "http://gpu-1/readyz?verbose"),
            ("https://gate/vm/1/readyz", "https://gate/vm/1/readyz?verbose"),
        ] {
            assert_eq!(Target::parse(text).unwrap().url.as_str(), expected, "{text}");
        }
        for text in ["", "ftp://a", "a b", "me@a"] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }
}
