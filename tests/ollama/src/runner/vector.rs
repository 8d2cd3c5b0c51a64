//! A vector that depends on the model's bytes and the text, and on nothing else.

use ring::digest::{Context, SHA256};

/// `dimensions` numbers between -1 and 1, not normalised.
///
/// The digest is that of the model file as it was loaded: other weights, other numbers.
pub(super) fn embed(model_digest: &str, text: &[u8], dimensions: usize) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(dimensions + 16);
    for block in 0_u32.. {
        if numbers.len() >= dimensions {
            break;
        }
        let mut context = Context::new(&SHA256);
        context.update(model_digest.as_bytes());
        context.update(&block.to_le_bytes());
        context.update(text);
        let digest = context.finish();
        numbers.extend(digest.as_ref().chunks_exact(2).map(|pair| {
            let number = u16::from_le_bytes([pair[0], pair[1]]);
            f32::from(number) / 32_768.0 - 1.0
        }));
    }
    numbers.truncate(dimensions);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_text_same_vector_other_text_other_vector() {
        let hello = embed("sha256:a", b"hello", 1024);
        assert_eq!(hello.len(), 1024);
        assert_eq!(hello, embed("sha256:a", b"hello", 1024));
        let cosine = |other: &[f32]| -> f32 {
            let dot: f32 = hello.iter().zip(other).map(|(a, b)| a * b).sum();
            let norm = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
            dot / norm(&hello) / norm(other)
        };
        assert!(cosine(&embed("sha256:a", b"world", 1024)).abs() < 0.2);
        assert!(cosine(&embed("sha256:b", b"hello", 1024)).abs() < 0.2);
    }
}
