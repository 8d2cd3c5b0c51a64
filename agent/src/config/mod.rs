//! Configuration: drop-in files, merged and validated into one [`Config`].
//!
//! ```text
//! *.toml ──► fragments as written ──► inputs: the last writer of a key wins ──► Config
//!            (fragment.rs)            (inputs.rs)                               (validate.rs)
//! ```
//! Only [`Config`] reaches the rest of the code. `docs/configuration.md` describes every key.

mod error;
mod fragment;
mod further;
mod inputs;
mod keys;
mod settings;
mod validate;

use std::net::SocketAddr;
use std::path::Path;

pub use error::ConfigError;
pub use keys::{Accepts, KEYS, Key};
pub use settings::{
    Bootstrap, Config, Gpu, Model, Network, Ollama, Origin, Parameter, Place, Proof, Serve,
    Storage, Vendor,
};
pub(crate) use validate::FRESH_MARGIN;

/// Where drop-in files are looked for. A file replaces one of the same name in an earlier
/// directory; what is left is read in the order of the names.
///
/// There is none under `/run`: `/run/saigak-agent` belongs to the daemon, root's helpers read
/// the same settings, and nothing that the daemon can write may steer them.
pub const DIRECTORIES: [&str; 2] = ["/usr/lib/saigak-agent/conf.d", "/etc/saigak-agent/conf.d"];

/// Reads the drop-in files of `directories`, the weakest first. A directory that does not
/// exist is an empty one.
pub fn load<P: AsRef<Path>>(directories: &[P]) -> Result<Config, ConfigError> {
    validate::settings(&inputs::Inputs::read(directories)?)
}

/// The address for `serve.listen` that the drop-in files of `directories` agree on as far as they
/// are TOML, whatever else is wrong with them. `None`: none says a usable one.
pub fn listen<P: AsRef<Path>>(directories: &[P]) -> Option<SocketAddr> {
    let texts = inputs::texts(directories);
    texts.iter().rev().find_map(|text| {
        let table: toml::Table = text.parse().ok()?;
        validate::listen(table.get("serve")?.get("listen")?.as_str()?)
    })
}

/// Everything that is wrong with the drop-in files of `directories`: of each file that cannot be
/// read as what it should be, the first error; where all can be, what is wrong with their values.
pub fn check<P: AsRef<Path>>(directories: &[P]) -> Vec<ConfigError> {
    match inputs::Inputs::read_all(directories) {
        Ok(inputs) => validate::settings(&inputs).err().into_iter().collect(),
        Err(errors) => errors,
    }
}

#[cfg(test)]
mod tests;
