//! A small model in the reference model's architecture.
//!
//! One layer, a vocabulary of the 256 bytes and one end token, 1,024 dimensions, and weights that
//! are pseudo-random but the same on every machine. It has each key and tensor that the
//! architecture asks for; what could be computed with them means nothing.

use super::types::{F16, F32};
use super::{ALIGNMENT, MAGIC};

/// Dimensions of an embedding, as the reference model has.
const EMBEDDING: u64 = 1024;
/// Tokens a prompt may have, as the reference model was trained for.
const CONTEXT: u32 = 32_768;
const HEADS: u32 = 16;
const KEY_VALUE_HEADS: u32 = 8;
const HEAD_LENGTH: u32 = 64;
const FEED_FORWARD: u64 = 256;
/// One token for each byte, then the end token.
const VOCABULARY: u64 = 257;
const END_TOKEN: u32 = 256;

/// The file's bytes, about 8 MB.
#[must_use]
pub fn small_model() -> Vec<u8> {
    let metadata = metadata();
    let tensors = tensors();

    let mut file = Vec::new();
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&3_u32.to_le_bytes());
    file.extend_from_slice(&(tensors.len() as u64).to_le_bytes());
    file.extend_from_slice(&(metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        string(&mut file, key);
        value.write(&mut file);
    }
    let mut offset = 0;
    for tensor in &tensors {
        tensor.write_place(&mut file, offset);
        offset = (offset + tensor.bytes()).next_multiple_of(ALIGNMENT);
    }
    pad(&mut file);
    let mut noise = 1;
    for tensor in &tensors {
        tensor.write_data(&mut file, &mut noise);
        pad(&mut file);
    }
    file
}

enum Entry {
    Number(u32),
    Float(f32),
    Bool(bool),
    Text(&'static str),
    Texts(Vec<String>),
    Kinds(Vec<i32>),
}

impl Entry {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => typed(out, 4, &number.to_le_bytes()),
            Self::Float(number) => typed(out, 6, &number.to_le_bytes()),
            Self::Bool(flag) => typed(out, 7, &[u8::from(*flag)]),
            Self::Text(text) => {
                typed(out, 8, &[]);
                string(out, text);
            }
            Self::Texts(texts) => {
                typed(out, 9, &8_u32.to_le_bytes());
                out.extend_from_slice(&(texts.len() as u64).to_le_bytes());
                for text in texts {
                    string(out, text);
                }
            }
            Self::Kinds(kinds) => {
                typed(out, 9, &5_u32.to_le_bytes());
                out.extend_from_slice(&(kinds.len() as u64).to_le_bytes());
                for kind in kinds {
                    out.extend_from_slice(&kind.to_le_bytes());
                }
            }
        }
    }
}

fn metadata() -> Vec<(&'static str, Entry)> {
    use Entry::{Bool, Float, Kinds, Number, Text, Texts};
    let mut tokens: Vec<String> = (0..=255).map(|byte| byte_token(byte).to_string()).collect();
    tokens.push("<|endoftext|>".to_owned());
    // Kind 1 is an ordinary token, 3 a control token.
    let kinds = (0..VOCABULARY).map(|token| if token < 256 { 1 } else { 3 }).collect();
    vec![
        ("general.architecture", Text("qwen3")),
        ("general.type", Text("model")),
        ("general.size_label", Text("0.6B")),
        ("general.file_type", Number(1)),
        ("general.quantization_version", Number(2)),
        ("qwen3.block_count", Number(1)),
        ("qwen3.context_length", Number(CONTEXT)),
        ("qwen3.embedding_length", Number(1024)),
        ("qwen3.feed_forward_length", Number(256)),
        ("qwen3.attention.head_count", Number(HEADS)),
        ("qwen3.attention.head_count_kv", Number(KEY_VALUE_HEADS)),
        ("qwen3.attention.key_length", Number(HEAD_LENGTH)),
        ("qwen3.attention.value_length", Number(HEAD_LENGTH)),
        ("qwen3.attention.layer_norm_rms_epsilon", Float(1e-6)),
        ("qwen3.rope.freq_base", Float(1e6)),
        // 3: the last token's state is the embedding.
        ("qwen3.pooling_type", Number(3)),
        ("tokenizer.ggml.model", Text("gpt2")),
        ("tokenizer.ggml.pre", Text("qwen2")),
        ("tokenizer.ggml.tokens", Texts(tokens)),
        ("tokenizer.ggml.token_type", Kinds(kinds)),
        ("tokenizer.ggml.merges", Texts(Vec::new())),
        ("tokenizer.ggml.bos_token_id", Number(END_TOKEN)),
        ("tokenizer.ggml.eos_token_id", Number(END_TOKEN)),
        ("tokenizer.ggml.padding_token_id", Number(END_TOKEN)),
        ("tokenizer.ggml.add_bos_token", Bool(false)),
        ("tokenizer.ggml.add_eos_token", Bool(true)),
    ]
}

