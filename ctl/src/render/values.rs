//! What one guest has of its own: a TOML file.

use std::path::Path;

use serde::Deserialize;

use crate::file;

/// All of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Values {
    /// cloud-init's name for this installation: another one, and all of the first boot runs again.
    pub(super) instance_id: Option<String>,
    pub(super) local_hostname: Option<String>,
    /// Lines of `authorized_keys`, for the image's default user.
    pub(super) public_keys: Option<Vec<String>>,
    pub(super) secrets: Secrets,
}

/// What the secrets are called. The VM refers to them by name.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Secrets {
    pub(super) namespace: Option<String>,
    pub(super) user_data: String,
    pub(super) network_config: String,
}

impl Default for Secrets {
    fn default() -> Self {
        Self {
            namespace: None,
            user_data: "saigak-user-data".to_owned(),
            network_config: "saigak-network-config".to_owned(),
        }
    }
}

impl Values {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = file::text(path).map_err(|error| fail(&error))?;
        let values: Self = toml::from_str(&text).map_err(|error| fail(&error))?;
        let secrets = &values.secrets;
        let names = [&secrets.user_data, &secrets.network_config];
        for name in names.into_iter().chain(&secrets.namespace) {
            if !is_name(name) {
                return Err(fail(&format!("{name:?} is no name that Kubernetes takes")));
            }
        }
        Ok(values)
    }

    /// What was given, and is for the image alone.
    pub(super) fn unused_by_secrets(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("instance-id", self.instance_id.is_some()),
            ("local-hostname", self.local_hostname.is_some()),
            ("public-keys", self.public_keys.is_some()),
        ];
        given.into_iter().filter_map(|(name, given)| given.then_some(name))
    }
}

/// A DNS subdomain name, as RFC 1123 has it.
fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |part: &str| {
        part.starts_with(letter)
            && part.ends_with(letter)
            && part.chars().all(|c| letter(c) || c == '-')
    };
    name.len() <= 253 && name.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_are_what_kubernetes_takes() {
        for name in ["a", "saigak-user-data", "a.b-c.d1"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "A", "a_b", "-a", "a-", "a..b", "a: b", "a\nb", "é"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
