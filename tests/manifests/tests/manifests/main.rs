//! `cloud-init/` and `vm-manifests/`, as kustomize renders them.
//!
//! | here | what |
//! |---|---|
//! | `repository` | a copy of both folders that can be changed and rendered |
//! | `choices` | the overlays, and what their owner chooses |
//! | `objects` | the rendered objects |
//! | `vm`, `services`, `storage`, `network` | what must fit between one object and another |
//! | `pods` | the same for a server and an agent in one pod |
//! | `references` | whether everything that is named is there |
//! | `guest` | what the guest is told by cloud-init |
//! | `format` | the one step that could destroy data: the script of user-data, run on files |
//! | `schemas`, `typed` | each object and file by itself |
//! | `shipped` | all of it, for the files as they are: no findings |
//! | `twins` | all of it, for files broken on purpose: each check can fail |
//! | `lint` | the same for `saigakctl lint`, over each overlay with the cluster around it |
//! | `alerts` | the alert rules, on what guests of the lab have told Prometheus |
//! | `inhibition` | which alerts silence which |
//! | `dashboard` | its queries |
//! | `picture` | what they give, drawn for the documents |
//! | `documents` | what the documents promise |
//!
//! Rendering needs `kustomize` (a package of Debian 13), or kubectl, which carries it, and the
//! alerts need `promtool` and `amtool`, the picture `prometheus`; `cargo lab tools` fetches them. The
//! schemas lie in `schemas/` below `SAIGAK_SHARED`, or below `../shared` beside the repository. A test
//! that lacks one of them says so and is skipped.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "all of this is tests, the helpers too: they panic, print, and run programs"
)]

mod alerts;
mod choices;
mod dashboard;
mod documents;
mod format;
mod guest;
mod inhibition;
mod lint;
mod network;
mod objects;
mod picture;
mod pods;
mod references;
mod repository;
mod schemas;
mod services;
mod shipped;
mod storage;
mod tools;
mod twins;
mod typed;
mod vm;
