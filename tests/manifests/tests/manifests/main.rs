//! `cloud-init/` and `vm-manifests/`, as kustomize renders them.
//!
//! | here | what |
//! |---|---|
//! | `repository` | a copy of both folders that can be changed and rendered |
//! | `objects` | the rendered objects |
//! | `vm`, `services`, `storage` | what must fit between one object and another |
//! | `guest` | what the guest is told by cloud-init |
//! | `format` | the one step that could destroy data: the script of user-data, run on files |
//! | `schemas` | each object and file by itself |
//! | `shipped` | all of it, for the files as they are: no findings |
//! | `twins` | all of it, for files broken on purpose: each check can fail |
//!
//! Rendering needs `kustomize` (a package of Debian 13), or kubectl, which carries it. The schemas
//! lie in `schemas/` below `SAIGAK_SHARED`, or below `../shared` beside the repository. A test
//! that lacks one of them says so and is skipped.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "all of this is tests, the helpers too: they panic, print, and run programs"
)]

mod choices;
mod format;
mod guest;
mod lint;
mod network;
mod objects;
mod repository;
mod schemas;
mod services;
mod shipped;
mod storage;
mod tools;
mod twins;
mod typed;
mod vm;
