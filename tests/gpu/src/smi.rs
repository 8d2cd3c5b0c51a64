//! `nvidia-smi`, as far as it is asked for a table: `--query-gpu=…` or `--query-compute-apps=…`
//! with `--format=csv`. What it says where it cannot answer, and the code that it ends with, are
//! those of NVIDIA's own of 550.163; they go to standard output too.

use std::io;
use std::path::Path;

use crate::state::{Gpu, State, code};

/// What it prints, and the code that it ends with.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The text, with the end of its last line.
    pub text: String,
    /// The exit code.
    pub code: u8,
}

/// Bytes of a mebibyte.
const MIB: u64 = 1 << 20;

/// Answers a command line.
///
/// # Errors
/// The state cannot be read, or the driver's imagined hang ends badly.
pub fn answer(arguments: &[String], directory: &Path) -> io::Result<Answer> {
    let Some(state) = State::read()? else { return Ok(failed(code::DRIVER_NOT_LOADED, "")) };
    state.reach_driver()?;
    if let Some(code) = state.connect(&state.library) {
        return Ok(failed(code, &state.library));
    }
    let of = |name: &str| {
        arguments.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='))
    };
    let format: Vec<&str> = of("--format").unwrap_or_default().split(',').collect();
    let table = Table { units: !format.contains(&"nounits"), directory };
    let (question, fields, of_gpus) = match (of("--query-gpu"), of("--query-compute-apps")) {
        (Some(fields), _) => ("--query-gpu", fields, true),
        (_, Some(fields)) => ("--query-compute-apps", fields, false),
        _ => return Ok(Answer { text: "Option is not recognized.\n".into(), code: 2 }),
    };
    let fields: Vec<&str> = fields.split(',').collect();
    let mut text = String::new();
    if !format.contains(&"noheader") {
        text.push_str(&fields.join(", "));
        text.push('\n');
    }
    for (place, gpu) in state.gpus.iter().enumerate() {
        if gpu.lost {
            let address = gpu.address.to_uppercase();
            let text = format!(
                "Unable to determine the device handle for GPU{address}: GPU is lost.  \
                 Reboot the system to recover this GPU\n\n"
            );
            return Ok(Answer { text, code: 15 });
        }
        let found = if of_gpus { table.gpu(place, gpu, &fields) } else { table.apps(gpu, &fields) };
        let Some(found) = found else {
            let text = format!("Field is not a valid field to query for {question}.\n\n");
            return Ok(Answer { text, code: 2 });
        };
        text.extend(found);
    }
    if state.gpus.is_empty() {
        return Ok(Answer { text: "No devices were found\n".into(), code: 6 });
    }
    Ok(Answer { text, code: 0 })
}

fn failed(code: u32, library: &str) -> Answer {
    let text = match code {
        code::DRIVER_NOT_LOADED => {
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make \
             sure that the latest NVIDIA driver is installed and running.\n\n"
                .to_owned()
        }
        code::LIB_RM_VERSION_MISMATCH => {
            let short = library.rsplit_once('.').map_or(library, |(short, _)| short);
            format!(
                "Failed to initialize NVML: Driver/library version mismatch\n\
                 NVML library version: {short}\n"
            )
        }
        _ => "Failed to initialize NVML: Unknown Error\n".to_owned(),
    };
    Answer { text, code: u8::try_from(code).unwrap_or(255) }
}

struct Table<'a> {
    units: bool,
    directory: &'a Path,
}

impl Table<'_> {
    /// A line for a GPU; `None` for a field that there is not.
    fn gpu(&self, place: usize, gpu: &Gpu, fields: &[&str]) -> Option<Vec<String>> {
        let cells: Option<Vec<String>> =
            fields.iter().map(|field| self.cell(place, gpu, field)).collect();
        Some(vec![format!("{}\n", cells?.join(", "))])
    }

    /// A line for each process that has memory on a GPU.
    fn apps(&self, gpu: &Gpu, fields: &[&str]) -> Option<Vec<String>> {
        let clients = State::clients_of(gpu, self.directory);
        let line = |client: &crate::client::Client| {
            let cell = |field: &&str| match *field {
                "pid" => Some(client.pid.to_string()),
                "gpu_uuid" => Some(client.uuid.clone()),
                "used_memory" | "used_gpu_memory" => Some(self.with(&(client.bytes / MIB), "MiB")),
                _ => None,
            };
            let cells: Option<Vec<String>> = fields.iter().map(cell).collect();
            Some(format!("{}\n", cells?.join(", ")))
        };
        clients.iter().map(line).collect()
    }

    fn cell(&self, place: usize, gpu: &Gpu, field: &str) -> Option<String> {
        let used = State::used(gpu, self.directory);
        let ecc = gpu.ecc.as_ref();
        let or_none = |number: Option<u64>| number.map_or("[N/A]".into(), |n| n.to_string());
        if gpu.reset_required && !matches!(field, "index" | "uuid" | "name" | "pci.bus_id") {
            return Some("[GPU requires reset]".into());
        }
        Some(match field {
            "index" => place.to_string(),
            "uuid" | "gpu_uuid" => gpu.uuid.clone(),
            "name" | "gpu_name" => gpu.name.clone(),
            "pci.bus_id" | "gpu_bus_id" => format!("0000{}", gpu.address.to_uppercase()),
            "driver_version" => {
                State::read().ok().flatten().and_then(|state| state.driver).unwrap_or_default()
            }
            "temperature.gpu" => gpu.temperature.to_string(),
            "power.draw" => {
                let watts = format!("{}.{:02}", gpu.power / 1000, gpu.power % 1000 / 10);
                self.with(&watts, "W")
            }
            "utilization.gpu" | "utilization.memory" => self.with(&0, "%"),
            "memory.total" => self.with(&(gpu.memory / MIB), "MiB"),
            "memory.used" => self.with(&(used / MIB), "MiB"),
            "memory.free" => self.with(&((gpu.memory - used) / MIB), "MiB"),
            "clocks.sm" | "clocks.mem" | "clocks.gr" => self.with(&210, "MHz"),
            "ecc.errors.corrected.volatile.total" => or_none(ecc.map(|ecc| ecc.corrected)),
            "ecc.errors.uncorrected.volatile.total" => or_none(ecc.map(|ecc| ecc.uncorrected)),
            _ => return None,
        })
    }

    fn with(&self, value: &impl ToString, unit: &str) -> String {
        let value = value.to_string();
        if self.units { format!("{value} {unit}") } else { value }
    }
}
