//! The disk that cloud-init's NoCloud reads: an ISO 9660 image with a few files in its root.

mod record;
pub(crate) mod write;
