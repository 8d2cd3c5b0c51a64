//! What makes an embedding right, as far as it shows by itself.

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
    /// It has this length, not 1.
    NotUnit(f64),
}

impl Embeddings {
    /// Checks the first embedding.
    pub(super) fn check(&self, dimension: usize) -> Result<(), Flaw> {
        let numbers = self.data.first().map_or(&[][..], |first| &first.embedding);
        if numbers.len() != dimension {
            return Err(Flaw::Dimension(numbers.len()));
        }
        let mut sum = 0.0;
        for (position, number) in numbers.iter().enumerate() {
            let number = number.filter(|number| number.is_finite());
            sum += number.ok_or(Flaw::NotFinite(position))?.powi(2);
        }
        let length = f64::sqrt(sum);
        if (length - 1.0).abs() > UNIT_TOLERANCE {
            return Err(Flaw::NotUnit(length));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, dimension: usize) -> Result<(), Flaw> {
        serde_json::from_str::<Embeddings>(json).unwrap().check(dimension)
    }

    #[test]
    fn only_a_finite_unit_vector_of_the_dimension_passes() {
        let data = |numbers: &str| format!(r#"{{"data":[{{"embedding":[{numbers}]}}]}}"#);
        assert_eq!(check(&data("0.6,0.8"), 2), Ok(()));
        assert_eq!(check(&data("0.6,0.8"), 3), Err(Flaw::Dimension(2)));
        assert_eq!(check(&data("0.6,null"), 2), Err(Flaw::NotFinite(1)));
        assert_eq!(check(&data("0,0"), 2), Err(Flaw::NotUnit(0.0)));
        assert_eq!(check(&data("1e300,1e300"), 2), Err(Flaw::NotUnit(f64::INFINITY)));
        assert_eq!(check("{}", 2), Err(Flaw::Dimension(0)));
    }
}
