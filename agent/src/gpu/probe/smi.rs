//! nvidia-smi, where the library cannot be loaded here: it may know of another path.

use std::io;
use std::process::{Command, Output};

use super::{Failure, Gpu, Line, Versions, pause, write};

const FIELDS: &str = "uuid,index,name,pci.bus_id,driver_version,temperature.gpu,power.draw,\
                      utilization.gpu,memory.used,memory.free,clocks.sm,clocks.mem,\
                      ecc.errors.corrected.volatile.total,ecc.errors.uncorrected.volatile.total";

/// Tells of all GPUs by nvidia-smi until it fails. `failure` is why NVML was not asked: it is told
/// where nvidia-smi knows no more.
#[expect(clippy::disallowed_methods, reason = "this process is given up as a whole, and that too")]
pub(super) fn tell(failure: Failure) -> io::Result<()> {
    let mut told = false;
    loop {
        let query = format!("--query-gpu={FIELDS}");
        let output =
            Command::new("nvidia-smi").arg(query).arg("--format=csv,noheader,nounits").output();
        let Some(gpus) = output.ok().and_then(read) else {
            return write(&Line::Failed(failure));
        };
        if !told {
            let driver = gpus.first().map(|(driver, _)| driver.clone()).unwrap_or_default();
            write(&Line::Nvml(Versions { driver, library: None }))?;
            told = true;
        }
        write(&Line::Gpus(gpus.into_iter().map(|(_, gpu)| gpu).collect()))?;
        pause();
    }
}

fn read(output: Output) -> Option<Vec<(String, Gpu)>> {
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    text.lines().map(gpu).collect()
}

/// The driver's version and the GPU that one line tells of.
fn gpu(line: &str) -> Option<(String, Gpu)> {
    let cells: Vec<&str> = line.split(", ").map(str::trim).collect();
    let [uuid, index, name, pci, driver, rest @ ..] = cells.as_slice() else { return None };
    // `[N/A]`, `[Not Supported]` and `[GPU is lost]` are no numbers.
    let number = |at: usize, unit: f64| {
        let value: f64 = rest.get(at)?.parse().ok()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a gauge")]
        Some((value * unit) as u64)
    };
    let mebibyte = f64::from(1 << 20);
    let gpu = Gpu {
        uuid: (*uuid).into(),
        index: index.parse().ok()?,
        name: (*name).into(),
        pci: (*pci).into(),
        lost: line.contains("GPU is lost"),
        reset: line.contains("GPU requires reset"),
        temperature: number(0, 1.0),
        power: number(1, 1000.0),
        utilization: number(2, 1.0),
        memory_used: number(3, mebibyte),
        memory_free: number(4, mebibyte),
        sm_clock: number(5, 1.0),
        memory_clock: number(6, 1.0),
        ecc_corrected: number(7, 1.0),
        ecc_uncorrected: number(8, 1.0),
        ..Gpu::default()
    };
    Some(((*driver).into(), gpu))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_nvidia_smi_is_read() {
        let line = "GPU-5f, 0, NVIDIA L4, 00000000:06:00.0, 550.54.15, 41, 12.34, 0, 512, 22512, \
                    210, 405, 0, [N/A]";
        let (driver, gpu) = gpu(line).unwrap();
        assert_eq!((driver.as_str(), gpu.uuid.as_str(), gpu.index), ("550.54.15", "GPU-5f", 0));
        assert_eq!((gpu.power, gpu.memory_used), (Some(12_340), Some(512 << 20)));
        assert_eq!((gpu.ecc_corrected, gpu.ecc_uncorrected), (Some(0), None));
        assert!(!gpu.lost);
        assert!(super::gpu("GPU-5f, 0, NVIDIA L4, 0:06, 550, [GPU is lost]").unwrap().1.lost);
        assert_eq!(super::gpu("NVIDIA-SMI has failed because it could not"), None);
    }
}
