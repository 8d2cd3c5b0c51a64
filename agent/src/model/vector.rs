//! What makes an embedding right, as far as it shows by itself, and how alike two are.

use serde::Deserialize;

/// How far from 1 the length of a vector may be. The server normalises in 32-bit floats;
/// cold and warm runs differ by about 1e-5.
const UNIT_TOLERANCE: f64 = 1e-3;

/// An answer of `/v1/embeddings`.
#[derive(Debug, Deserialize)]
pub(super) struct Embeddings {
    #[serde(default)]
    data: Vec<Embedding>,
}

#[derive(Debug, Deserialize)]
struct Embedding {
    /// JSON has no NaN: a server that has one writes `null`, or nothing sensible at all.
    embedding: Vec<Option<f64>>,
}

/// What is wrong with an embedding.
#[derive(Debug, Clone, PartialEq)]
pub enum Flaw {
    /// It has so many numbers. 0: there was none at all.
    Dimension(usize),
    /// The number at this position is not finite.
    NotFinite(usize),
    /// The server could not write it, since JSON has no NaN; in its words.
    Unwritable(String),
    /// It has this length, not 1.
    NotUnit(f64),
    /// It has all of that, and this cosine with the right embedding of the same text by the same
    /// weights.
    Unlike(f64),
}

impl Embeddings {
    /// The first embedding, if nothing is wrong with it by itself.
    pub(super) fn take(self, dimension: usize) -> Result<Vec<f32>, Flaw> {
        let numbers = self.data.into_iter().next().map_or_else(Vec::new, |first| first.embedding);
        if numbers.len() != dimension {
            return Err(Flaw::Dimension(numbers.len()));
        }
        let finite = |(position, number): (usize, Option<f64>)| {
            let number = number.map(narrow).filter(|number| number.is_finite());
            number.ok_or(Flaw::NotFinite(position))
        };
        let numbers = numbers.into_iter().enumerate().map(finite).collect::<Result<Vec<_>, _>>()?;
        if is_unit(&numbers) { Ok(numbers) } else { Err(Flaw::NotUnit(length(&numbers))) }
    }
}

/// As the server has computed it; what does not fit is infinite.
#[expect(clippy::cast_possible_truncation, reason = "it was an f32 before it was written")]
fn narrow(number: f64) -> f32 {
    number as f32
}

/// Whether it is a vector of length 1, as the server makes them.
pub(super) fn is_unit(numbers: &[f32]) -> bool {
    (length(numbers) - 1.0).abs() <= UNIT_TOLERANCE
}

/// The cosine of the angle between two vectors: 1 for the same direction. 0 where they are of
/// different spaces, or have no direction.
pub(super) fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let lengths = length(one) * length(other);
    if one.len() == other.len() && lengths > 0.0 { dot(one, other) / lengths } else { 0.0 }
}

fn length(numbers: &[f32]) -> f64 {
    dot(numbers, numbers).sqrt()
}

fn dot(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(json: &str, dimension: usize) -> Result<Vec<f32>, Flaw> {
        serde_json::from_str::<Embeddings>(json).unwrap().take(dimension)
    }

    #[test]
    fn only_a_finite_unit_vector_of_the_dimension_passes() {
        let data = |numbers: &str| format!(r#"{{"data":[{{"embedding":[{numbers}]}}]}}"#);
        assert_eq!(take(&data("0.6,0.8"), 2), Ok(vec![0.6, 0.8]));
        assert_eq!(take(&data("0.6,0.8"), 3), Err(Flaw::Dimension(2)));
        assert_eq!(take(&data("0.6,null"), 2), Err(Flaw::NotFinite(1)));
        assert_eq!(take(&data("0,0"), 2), Err(Flaw::NotUnit(0.0)));
        assert_eq!(take(&data("1e300,0"), 2), Err(Flaw::NotFinite(0)));
        assert!(matches!(take(&data("1e30,1e30"), 2), Err(Flaw::NotUnit(long)) if long > 1e30));
        assert_eq!(take("{}", 2), Err(Flaw::Dimension(0)));
    }

    #[test]
    fn the_cosine_tells_directions_apart_and_nothing_else() {
        assert!((cosine(&[0.6, 0.8], &[6.0, 8.0]) - 1.0).abs() < 1e-6);
        assert!((cosine(&[1.0, 0.0], &[0.6, 0.8]) - 0.6).abs() < 1e-6);
        assert!((cosine(&[1.0, 0.0], &[-1.0, 0.0]) + 1.0).abs() < 1e-6);
        assert!(cosine(&[1.0], &[1.0, 0.0]).abs() < 1e-6);
        assert!(cosine(&[0.0, 0.0], &[1.0, 0.0]).abs() < 1e-6);
    }
}
