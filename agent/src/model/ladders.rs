//! The model's ladders: what is done about each reason, smallest first.

use super::repair::Remedy;
use crate::core::{Reason, Rung};
use crate::guest::Remedy as Any;
use crate::ollama::Remedy as Ollama;

const PULL: Any = Any::Model(Remedy::Pull);
const CREATE_ALIAS: Any = Any::Model(Remedy::CreateAlias);
const DROP_DAMAGED: Any = Any::Model(Remedy::DropDamaged);
const UNLOAD: Any = Any::Model(Remedy::Unload);
const STOP_RUNNER: Any = Any::Ollama(Ollama::StopRunner);
const RESTART: Any = Any::Ollama(Ollama::Restart);

pub(super) static MISSING: Reason<Any> =
    Reason::fault("Missing", "see journalctl -u ollama and -u saigak-agent")
        .mended_by(0, &[Rung::forever(PULL, 5, 300)]);

pub(super) static PULL_FAILED: Reason<Any> =
    Reason::fault("PullFailed", "check the way to the model registry: DNS, proxy, firewall")
        .mended_by(5000, &[Rung::forever(PULL, 10, 300)]);

/// The pull waits until there is room: see what holds it back.
pub(super) static NO_ROOM: Reason<Any> =
    Reason::fault("NoRoom", "make room on the data disk, or enlarge it")
        .mended_by(0, &[Rung::forever(PULL, 10, 300)]);

pub(super) static ALIAS_MISSING: Reason<Any> = Reason::fault("Missing", "see journalctl -u ollama")
    .mended_by(0, &[Rung::new(CREATE_ALIAS, 5, 2)]);

/// What came was not what the registry promised. The server removes the first blob that is
/// wrong, and would take all others as they are.
pub(super) static DIGEST_MISMATCH: Reason<Any> = Reason::fault(
    "DigestMismatch",
    "the registry, or a proxy on the way, gives other bytes than it promises",
)
.mended_by(0, &[Rung::new(DROP_DAMAGED, 1, 2), Rung::forever(PULL, 10, 300)]);

/// A pull writes the manifest anew. Where that does not help, it is a small blob that it names.
pub(super) static NO_MANIFEST: Reason<Any> =
    Reason::fault("ManifestUnreadable", "see journalctl -u ollama and -u saigak-agent").mended_by(
        1000,
        &[Rung::new(PULL, 1, 5), Rung::new(DROP_DAMAGED, 1, 5), Rung::forever(PULL, 10, 300)],
    );

pub(super) static ALIAS_NO_MANIFEST: Reason<Any> = Reason::fault(
    "ManifestUnreadable",
    "see journalctl -u ollama",
)
.mended_by(
    1000,
    &[Rung::new(CREATE_ALIAS, 2, 2), Rung::new(DROP_DAMAGED, 1, 5), Rung::new(CREATE_ALIAS, 2, 5)],
);

/// A pull takes what is there as it is.
pub(super) static DAMAGED: Reason<Any> = Reason::fault("WeightsDamaged", DAMAGED_ADVICE)
    .mended_by(1000, &[Rung::new(DROP_DAMAGED, 2, 10)]);

pub(super) static ALIAS_DAMAGED: Reason<Any> = Reason::fault("WeightsDamaged", DAMAGED_ADVICE)
    .mended_by(1000, &[Rung::new(DROP_DAMAGED, 2, 10)]);

/// They are loaded, and compute nonsense, or soon will.
pub(super) static DAMAGED_FILES: Reason<Any> = Reason::fault(
    "Damaged",
    "see journalctl -u saigak-fix-model-blobs for why they were not set aside",
)
.mended_by(0, &[Rung::new(DROP_DAMAGED, 2, 30)]);

pub(super) const UNVERIFIED_ADVICE: &str =
    "see journalctl -t saigak-agent; as root, saigak-agent probe blobs reads them";

const DAMAGED_ADVICE: &str =
    "its files are what their names say, and the server cannot read them: see journalctl -u ollama";

pub(super) static ALIAS_DRIFTED: Reason<Any> =
    Reason::fault("Drifted", "compare ollama show with [model] in the configuration")
        .mended_by(1000, &[Rung::new(CREATE_ALIAS, 2, 10)]);

pub(super) static NOT_FINITE: Reason<Any> =
    Reason::fault("NotFinite", "the model computes nonsense: see journalctl -u ollama and dmesg")
        .mended_by(10_000, &[Rung::new(UNLOAD, 1, 30), Rung::new(RESTART, 1, 60)]);

/// A server writes zeros for numbers that it could not read from its runner.
pub(super) static NOT_UNIT: Reason<Any> =
    Reason::fault("NotUnit", "the model computes nonsense: see journalctl -u ollama and dmesg")
        .mended_by(10_000, &[Rung::new(UNLOAD, 1, 30), Rung::new(RESTART, 1, 60)]);

/// What lies in memory may be damaged, or what lies on the disk: a model is loaded from files
/// whose names tell what they should be, and the server looks at neither again.
pub(super) static WRONG_VECTOR: Reason<Any> = Reason::fault(
    "WrongVector",
    "clients' stored vectors may not fit any more. If a change is meant, such as another version \
     of ollama: rm /var/lib/saigak-agent/references.json && systemctl restart saigak-agent",
)
.mended_by(
    10_000,
    &[Rung::new(UNLOAD, 1, 30), Rung::new(DROP_DAMAGED, 1, 10), Rung::new(RESTART, 1, 60)],
);

pub(super) static SERVER_ERROR: Reason<Any> =
    Reason::fault("ServerError", "see journalctl -u ollama")
        .mended_by(60_000, &[Rung::new(RESTART, 1, 120)]);

/// Said only of a request on its way that nothing moves for. No unload helps there: the server
/// unloads a model once its last request has ended, which is the one that hangs. Where none is on
/// its way a proof is the cure, since an idle server replaces a dead runner when it is asked. So
/// the runner alone is the smallest thing that can be mended. Whoever waits for it gets an error,
/// and is served by another.
pub(super) static STUCK: Reason<Any> = Reason::fault("Stuck", "see journalctl -u ollama")
    .mended_by(0, &[Rung::new(STOP_RUNNER, 1, 20), Rung::new(RESTART, 2, 60)]);
