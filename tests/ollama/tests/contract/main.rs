//! The stand-in against the transcripts of a real server.
//!
//! The transcripts lie in `ollama-api/` below `SAIGAK_SHARED`, or below `../shared` beside the
//! repository. Where there are none, each replay prints that it is skipped; what the sequences
//! assert by themselves is then still tested.
//!
//! | cases | here | |
//! |---|---|---|
//! | 01-11e, 13c-13d, 13f-13g, 15-17c, 18-18c | `replay` | request by request |
//! | 20-25f, 44j-44l | `replay` | request by request |
//! | 12-12f, 13-13b, 13e | | blob upload and files are not imitated: the agent has no use for them |
//! | 13h, 43-43d, 44i, 61d | | need a name server that fails in a known way: the lab has one |
//! | 19, 25g-30c, 65, 67c-67g, 68-68b, 70 | `runners` | processes, killed and stopped from outside |
//! | 31 | | needs a chat model; the small model embeds |
//! | 40-42b, 44-47b | `pulls` | against a registry that fails on purpose |
//! | 45b, 46b-46e | | take 30 s and more; 46 shows the same code resuming |
//! | 48-50c, 71 | `interruptions` | downloads broken off and resumed |
//! | 60-61c | `starts` | starts that fail |
//! | 62-62g | | need a full file system, hence a mount: the lab has one |
//! | 63-64c, 66 | `damage` | files damaged on disk |
//! | 67, 67b, 69, 72 | | the runner is the same executable and allocates nothing |
//! | | `gpus` | a model on a GPU: not recorded, there was none |
//! | 73 | `pulls` | its parts; the whole with the default name needs a name server |

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "all of this is tests, the helpers too: they panic, print, and date files back"
)]

mod compare;
mod damage;
mod fixture;
mod gpus;
mod http;
mod interruptions;
mod pulls;
mod registries;
mod replay;
mod runners;
mod server;
mod starts;
mod transcripts;
