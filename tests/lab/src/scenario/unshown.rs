//! What the agent can say and no scenario shows, each with the reason why.

const AS_FIRST: &str = "judged by the proofs that the first model's scenarios play";
const BRIEF: &str = "a pull of a file on the guest may be over before anybody looks";
const AS_REQUIRED: &str = "judged as for FurtherModelsServed; only the role is another";

/// `Condition/Reason`, and why no guest of the lab can be brought to it.
pub const UNSHOWN: &[(&str, &str)] = &[
    (
        "ClockSynchronized/Impossible",
        "a container's clock is the whole machine's, which no scenario may set",
    ),
    ("FurtherModelsServed/Damaged", AS_FIRST),
    ("FurtherModelsServed/NoEmbedding", AS_FIRST),
    ("FurtherModelsServed/Pulling", BRIEF),
    ("OptionalModelsServed/AliasNotAsDeclared", AS_REQUIRED),
    ("OptionalModelsServed/Damaged", AS_REQUIRED),
    ("OptionalModelsServed/NoEmbedding", AS_REQUIRED),
    ("OptionalModelsServed/NotProven", AS_REQUIRED),
    ("OptionalModelsServed/OtherModel", AS_REQUIRED),
    ("OptionalModelsServed/Pulling", AS_REQUIRED),
    (
        "GpuDriverLoaded/Unreadable",
        "said in a pod with another vendor's GPU alone: in a guest GpuAttached says it first",
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
