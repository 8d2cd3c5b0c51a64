//! `saigakctl render`: a folder of cloud-init's files as what a guest is given: a NoCloud disk, or
//! the two secrets of a KubeVirt VM. The same files give the same bytes.

mod folder;
mod meta_data;
mod options;
mod secrets;
mod values;

use std::path::Path;
use std::process::ExitCode;

use crate::iso::write::{self, File};
use crate::lint;
use crate::report::{complain, say};
use folder::Folder;
pub(crate) use options::Options;
use values::Values;

/// The name of the disk, by which cloud-init knows it.
const VOLUME: &str = "cidata";
/// It cannot be rendered.
const REFUSED: u8 = 1;

/// Renders what the options say.
pub(crate) fn render(options: &Options) -> ExitCode {
    match try_render(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            complain(&message);
            ExitCode::from(REFUSED)
        }
    }
}

fn try_render(options: &Options) -> Result<(), String> {
    let values = options.values.as_deref().map(Values::read).transpose()?.unwrap_or_default();
    let folder = Folder::read(&options.folder)?;
    if lint::has_errors(&options.folder) {
        return Err(format!("{}: nothing is rendered with these errors", options.folder.display()));
    }
    if let Some(path) = &options.iso {
        let meta_data = meta_data::make(&folder, &values)?;
        return replace(path, &image(&folder, &meta_data)?);
    }
    for name in values.unused_by_secrets() {
        complain(&format!("{name} is no part of the secrets: KubeVirt gives its own"));
    }
    say(&secrets::yaml(&folder, &values)?);
    Ok(())
}

fn image(folder: &Folder, meta_data: &str) -> Result<Vec<u8>, String> {
    let mut files = vec![
        File { name: "meta-data", content: meta_data.as_bytes() },
        File { name: "network-config", content: &folder.network_config },
        File { name: "user-data", content: &folder.user_data },
    ];
    if let Some(content) = &folder.vendor_data {
        files.push(File { name: "vendor-data", content });
    }
    write::write(VOLUME, &files).ok_or_else(|| "a file is too long for an image".to_owned())
}

/// Writes beside it first: who reads it meanwhile finds the old one or the new one.
fn replace(path: &Path, content: &[u8]) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    std::fs::write(&partial, content).map_err(fail)?;
    std::fs::rename(&partial, path).map_err(fail)
}
