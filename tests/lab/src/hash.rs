//! Keys for what is cached under `target/lab`.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};

/// Collects what a cached thing was made from. Sixty-four bits tell apart the few versions that
/// one checkout sees; a new Rust that hashes differently costs one rebuild.
#[derive(Default)]
pub struct Key(DefaultHasher);

impl Key {
    /// Adds a piece of text.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.0.write(text.as_bytes());
        // A separator that no text holds: "ab"+"c" is not "a"+"bc".
        self.0.write_u8(0xff);
        self
    }

    /// Adds a file's content.
    pub fn file(mut self, path: &Path) -> Result<Self> {
        let mut file =
            std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = file
                .read(&mut buffer)
                .with_context(|| format!("cannot read {}", path.display()))?;
            if read == 0 {
                break;
            }
            self.0.write(&buffer[..read]);
        }
        self.0.write_u8(0xff);
        Ok(self)
    }

    /// The key: sixteen hexadecimal digits.
    #[must_use]
    pub fn finish(self) -> String {
        format!("{:016x}", self.0.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn pieces_do_not_run_together() {
        let left = Key::default().text("ab").text("c").finish();
        let right = Key::default().text("a").text("bc").finish();
        assert_ne!(left, right);
        assert_eq!(left, Key::default().text("ab").text("c").finish());
    }
}
