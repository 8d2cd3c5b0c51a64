use super::super::probe::{Remapped, Versions, Xid};
use super::*;
use crate::core::Status;

fn gpu() -> Gpu {
    Gpu { uuid: "GPU-1".into(), name: "NVIDIA L4".into(), ..Gpu::default() }
}

fn seen(gpus: Vec<Gpu>) -> Seen {
    let driver = Driver::Up(Versions { driver: "550".into(), library: None });
    Seen { driver, gpus: Some(gpus), ..Seen::default() }
}

fn said(seen: &Seen, uptime: u64) -> (&'static str, Status) {
    let judged = judge(seen, &config::Gpu::default(), Duration::from_secs(uptime)).unwrap();
    (judged.reason.name, judged.reason.status)
}

#[test]
fn each_trouble_has_its_name_and_warnings_are_none() {
    let remapped = |pending, failed| Some(Remapped { pending, failed, ..Remapped::default() });
    for (gpu, name, status) in [
        (gpu(), "Healthy", Status::True),
        (Gpu { lost: true, recovery: Some(2), ..gpu() }, "Lost", Status::False),
        (Gpu { reset: true, ..gpu() }, "ResetRequired", Status::False),
        (Gpu { recovery: Some(0), ..gpu() }, "Healthy", Status::True),
        (Gpu { recovery: Some(1), ..gpu() }, "ResetRequired", Status::False),
        (Gpu { recovery: Some(2), ..gpu() }, "RebootRequired", Status::False),
        (Gpu { recovery: Some(3), ..gpu() }, "DrainRequired", Status::False),
        (Gpu { recovery: Some(4), ..gpu() }, "ResetRequired", Status::False),
        (Gpu { remapped: remapped(true, false), ..gpu() }, "RowRemapPending", Status::True),
        (Gpu { remapped: remapped(true, true), ..gpu() }, "RowRemapFailed", Status::False),
        (Gpu { ecc_uncorrected: Some(0), ..gpu() }, "Healthy", Status::True),
        (Gpu { ecc_uncorrected: Some(2), ..gpu() }, "UncorrectedEcc", Status::False),
        (
            Gpu { ecc_uncorrected: Some(2), recovery: Some(0), ..gpu() },
            "EccContained",
            Status::True,
        ),
        (Gpu { slowdown: Some(0x40), ..gpu() }, "ThermalSlowdown", Status::True),
        (Gpu { slowdown: Some(0x20 | 0x8), ..gpu() }, "ThermalSlowdown", Status::True),
        (Gpu { slowdown: Some(0x80), ..gpu() }, "PowerSlowdown", Status::True),
        // Idle, and at the limit of its power: that is as it should be.
        (Gpu { slowdown: Some(0x1), ..gpu() }, "Healthy", Status::True),
        (Gpu { slowdown: Some(0x4), ..gpu() }, "Healthy", Status::True),
    ] {
        assert_eq!(said(&seen(vec![gpu.clone()]), 0), (name, status), "{gpu:?}");
    }
}

#[test]
fn an_xid_counts_by_the_table_unless_the_driver_tells_what_to_do() {
    for (xid, alone, told) in [
        (13, "ApplicationFault", "ApplicationFault"),
        (48, "ResetRequired", "OtherXid"),
        (63, "RowRemapPending", "RowRemapPending"),
        (64, "RowRemapFailed", "OtherXid"),
        (79, "Lost", "OtherXid"),
        (119, "GspFailed", "OtherXid"),
        (62, "RebootRequired", "OtherXid"),
        (94, "OtherXid", "OtherXid"),
    ] {
        let of = |recovery| {
            let mut seen = seen(vec![Gpu { recovery, ..gpu() }]);
            seen.xids.push((Xid { uuid: "GPU-1".into(), xid }, Duration::from_secs(100)));
            (said(&seen, 101).0, said(&seen, 701).0)
        };
        let later =
            |name| if meaning(xid, false).status == Status::True { "Healthy" } else { name };
        assert_eq!(of(None), (alone, later(alone)), "XID {xid}");
        assert_eq!(of(Some(0)), (told, "Healthy"), "XID {xid}");
    }
}

#[test]
fn the_gravest_of_all_gpus_is_named() {
    let second = Gpu { uuid: "GPU-2".into(), index: 1, lost: true, ..gpu() };
    let seen = seen(vec![Gpu { slowdown: Some(0x40), ..gpu() }, second]);
    let judged = judge(&seen, &config::Gpu::default(), Duration::ZERO).unwrap();
    assert_eq!(judged.reason.name, "Lost");
    assert!(judged.message.starts_with("GPU 1 ("), "{}", judged.message);
}

#[test]
fn what_is_not_told_is_not_judged_and_forbids_nothing() {
    let config = config::Gpu::default();
    let silent = Seen { driver: Driver::Silent, ..seen(vec![gpu()]) };
    assert!(judge(&silent, &config, Duration::ZERO).is_none());
    assert_eq!(forbids_restart(&silent, &config, Duration::ZERO), None);
    assert_eq!(forbids_restart(&seen(vec![gpu()]), &config, Duration::ZERO), None);
    let lost = seen(vec![Gpu { lost: true, ..gpu() }]);
    assert!(forbids_restart(&lost, &config, Duration::ZERO).is_some());
    let asking = Seen { gpus: None, ..lost };
    assert_eq!(said(&asking, 0), ("Asking", Status::Unknown));
    assert_eq!(forbids_restart(&asking, &config, Duration::ZERO), None);
    let amd = config::Gpu { vendor: Vendor::Amd, expected: 1 };
    let judged = judge(&asking, &amd, Duration::ZERO).unwrap();
    assert_eq!(judged.reason.name, "NotObservable");
}
