//! What is said of the agent itself, in place of a condition of the guest: then the guest is not
//! ready, whatever was seen of it before.

/// The condition that it is said of.
pub const AGENT: &str = "Agent";

/// A reason of [`AGENT`]'s. It is always `False`, and nothing is repaired for it.
#[derive(Debug)]
pub struct OwnReason {
    /// Its name.
    pub name: &'static str,
    /// When it is said.
    pub means: &'static str,
    /// What a person can do.
    pub advice: &'static str,
}

/// Before the first look.
pub static STARTING: OwnReason = OwnReason {
    name: "Starting",
    means: "the agent has just started, and has not looked at the guest yet",
    advice: "-",
};

/// Nothing is published any more.
pub static STUCK: OwnReason = OwnReason {
    name: "Stuck",
    means: "the loop has published nothing for 20 s: what it said last counts no more; `WatchdogSec=` has the agent killed and started anew",
    advice: "see journalctl -u saigak-agent",
};

/// There are no settings to go by.
pub static SETTINGS_UNUSABLE: OwnReason = OwnReason {
    name: "SettingsUnusable",
    means: "the settings cannot be used since the agent's start: it looks at nothing and repairs nothing",
    advice: "mend the file that is named, which is then read by itself; see saigak-agent config check",
};

/// All of them.
pub static OWN_REASONS: [&OwnReason; 3] = [&STARTING, &STUCK, &SETTINGS_UNUSABLE];