/// GPT-2's printable stand-in for a byte: itself where printable, else a letter above U+0100.
fn byte_token(byte: u8) -> char {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(byte) {
        return char::from(byte);
    }
    let place = (0..byte).filter(|earlier| !printable(*earlier)).count();
    u32::try_from(place).ok().and_then(|place| char::from_u32(256 + place)).unwrap_or('?')
}

struct Tensor {
    name: &'static str,
    shape: Vec<u64>,
}

fn tensors() -> Vec<Tensor> {
    let heads = u64::from(HEADS * HEAD_LENGTH);
    let key_value = u64::from(KEY_VALUE_HEADS * HEAD_LENGTH);
    let head = u64::from(HEAD_LENGTH);
    let tensor = |name, shape: &[u64]| Tensor { name, shape: shape.to_vec() };
    vec![
        tensor("output_norm.weight", &[EMBEDDING]),
        tensor("token_embd.weight", &[EMBEDDING, VOCABULARY]),
        tensor("blk.0.attn_k.weight", &[EMBEDDING, key_value]),
        tensor("blk.0.attn_k_norm.weight", &[head]),
        tensor("blk.0.attn_norm.weight", &[EMBEDDING]),
        tensor("blk.0.attn_output.weight", &[heads, EMBEDDING]),
        tensor("blk.0.attn_q.weight", &[EMBEDDING, heads]),
        tensor("blk.0.attn_q_norm.weight", &[head]),
        tensor("blk.0.attn_v.weight", &[EMBEDDING, key_value]),
        tensor("blk.0.ffn_down.weight", &[FEED_FORWARD, EMBEDDING]),
        tensor("blk.0.ffn_gate.weight", &[EMBEDDING, FEED_FORWARD]),
        tensor("blk.0.ffn_norm.weight", &[EMBEDDING]),
        tensor("blk.0.ffn_up.weight", &[EMBEDDING, FEED_FORWARD]),
    ]
}

impl Tensor {
    /// The norms are vectors of full floats, as they are in published files.
    fn is_norm(&self) -> bool {
        self.shape.len() == 1
    }

    fn elements(&self) -> u64 {
        self.shape.iter().product()
    }

    fn bytes(&self) -> u64 {
        self.elements() * if self.is_norm() { 4 } else { 2 }
    }

    fn write_place(&self, out: &mut Vec<u8>, offset: u64) {
        string(out, self.name);
        typed(out, u32::try_from(self.shape.len()).unwrap_or(1), &[]);
        for length in &self.shape {
            out.extend_from_slice(&length.to_le_bytes());
        }
        typed(out, if self.is_norm() { F32 } else { F16 }, &offset.to_le_bytes());
    }

    fn write_data(&self, out: &mut Vec<u8>, noise: &mut u32) {
        for _ in 0..self.elements() {
            if self.is_norm() {
                out.extend_from_slice(&1_f32.to_le_bytes());
            } else {
                out.extend_from_slice(&half(noise).to_le_bytes());
            }
        }
    }
}

const SIGN_AND_FRACTION: u16 = 0x83FF;
/// 10 - 15 = -5: two to that power is 1/32.
const EXPONENT: u16 = 10 << 10;

/// The next weight: a half float of random sign and fraction between 1/32 and 1/16.
fn half(noise: &mut u32) -> u16 {
    // xorshift32 (Marsaglia, 2003)
    *noise ^= *noise << 13;
    *noise ^= *noise >> 17;
    *noise ^= *noise << 5;
    let [a, b, ..] = noise.to_le_bytes();
    let random = u16::from_le_bytes([a, b]);
    random & SIGN_AND_FRACTION | EXPONENT
}

fn typed(out: &mut Vec<u8>, kind: u32, value: &[u8]) {
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(value);
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn pad(out: &mut Vec<u8>) {
    while !(out.len() as u64).is_multiple_of(ALIGNMENT) {
        out.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.gguf");
        let bytes = small_model();
        std::fs::write(&path, &bytes).unwrap();
        let model = read(&path).unwrap();
        assert_eq!(model.architecture(), "qwen3");
        assert_eq!(model.number("embedding_length"), Some(1024));
        assert_eq!(model.quantization(), "F16");
        assert!(model.embeds());
        model.check_tensors().unwrap();

        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = read(&path).unwrap().check_tensors().unwrap_err().to_string();
        let wanted = format!("exceeds file size ({})", bytes.len() / 2);
        assert!(error.starts_with("tensor \"blk.0.") && error.ends_with(&wanted), "{error}");
        std::fs::write(&path, &bytes[..100]).unwrap();
        assert_eq!(read(&path).unwrap_err().to_string(), "unexpected EOF");
        std::fs::write(&path, vec![7; 100]).unwrap();
        assert_eq!(read(&path).unwrap_err().to_string(), "invalid file magic");
    }

    #[test]
    fn every_byte_has_its_own_token() {
        let tokens: std::collections::BTreeSet<char> = (0..=255).map(byte_token).collect();
        assert_eq!(tokens.len(), 256);
        assert_eq!(byte_token(b' '), 'Ġ');
    }
}
