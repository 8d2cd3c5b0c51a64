//! Values of the metadata, and the sizes of tensor types.

use serde_json::json;

/// One metadata value. Arrays are not kept: nobody asks for more than that they are there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Array,
}

impl Value {
    pub(crate) fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            Self::Signed(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As `/api/show` prints it: arrays are `null` there.
    pub(crate) fn json(&self) -> serde_json::Value {
        match self {
            Self::Unsigned(number) => json!(number),
            Self::Signed(number) => json!(number),
            Self::Float(number) => json!(number),
            Self::Bool(flag) => json!(flag),
            Self::Text(text) => json!(text),
            Self::Array => serde_json::Value::Null,
        }
    }
}

/// A tensor type of the format: its number, its name, and how many bytes one block of how many
/// elements takes. The list is `ggml_type`'s, less what no current model file uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct TensorType {
    pub(super) name: &'static str,
    pub(super) block_elements: u64,
    pub(super) block_bytes: u64,
}

pub(super) const F32: u32 = 0;
pub(super) const F16: u32 = 1;

pub(super) fn tensor_type(number: u32) -> Option<TensorType> {
    let (name, block_elements, block_bytes) = match number {
        F32 => ("F32", 1, 4),
        F16 => ("F16", 1, 2),
        2 => ("Q4_0", 32, 18),
        3 => ("Q4_1", 32, 20),
        6 => ("Q5_0", 32, 22),
        7 => ("Q5_1", 32, 24),
        8 => ("Q8_0", 32, 34),
        10 => ("Q2_K", 256, 84),
        11 => ("Q3_K", 256, 110),
        12 => ("Q4_K", 256, 144),
        13 => ("Q5_K", 256, 176),
        14 => ("Q6_K", 256, 210),
        30 => ("BF16", 1, 2),
        _ => return None,
    };
    Some(TensorType { name, block_elements, block_bytes })
}

/// The name of a whole file's quantisation (`general.file_type`).
pub(super) fn file_type(number: u64) -> &'static str {
    match number {
        0 => "F32",
        1 => "F16",
        2 => "Q4_0",
        7 => "Q8_0",
        14 => "Q4_K_S",
        15 => "Q4_K_M",
        17 => "Q5_K_M",
        18 => "Q6_K",
        32 => "BF16",
        _ => "unknown",
    }
}
