//! First boot: what cloud-init still sets up is not repaired meanwhile.
//!
//! | condition | holds when |
//! |---|---|
//! | `BootstrapComplete` | cloud-init has finished, or is disabled, or is not installed |

mod check;
mod facts;

pub use check::{BOOTSTRAP_COMPLETE, REASONS, check, holds_all, holds_network};
pub use facts::{Facts, Stage, look};
