//! What the agent can say and no scenario shows, each with the reason why.

/// `Condition/Reason`, and why no guest of the lab can be brought to it.
pub const UNSHOWN: &[(&str, &str)] = &[
    (
        "ClockSynchronized/Impossible",
        "a container's clock is the whole machine's, which no scenario may set",
    ),
    (
        "GpuHealthy/Asking",
        "between the driver's first two answers, which come within milliseconds of each other",
    ),
    (
        "NetworkUp/Initializing",
        "networkd waits for udev there, which a container has not: links are taken in at once",
    ),
];
