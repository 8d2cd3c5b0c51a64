//! SHA-256 in Ollama's two spellings: `sha256:…` in JSON, `sha256-…` as a file name.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ring::digest::{Context, SHA256};

/// Lower-case hex of the SHA-256 of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    encode(ring::digest::digest(&SHA256, bytes).as_ref())
}

/// `sha256:…` of `bytes`.
pub(crate) fn of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(bytes))
}

/// `sha256:…` of a file's content.
pub(crate) fn of_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(format!("sha256:{}", encode(context.finish().as_ref()))),
            n => context.update(&buffer[..n]),
        }
    }
}

fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
