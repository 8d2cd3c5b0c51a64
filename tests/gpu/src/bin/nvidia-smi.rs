//! See [`saigak_lab_gpu::smi`].

use std::io::{self, Write};
use std::process::ExitCode;

use saigak_lab_gpu::{directory, smi};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match smi::answer(&arguments, &directory()) {
        Ok(answer) => {
            let _ = io::stdout().write_all(answer.text.as_bytes());
            ExitCode::from(answer.code)
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "the lab's nvidia-smi: {error}");
            ExitCode::FAILURE
        }
    }
}
