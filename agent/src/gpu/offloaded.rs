//! From the server's words to `GpuOffloaded`. Pure.

use std::time::Duration;

use super::attached::NOT_EXPECTED;
use super::placed::{Placed, Size};
use crate::core::{Condition, Judgement, Reason, Role, Rung};
use crate::guest::Remedy;
use crate::ollama;

/// The model lies in a GPU's memory.
pub static GPU_OFFLOADED: Condition = Condition {
    name: "GpuOffloaded",
    concern: "gpu",
    role: Role::Required,
    // Not the proof: a model that is slow for lack of a GPU fails it, and this is why.
    needs: &["OllamaServing"],
    explained_by: &["GpuAttached", "GpuDriverLoaded", "GpuHealthy"],
    // How long an answer counts is stated below; a server that was restarted owes another.
    grace: Duration::ZERO,
};

/// How long an answer counts. The server keeps the next one for up to 18 s while it looks for a
/// runner that hangs.
const COUNTS: Duration = Duration::from_secs(60);

static ON_GPU: Reason<Remedy> = Reason::good("OnGpu");
static UNLOADED: Reason<Remedy> = Reason::good("Unloaded");
static ON_CPU: Reason<Remedy> = Reason::fault(
    "OnCpu",
    "journalctl -u ollama | grep -i -e gpu -e cuda -e vram says why, after: systemctl restart \
     ollama",
);
// Once: a server that was started after the GPU and does not use it has a reason that another
// restart does not change. Under this name it cannot come back then.
static STARTED_BEFORE_DRIVER: Reason<Remedy> =
    Reason::fault("StartedBeforeDriver", "systemctl restart ollama, which looks for GPUs once")
        .mended_by(3000, &[Rung::new(Remedy::Ollama(ollama::Remedy::Restart), 1, 60)]);
// A server may count what belongs on the CPU, such as the table of tokens, to the model's size.
static PARTLY_ON_CPU: Reason<Remedy> = Reason::good("PartlyOnCpu");
static MOSTLY_ON_CPU: Reason<Remedy> = Reason::fault(
    "MostlyOnCpu",
    "make room in the GPU's memory: nvidia-smi names who uses it; or give the model less context \
     (num_ctx)",
);
static NOT_LOADED: Reason<Remedy> =
    Reason::unknown("NotLoaded", "the next proof loads the model, and then it is seen");
static UNREADABLE: Reason<Remedy> =
    Reason::unknown("Unreadable", "the server does not say what is loaded: see ollama ps");

/// All that can be said of it.
pub(super) static REASONS: &[&Reason<Remedy>] = &[
    &NOT_EXPECTED,
    &ON_GPU,
    &UNLOADED,
    &ON_CPU,
    &STARTED_BEFORE_DRIVER,
    &PARTLY_ON_CPU,
    &MOSTLY_ON_CPU,
    &NOT_LOADED,
    &UNREADABLE,
];

/// Judges where the model of the start `server` of the server lies. `None`: it does not answer,
/// and what it said before counts for its time. `late`: it was started before the GPU was usable,
/// which it is now.
pub(super) fn judge(
    placed: &Placed,
    server: Option<u128>,
    late: bool,
    uptime: Duration,
) -> Judgement<Remedy> {
    let judged = |reason, message: String| Judgement::new(&GPU_OFFLOADED, reason, message);
    let not_seen = || judged(&NOT_LOADED, "the model has not been seen loaded yet".into());
    if server.is_some_and(|server| server != placed.invocation) {
        return not_seen();
    }
    match (&placed.now, placed.last) {
        (now, Some((size, at))) if uptime < at + COUNTS => {
            let loaded = !matches!(now, Some(Ok(None)));
            let (reason, message) = match by_size(size, loaded) {
                (reason, _) if late && std::ptr::eq(reason, &raw const ON_CPU) => {
                    let message = "the model runs on the CPU: the server was started before the GPU \
                                   could be used";
                    (&STARTED_BEFORE_DRIVER, message.into())
                }
                said => said,
            };
            judged(reason, message).seen(at).until(at + COUNTS)
        }
        (Some(Err(error)), _) => judged(&UNREADABLE, error.clone()),
        _ => not_seen(),
    }
}

fn by_size(size: Size, loaded: bool) -> (&'static Reason<Remedy>, String) {
    let Size { total, on_gpu } = size;
    let (used, all) = (on_gpu >> 20, total >> 20);
    let partly = || format!("{used} of the model's {all} MiB are on a GPU");
    match (on_gpu, loaded) {
        (0, _) => (&ON_CPU, "the model runs on the CPU: none of it is on a GPU".into()),
        (some, _) if some < total / 2 => (&MOSTLY_ON_CPU, partly()),
        (some, _) if some < total => (&PARTLY_ON_CPU, partly()),
        (_, true) => (&ON_GPU, format!("all {all} MiB of the model are on a GPU")),
        (_, false) => (&UNLOADED, "the model is not loaded now; it was on a GPU".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Status;

    const ALL: Size = Size { total: 700, on_gpu: 700 };

    fn said(now: Option<Result<Option<Size>, String>>, last: Option<Size>) -> Judgement<Remedy> {
        let at = Duration::from_secs(100);
        let placed = Placed { invocation: 1, now, last: last.map(|size| (size, at)) };
        judge(&placed, Some(1), false, at)
    }

    #[test]
    fn a_model_belongs_on_the_gpu() {
        for (size, name, status) in [
            (ALL, "OnGpu", Status::True),
            (Size { on_gpu: 699, ..ALL }, "PartlyOnCpu", Status::True),
            (Size { on_gpu: 349, ..ALL }, "MostlyOnCpu", Status::False),
            (Size { on_gpu: 0, ..ALL }, "OnCpu", Status::False),
            (Size { on_gpu: 0, total: 0 }, "OnCpu", Status::False),
        ] {
            let judged = said(Some(Ok(Some(size))), Some(size));
            assert_eq!((judged.reason.name, judged.reason.status), (name, status));
            assert_eq!(judged.expires, Some(Duration::from_secs(160)));
        }
    }

    #[test]
    fn a_model_that_was_unloaded_has_not_fallen_back() {
        assert_eq!(said(Some(Ok(None)), Some(ALL)).reason.name, "Unloaded");
        let on_cpu = Size { on_gpu: 0, ..ALL };
        assert_eq!(said(Some(Ok(None)), Some(on_cpu)).reason.name, "OnCpu");
        assert_eq!(said(Some(Ok(None)), None).reason.name, "NotLoaded");
    }

    #[test]
    fn an_answer_that_stays_away_leaves_the_last_one_for_its_time() {
        let silent = || Some(Err("no answer".to_owned()));
        let judged = said(silent(), Some(ALL));
        assert_eq!(judged.reason.name, "OnGpu");
        assert_eq!(judged.expires, Some(Duration::from_secs(160)));
        assert_eq!(said(silent(), None).reason.name, "Unreadable");
        let placed = Placed { invocation: 1, now: silent(), last: Some((ALL, Duration::ZERO)) };
        assert_eq!(judge(&placed, Some(1), false, COUNTS).reason.name, "Unreadable");
    }

    #[test]
    fn a_restarted_server_owes_an_answer() {
        let last = Some((ALL, Duration::from_secs(100)));
        let placed = Placed { invocation: 1, now: Some(Ok(Some(ALL))), last };
        let name = |server| judge(&placed, server, false, Duration::from_secs(110)).reason.name;
        assert_eq!([Some(2), None].map(name), ["NotLoaded", "OnGpu"]);
    }
}
