//! Configuration: drop-in files, merged and validated into one [`Config`].

mod settings;

pub use settings::{Bootstrap, Config, Model, Network, Ollama, Parameter, Proof, Serve, Storage};
