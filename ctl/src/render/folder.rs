//! The files as they lie in their folder.

use std::io;
use std::path::Path;

use crate::file;

/// The longest file that is read, in bytes: KubeVirt takes far less.
const LIMIT: u64 = 16 << 20;

/// What a guest is told.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) user_data: Vec<u8>,
    pub(super) network_config: Vec<u8>,
    pub(super) meta_data: Option<String>,
    pub(super) vendor_data: Option<Vec<u8>>,
}

impl Folder {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let file = |name: &str| read(&path.join(name));
        let user_data = file("user-data")?
            .ok_or_else(|| format!("{}: there is no user-data", path.display()))?;
        let network_config = file("network-config")?.ok_or_else(|| {
            format!(
                "{}: there is no network-config: the guest would make its own, bound to the MAC \
                 address of its first boot",
                path.display()
            )
        })?;
        let meta_data = file("meta-data")?.map(String::from_utf8).transpose();
        let meta_data =
            meta_data.map_err(|_| format!("{}: meta-data is no UTF-8", path.display()))?;
        Ok(Self { user_data, network_config, meta_data, vendor_data: file("vendor-data")? })
    }
}

/// `None` where there is no such file.
fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let content = file::open(path).and_then(|file| file::read(file, LIMIT));
    content.map(Some).map_err(|error| format!("{}: {error}", path.display()))
}
