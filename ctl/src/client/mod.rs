//! Questions over HTTP, and at which layer they failed.
//!
//! Each question takes the whole way anew: name, connection, TLS, request. A kept connection would
//! hide a server that takes no new ones. No proxy is used and no redirect followed: either would be
//! another way than the one that is asked about.

mod connect;
mod exchange;
mod failure;
mod trust;

use url::Url;

pub(crate) use connect::{connect, resolve};
pub(crate) use exchange::{ask, printable};
pub(crate) use failure::{Failure, Layer};
pub(crate) use trust::Trust;

/// Why this URL cannot be asked, if it cannot.
pub(crate) fn flaw(url: &Url) -> Option<&'static str> {
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Some("only http://HOST:PORT and https://HOST:PORT can be asked");
    }
    let named = !url.username().is_empty() || url.password().is_some();
    named.then_some("users and passwords in URLs are not sent")
}

/// The path below the URL.
pub(crate) fn below(url: &Url, path: &str) -> Url {
    let mut below = url.clone();
    below.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
    below.set_query(None);
    below.set_fragment(None);
    below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_put_below_what_was_given() {
        for (url, expected) in [
            ("http://a:1", "http://a:1/api/tags"),
            ("http://a:1/", "http://a:1/api/tags"),
            ("https://a/ollama/?x=1#y", "https://a/ollama/api/tags"),
        ] {
            assert_eq!(below(&Url::parse(url).unwrap(), "/api/tags").as_str(), expected);
        }
    }

    #[test]
    fn urls_that_are_no_way_to_a_server_are_refused() {
        for url in ["ftp://a", "unix:/run/a", "http://me@a", "http://me:secret@a"] {
            assert!(flaw(&Url::parse(url).unwrap()).is_some(), "{url}");
        }
        assert!(flaw(&Url::parse("https://a:1/x").unwrap()).is_none());
    }
}
