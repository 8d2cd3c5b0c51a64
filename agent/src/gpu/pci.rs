//! The GPUs on PCI, as sysfs tells of them. All of it is read from the kernel's memory: no device
//! is touched, so one that is lost cannot hang the reader.

use std::fs;
use std::io;
use std::path::Path;

use crate::config::Vendor;

/// A directory for each PCI device.
pub(super) const DEVICES: &str = "/sys/bus/pci/devices";

/// PCI's base class of display controllers; those without a screen are among them.
const DISPLAY: &str = "0x03";

/// One GPU on PCI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its address, `0000:06:00.0`.
    pub address: String,
    /// The driver that is bound to it.
    pub driver: Option<String>,
}

impl Vendor {
    /// Its number on PCI, as sysfs writes it.
    fn number(self) -> &'static str {
        match self {
            Self::Nvidia => "0x10de",
            Self::Amd => "0x1002",
            Self::Intel => "0x8086",
        }
    }

    /// The number as `lspci -d` takes it.
    pub(super) fn lspci(self) -> &'static str {
        self.number().trim_start_matches("0x")
    }
}

/// The GPUs of `vendor` among the devices below `directory`, by their addresses.
pub(super) fn gpus(directory: &Path, vendor: Vendor) -> Result<Vec<Device>, String> {
    let failed = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        // A kernel without PCI, or a guest without any device.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(directory, error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failed(directory, error))?.path();
        // One that is taken out meanwhile is not there.
        let Ok(maker) = fs::read_to_string(path.join("vendor")) else { continue };
        let Ok(class) = fs::read_to_string(path.join("class")) else { continue };
        if maker.trim() != vendor.number() || !class.starts_with(DISPLAY) {
            continue;
        }
        let driver = fs::read_link(path.join("driver")).ok();
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        found.push(Device {
            address: name(&path).unwrap_or_default(),
            driver: driver.as_deref().and_then(name),
        });
    }
    found.sort_unstable_by(|a, b| a.address.cmp(&b.address));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn gpus_are_told_from_the_rest_by_vendor_and_class() {
        let root = tempfile::tempdir().unwrap();
        let add = |address: &str, vendor: &str, class: &str, driver: Option<&str>| {
            let path = root.path().join(address);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("vendor"), format!("{vendor}\n")).unwrap();
            fs::write(path.join("class"), format!("{class}\n")).unwrap();
            if let Some(driver) = driver {
                symlink(format!("../../../bus/pci/drivers/{driver}"), path.join("driver")).unwrap();
            }
        };
        add("0000:07:00.0", "0x10de", "0x030200", Some("nvidia"));
        add("0000:06:00.0", "0x10de", "0x030000", None);
        // Its sound.
        add("0000:06:00.1", "0x10de", "0x040300", Some("snd_hda_intel"));
        add("0000:00:02.0", "0x8086", "0x038000", Some("xe"));
        add("0000:01:00.0", "0x1af4", "0x020000", Some("virtio-pci"));
        let of = |vendor| -> Vec<(String, Option<String>)> {
            let found = gpus(root.path(), vendor).unwrap();
            found.into_iter().map(|device| (device.address, device.driver)).collect()
        };
        let seen = |address: &str, driver: Option<&str>| (address.into(), driver.map(Into::into));
        let expected = [seen("0000:06:00.0", None), seen("0000:07:00.0", Some("nvidia"))];
        assert_eq!(of(Vendor::Nvidia), expected);
        assert_eq!(of(Vendor::Intel), [seen("0000:00:02.0", Some("xe"))]);
        assert_eq!(of(Vendor::Amd), []);
        assert_eq!(gpus(&root.path().join("none"), Vendor::Amd), Ok(Vec::new()));
    }
}
