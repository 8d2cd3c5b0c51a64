//! The token that a registry may ask for. Only registries that refuse it are imitated.

use bytes::Bytes;
use hyper::header::WWW_AUTHENTICATE;
use hyper::http::uri::Authority;
use hyper::{Method, Response, Uri};

use super::{PullError, agent};
use crate::client;

/// Asks for a token where `host` says, in a 401, that there is one. Its refusal is the pull's. No
/// other host is asked: it would learn who the server is.
pub(super) async fn ask<B>(host: &str, refusal: &Response<B>) -> Result<(), PullError> {
    let challenge = refusal.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    let challenge = challenge.unwrap_or_default();
    let (realm, service, scope) =
        (value(challenge, "realm"), value(challenge, "service"), value(challenge, "scope"));
    let uri: Uri =
        format!("{realm}?scope={scope}&service={service}").parse().map_err(PullError::new)?;
    let named = uri.authority().map_or("", Authority::as_str);
    if named != host {
        let words = format!("realm host {named:?} does not match original host {host:?}");
        return Err(PullError(words));
    }
    let answer =
        client::send(Method::GET, &uri, &[agent()], Bytes::new()).await.map_err(PullError::new)?;
    // Here, unlike elsewhere, 404 is a status like any other.
    let status = answer.status();
    if status.as_u16() >= 400 {
        let body = client::text(answer).await;
        let body = String::from_utf8_lossy(&body);
        return Err(PullError(format!("{}: {body}", status.as_u16())));
    }
    Ok(())
}

/// The value of `key="value"` in a challenge.
fn value<'a>(challenge: &'a str, key: &str) -> &'a str {
    let after = challenge.split_once(&format!("{key}=\"")).map_or("", |(_, after)| after);
    after.split_once('"').map_or("", |(value, _)| value)
}

#[cfg(test)]
mod tests {
    use hyper::Response;
    use hyper::header::WWW_AUTHENTICATE;

    use super::{ask, value};

    #[tokio::test]
    async fn another_host_is_not_asked_for_a_token() {
        let way = r#"Bearer realm="https://other/token",service="x",scope="y""#;
        let refusal = Response::builder().header(WWW_AUTHENTICATE, way).body(()).unwrap();
        let error = ask("registry.example:5000", &refusal).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"realm host "other" does not match original host "registry.example:5000""#
        );
    }

    #[test]
    fn values_are_found_by_their_key() {
        let challenge = r#"Bearer realm="https://h/token",service="x",scope="y""#;
        let found = ["realm", "service", "scope", "none"].map(|key| value(challenge, key));
        assert_eq!(found, ["https://h/token", "x", "y", ""]);
    }
}
