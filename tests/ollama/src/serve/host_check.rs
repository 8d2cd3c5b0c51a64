//! A server on loopback answers only to local names, against DNS rebinding.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub(super) async fn check(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if host.is_none_or(is_local) {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}

fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']).to_ascii_lowercase();
    if let Ok(address) = name.parse::<IpAddr>() {
        return is_near(address);
    }
    let own = nix::unistd::gethostname().unwrap_or_default();
    let ends = ["localhost", "local", "internal"];
    name.is_empty()
        || name == "localhost"
        || own.to_string_lossy().eq_ignore_ascii_case(&name)
        || name.rsplit_once('.').is_some_and(|(_, end)| ends.contains(&end))
}

fn is_near(address: IpAddr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || match address {
            IpAddr::V4(address) => address.is_private(),
            IpAddr::V6(address) => address.is_unique_local(),
        }
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn names_that_a_loopback_server_answers_to() {
        for host in
            ["127.0.0.1:11434", "localhost", "gateway.internal:11434", "[::1]:80", "10.0.2.2"]
        {
            assert!(is_local(host), "{host}");
        }
        for host in ["evil.example.com", "internal", "192.0.2.1"] {
            assert!(!is_local(host), "{host}");
        }
    }
}
