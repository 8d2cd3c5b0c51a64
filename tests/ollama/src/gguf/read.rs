//! Reading the header of a model file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::types::{TensorType, Value, file_type, tensor_type};
use super::{ALIGNMENT, MAGIC};
use crate::go;

/// Strings longer than this (bytes) mean that the file is damaged, not that it is chatty.
const LONGEST_STRING: u64 = 16 << 20;

/// Why a model file cannot be used, in the server's words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GgufError {
    #[error(transparent)]
    Open(#[from] go::PathError),
    #[error("EOF")]
    Empty,
    #[error("unexpected EOF")]
    Truncated,
    #[error("invalid file magic")]
    Magic,
    #[error("unsupported GGUF {0}")]
    Unsupported(String),
    #[error("tensor {name:?} offset+size ({end}) exceeds file size ({file})")]
    TensorBeyondEnd { name: String, end: u64, file: u64 },
    #[error("{}", go::io_text(.0))]
    Read(io::Error),
}

/// One tensor's place in the file.
#[derive(Debug)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<u64>,
    /// Bytes from the start of the tensor data.
    offset: u64,
    kind: TensorType,
}

impl Tensor {
    pub(crate) fn kind(&self) -> &'static str {
        self.kind.name
    }

    fn elements(&self) -> u64 {
        self.shape.iter().product()
    }

    fn bytes(&self) -> u64 {
        self.elements() / self.kind.block_elements * self.kind.block_bytes
    }
}

/// The header of a model file: its metadata and where its tensors lie.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) metadata: BTreeMap<String, Value>,
    pub(crate) tensors: Vec<Tensor>,
    /// Bytes from the start of the file to the tensor data.
    data_start: u64,
    file_size: u64,
}

impl Model {
    pub(crate) fn architecture(&self) -> &str {
        self.metadata.get("general.architecture").and_then(Value::text).unwrap_or("unknown")
    }

    /// A number of the architecture, such as `embedding_length`.
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.metadata.get(&format!("{}.{key}", self.architecture()))?.unsigned()
    }

    pub(crate) fn quantization(&self) -> &'static str {
        let number = self.metadata.get("general.file_type").and_then(Value::unsigned);
        number.map_or("unknown", file_type)
    }

    pub(crate) fn parameters(&self) -> u64 {
        self.tensors.iter().map(Tensor::elements).sum()
    }

    /// A pooling type in the metadata is what makes a model an embedding model.
    pub(crate) fn embeds(&self) -> bool {
        self.number("pooling_type").is_some()
    }

    /// Whether every tensor lies inside the file. Nothing looks at their content.
    pub(crate) fn check_tensors(&self) -> Result<(), GgufError> {
        for tensor in &self.tensors {
            let end = self.data_start + tensor.offset + tensor.bytes();
            if end > self.file_size {
                let name = tensor.name.clone();
                return Err(GgufError::TensorBeyondEnd { name, end, file: self.file_size });
            }
        }
        Ok(())
    }
}

/// Reads the header of the file at `path`.
pub(crate) fn read(path: &Path) -> Result<Model, GgufError> {
    let file = File::open(path).map_err(go::on("open", path))?;
    let file_size = file.metadata().map_err(go::on("stat", path))?.len();
    header(BufReader::new(file), file_size)
}

/// Reads the header of a file that is in memory.
pub(crate) fn parse(bytes: &[u8]) -> Result<Model, GgufError> {
    header(bytes, bytes.len() as u64)
}

fn header(inner: impl Read, file_size: u64) -> Result<Model, GgufError> {
    if file_size == 0 {
        return Err(GgufError::Empty);
    }
    let mut reader = Reader { inner, position: 0 };
    if reader.bytes::<4>()? != *MAGIC {
        return Err(GgufError::Magic);
    }
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        return Err(GgufError::Unsupported(format!("version {version}")));
    }
    let (tensor_count, value_count) = (reader.u64()?, reader.u64()?);
    let mut metadata = BTreeMap::new();
    for _ in 0..value_count {
        let key = reader.string()?;
        let kind = reader.u32()?;
        metadata.insert(key, reader.value(kind)?);
    }
    let mut tensors = Vec::new();
    for _ in 0..tensor_count {
        tensors.push(reader.tensor()?);
    }
    let alignment = metadata.get("general.alignment").and_then(Value::unsigned);
    let data_start = reader.position.next_multiple_of(alignment.unwrap_or(ALIGNMENT).max(1));
    Ok(Model { metadata, tensors, data_start, file_size })
}

struct Reader<R> {
    inner: R,
    position: u64,
}

impl<R: Read> Reader<R> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), GgufError> {
        self.position += buffer.len() as u64;
        self.inner.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => GgufError::Truncated,
            _ => GgufError::Read(error),
        })
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn string(&mut self) -> Result<String, GgufError> {
        let length = self.u64()?;
        let length = usize::try_from(length.min(LONGEST_STRING + 1)).unwrap_or(usize::MAX);
        if length as u64 > LONGEST_STRING {
            return Err(GgufError::Unsupported("string length".to_owned()));
        }
        let mut bytes = vec![0; length];
        self.fill(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn value(&mut self, kind: u32) -> Result<Value, GgufError> {
        Ok(match kind {
            0 => Value::Unsigned(u64::from(u8::from_le_bytes(self.bytes()?))),
            1 => Value::Signed(i64::from(i8::from_le_bytes(self.bytes()?))),
            2 => Value::Unsigned(u64::from(u16::from_le_bytes(self.bytes()?))),
            3 => Value::Signed(i64::from(i16::from_le_bytes(self.bytes()?))),
            4 => Value::Unsigned(u64::from(self.u32()?)),
            5 => Value::Signed(i64::from(i32::from_le_bytes(self.bytes()?))),
            6 => Value::Float(shortest(f32::from_le_bytes(self.bytes()?))),
            7 => Value::Bool(self.bytes::<1>()?[0] != 0),
            8 => Value::Text(self.string()?),
            9 => {
                let (kind, count) = (self.u32()?, self.u64()?);
                for _ in 0..count {
                    self.value(kind)?;
                }
                Value::Array
            }
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(i64::from_le_bytes(self.bytes()?)),
            12 => Value::Float(f64::from_le_bytes(self.bytes()?)),
            _ => return Err(GgufError::Unsupported(format!("value type {kind}"))),
        })
    }

    fn tensor(&mut self) -> Result<Tensor, GgufError> {
        let name = self.string()?;
        let dimensions = self.u32()?.min(8);
        let shape = (0..dimensions).map(|_| self.u64()).collect::<Result<_, _>>()?;
        let number = self.u32()?;
        let kind = tensor_type(number)
            .ok_or_else(|| GgufError::Unsupported(format!("tensor type {number}")))?;
        Ok(Tensor { name, shape, offset: self.u64()?, kind })
    }
}

/// The double that prints like the float: 1e-6, not 9.999999974752427e-7.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}
