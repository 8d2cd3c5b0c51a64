//! How often each function was called, for whoever wants to know what an idle client costs.
//!
//! It lies in an anonymous file called `nvml-calls`, which others read through the caller's
//! `/proc/PID/fd`: a sandboxed caller could write nowhere else.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{LazyLock, Mutex, PoisonError};

use nix::sys::memfd::{MFdFlags, memfd_create};

const NAME: &CStr = c"nvml-calls";

struct Tally {
    calls: BTreeMap<&'static str, u64>,
    file: Option<File>,
}

static TALLY: LazyLock<Mutex<Tally>> = LazyLock::new(|| {
    let file = memfd_create(NAME, MFdFlags::MFD_CLOEXEC).ok().map(File::from);
    Mutex::new(Tally { calls: BTreeMap::new(), file })
});

/// Counts a call.
pub(crate) fn count(function: &'static str) {
    let mut tally = TALLY.lock().unwrap_or_else(PoisonError::into_inner);
    *tally.calls.entry(function).or_default() += 1;
    // Numbers only grow, and so does the text: nothing of an older one is left behind it.
    if let (Some(file), Ok(text)) = (&tally.file, serde_json::to_vec(&tally.calls)) {
        let _ = file.write_all_at(&text, 0);
    }
}
