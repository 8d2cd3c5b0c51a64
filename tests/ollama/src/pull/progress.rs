//! The lines that a pull reports.

use serde::Serialize;
use tokio::sync::mpsc;

/// One line. Numbers that are zero are left out, as Go leaves them out.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Progress {
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    total: u64,
    #[serde(skip_serializing_if = "is_zero")]
    completed: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Progress {
    pub(crate) fn status(status: impl Into<String>) -> Self {
        Self { status: status.into(), ..Self::default() }
    }

    /// `completed` of `total` bytes of a blob.
    pub(super) fn blob(digest: &str, total: u64, completed: u64) -> Self {
        // "sha256:" and the first twelve digits
        let short = digest.get(7..19).unwrap_or(digest);
        let status = format!("pulling {short}");
        Self { status, digest: Some(digest.to_owned()), total, completed }
    }
}

pub(super) async fn say(report: &mpsc::Sender<Progress>, status: &str) {
    send(report, Progress::status(status)).await;
}

/// A client that left hears nothing; the caller's task ends when its answer is dropped.
pub(super) async fn send(report: &mpsc::Sender<Progress>, line: Progress) {
    let _ = report.send(line).await;
}
