//! The model file format, as far as a server looks into it.
//!
//! [`read`] takes any GGUF file of version 2 or 3. [`small_model`] writes a small one that has
//! everything the real architecture asks for, with weights that mean nothing.

mod read;
mod types;
mod write;

pub(crate) use read::{GgufError, Model, Tensor, parse, read};
pub use write::small_model;

/// Marks the file: "GGUF" in ASCII.
const MAGIC: &[u8; 4] = b"GGUF";

/// Tensor data starts at, and each tensor is padded to, a multiple of this many bytes.
const ALIGNMENT: u64 = 32;
