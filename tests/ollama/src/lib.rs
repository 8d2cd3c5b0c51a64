//! A stand-in for the Ollama server and for the registry that it pulls from.
//!
//! It answers what a recorded Ollama 0.33 answered, status codes, error texts and timing rules
//! included, and keeps its models on disk in the same layout. A fault is therefore done to it
//! from outside, just as to a real one: kill it, freeze it, truncate a file. Only what a real
//! one cannot be made to do (a vector of NaN, say) is switched on in a file, see [`faults`].
//!
//! | module | what it is |
//! |---|---|
//! | `serve` | `ollama serve`: start, routes, shutdown |
//! | `store` | models on disk: names, manifests, blobs, copy, create, prune |
//! | `pull` | the download of a model, its progress and its resumption |
//! | `runner` | the scheduler, and the child process that computes embeddings |
//! | `registry` | the other side of a pull |
//! | `gguf` | the model file: reading any, writing a small one |
//! | `go` | error texts in Go's words |

mod client;
mod clock;
mod digest;
pub mod faults;
mod gguf;
mod go;
mod name;
mod pull;
pub mod registry;
mod runner;
mod serve;
mod store;

pub use gguf::small_model;
pub use runner::llama_server;
pub use serve::main as serve;

/// The version that the transcripts were recorded from, and that this program claims to be.
pub const VERSION: &str = "0.33.0-rc2";
