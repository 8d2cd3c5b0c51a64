//! `ollama serve`, and the runner that it starts.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use saigak_lab_ollama::{VERSION, llama_server, serve};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    // The server starts its runners under this name, from the same file.
    if Path::new(&program).file_name().is_some_and(|name| name == llama_server::NAME) {
        return llama_server::main();
    }
    match arguments.next().as_deref().and_then(|argument| argument.to_str()) {
        Some("serve") => serve(),
        Some("--version" | "-v") => {
            let _ = writeln!(io::stdout(), "ollama version is {VERSION}");
            ExitCode::SUCCESS
        }
        _ => {
            let _ = writeln!(io::stderr(), "Usage: ollama serve | --version");
            ExitCode::FAILURE
        }
    }
}
