//! What NVML tells of each GPU, under the names that NVIDIA's own exporter has for it.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::gpu::probe::Gpu;
use crate::gpu::{Driver, Seen};

type Value = fn(&Gpu) -> Option<f64>;

/// Bytes as NVIDIA's exporter tells of them.
const MEBIBYTE: f64 = 1_048_576.0;

/// Name, help and value of each.
const GAUGES: [(&str, &str, Value); 14] = [
    ("DCGM_FI_DEV_SM_CLOCK", "Clock of the cores in MHz", |gpu| number(gpu.sm_clock)),
    ("DCGM_FI_DEV_MEM_CLOCK", "Clock of the memory in MHz", |gpu| number(gpu.memory_clock)),
    ("DCGM_FI_DEV_GPU_TEMP", "Temperature in degrees Celsius", |gpu| number(gpu.temperature)),
    ("DCGM_FI_DEV_POWER_USAGE", "Power draw in watts", |gpu| {
        number(gpu.power).map(|milliwatts| milliwatts / 1000.0)
    }),
    ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "Energy since the driver was loaded in mJ", |gpu| {
        number(gpu.energy)
    }),
    ("DCGM_FI_DEV_GPU_UTIL", "Part of the time in which it computed in percent", |gpu| {
        number(gpu.utilization)
    }),
    ("DCGM_FI_DEV_FB_USED", "Memory in use in MiB", |gpu| mebibytes(gpu.memory_used)),
    ("DCGM_FI_DEV_FB_FREE", "Free memory in MiB", |gpu| mebibytes(gpu.memory_free)),
    ("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", "Corrected errors since the driver was loaded", |gpu| {
        number(gpu.ecc_corrected)
    }),
    ("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "Uncorrected errors since the driver was loaded", |gpu| {
        number(gpu.ecc_uncorrected)
    }),
    ("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", "Rows replaced for corrected errors", |gpu| {
        number(gpu.remapped.map(|rows| rows.corrected))
    }),
    ("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "Rows replaced for uncorrected errors", |gpu| {
        number(gpu.remapped.map(|rows| rows.uncorrected))
    }),
    ("DCGM_FI_DEV_ROW_REMAP_PENDING", "Whether rows are replaced at the next reset", |gpu| {
        number(gpu.remapped.map(|rows| rows.pending.into()))
    }),
    ("DCGM_FI_DEV_ROW_REMAP_FAILURE", "Whether a row could not be replaced", |gpu| {
        number(gpu.remapped.map(|rows| rows.failed.into()))
    }),
];

/// The last XID of each GPU, 0 where there was none.
const XID: (&str, &str) = ("DCGM_FI_DEV_XID_ERRORS", "The last XID since the driver was loaded");

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
fn number(value: Option<u64>) -> Option<f64> {
    value.map(|value| value as f64)
}

fn mebibytes(bytes: Option<u64>) -> Option<f64> {
    number(bytes).map(|bytes| bytes / MEBIBYTE)
}

type Labels = Vec<(&'static str, String)>;

/// All that is known of the GPUs now: nothing, while the driver does not answer.
pub(super) fn registry(seen: &Seen) -> Registry {
    let mut registry = Registry::default();
    let Driver::Up(_) = seen.driver else { return registry };
    let gpus = seen.gpus.as_deref().unwrap_or_default();
    let mut register = |name: &str, help: &str, value: &dyn Fn(&Gpu) -> Option<f64>| {
        let family = Family::<Labels, Gauge<f64, AtomicU64>>::default();
        let mut known = false;
        for gpu in gpus {
            if let Some(value) = value(gpu) {
                family.get_or_create(&labels(gpu)).set(value);
                known = true;
            }
        }
        if known {
            registry.register(name, help, family);
        }
    };
    for (name, help, value) in GAUGES {
        register(name, help, &value);
    }
    register(XID.0, XID.1, &|gpu| {
        let own = seen.xids.iter().rev().find(|(xid, _)| xid.uuid == gpu.uuid);
        number(Some(own.map_or(0, |(xid, _)| xid.xid)))
    });
    registry
}

fn labels(gpu: &Gpu) -> Labels {
    let Gpu { index, uuid, pci, name, .. } = gpu;
    let index = index.to_string();
    vec![
        ("gpu", index),
        ("UUID", uuid.clone()),
        ("pci_bus_id", pci.clone()),
        ("modelName", name.clone()),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::gpu::probe::{Versions, Xid};

    fn text(seen: &Seen) -> String {
        let mut text = String::new();
        encode(&mut text, &registry(seen)).unwrap();
        text
    }

    fn seen() -> Seen {
        let gpu = Gpu {
            uuid: "GPU-1".into(),
            name: "NVIDIA L4".into(),
            pci: "0:6".into(),
            power: Some(12_500),
            memory_used: Some(512 << 20),
            ..Gpu::default()
        };
        let driver = Driver::Up(Versions { driver: "550".into(), library: None });
        let xid = |xid| (Xid { uuid: "GPU-1".into(), xid }, Duration::ZERO);
        Seen { driver, gpus: Some(vec![gpu]), xids: vec![xid(13), xid(79)], ..Seen::default() }
    }

    #[test]
    fn what_is_known_stands_under_the_names_of_nvidia_s_exporter() {
        let scrape = text(&seen());
        let labels = r#"{gpu="0",UUID="GPU-1",pci_bus_id="0:6",modelName="NVIDIA L4"}"#;
        for (name, value) in [
            ("DCGM_FI_DEV_POWER_USAGE", "12.5"),
            ("DCGM_FI_DEV_FB_USED", "512.0"),
            ("DCGM_FI_DEV_XID_ERRORS", "79.0"),
        ] {
            assert!(scrape.contains(&format!("{name}{labels} {value}\n")), "{scrape}");
        }
        assert!(!scrape.contains("DCGM_FI_DEV_GPU_TEMP"), "{scrape}");
        let silent = Seen { driver: Driver::Silent, ..seen() };
        assert_eq!(text(&silent), "# EOF\n");
    }

    #[test]
    fn the_document_names_every_one_and_no_other() {
        let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operating.md");
        let document = std::fs::read_to_string(document).unwrap();
        let documented: BTreeSet<&str> =
            document.split('`').filter(|word| word.starts_with("DCGM_")).collect();
        let told: BTreeSet<&str> = GAUGES.iter().map(|(name, ..)| *name).chain([XID.0]).collect();
        assert_eq!(told, documented);
    }
}
