//! The secrets that a VM's `cloudInitNoCloud` refers to.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::folder::Folder;
use super::values::Values;

/// What Kubernetes lets an object hold, in bytes; its own words come on top.
const LIMIT: usize = 1 << 20;

/// Both, as YAML. Names were checked, and quoted they are no numbers.
pub(super) fn yaml(folder: &Folder, values: &Values) -> Result<String, String> {
    let names = &values.secrets;
    let parts = [
        (&names.user_data, "userdata", &folder.user_data),
        (&names.network_config, "networkdata", &folder.network_config),
    ];
    let mut text = String::new();
    for (name, key, content) in parts {
        let data = BASE64_STANDARD.encode(content);
        if data.len() > LIMIT {
            return Err(format!("{name}: {} bytes are too many for a Secret", content.len()));
        }
        let _ = write!(text, "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: \"{name}\"\n");
        if let Some(namespace) = &names.namespace {
            let _ = writeln!(text, "  namespace: \"{namespace}\"");
        }
        let _ = write!(text, "type: Opaque\ndata:\n  {key}: {data}\n");
    }
    Ok(text)
}
