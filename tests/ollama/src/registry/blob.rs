//! A blob's bytes, from memory or from a file, whole or from some point on.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use tokio::time::{Instant, sleep_until};

use super::faults::Faults;

/// Bytes handed on at once.
const CHUNK: u64 = 64 << 10;

#[derive(Clone, Debug)]
pub(super) enum Blob {
    Memory(Bytes),
    File { path: PathBuf, size: u64 },
}

impl Blob {
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { size, .. } => *size,
        }
    }

    /// The bytes from `start` up to, not including, `end`; `rate` in bytes per second.
    pub(super) fn body(&self, start: u64, end: u64, rate: Option<u64>, faults: &Faults) -> Body {
        struct Sending {
            blob: Blob,
            file: Option<tokio::fs::File>,
            at: u64,
        }
        let began = Instant::now();
        let Faults { cut_after, stall_after, wrong, .. } = *faults;
        let sending = Sending { blob: self.clone(), file: None, at: start };
        let chunks = futures_util::stream::try_unfold(sending, move |mut sending| async move {
            if sending.at >= end {
                return Ok::<_, io::Error>(None);
            }
            let sent = sending.at - start;
            if stall_after.is_some_and(|limit| sent >= limit) {
                std::future::pending::<()>().await;
            }
            if cut_after.is_some_and(|limit| sent >= limit) {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if let Some(rate) = rate {
                sleep_until(began + Duration::from_millis(sent * 1000 / rate.max(1))).await;
            }
            let until = (sending.at + CHUNK).min(end);
            let mut chunk = match &sending.blob {
                Blob::Memory(bytes) => bytes.slice(index(sending.at)?..index(until)?),
                Blob::File { path, .. } => {
                    if sending.file.is_none() {
                        let mut file = tokio::fs::File::open(path).await?;
                        file.seek(SeekFrom::Start(sending.at)).await?;
                        sending.file = Some(file);
                    }
                    let mut chunk = vec![0; index(until - sending.at)?];
                    if let Some(file) = &mut sending.file {
                        file.read_exact(&mut chunk).await?;
                    }
                    chunk.into()
                }
            };
            if wrong {
                chunk = chunk.iter().map(|byte| !byte).collect();
            }
            sending.at = until;
            Ok(Some((chunk, sending)))
        });
        Body::from_stream(chunks)
    }
}

fn index(position: u64) -> io::Result<usize> {
    usize::try_from(position).map_err(io::Error::other)
}
