use super::super::pci::Device;
use super::super::placed::Placed;
use super::super::probe::Versions;
use super::*;

fn facts(driver: Option<&str>) -> Facts {
    let address = "0000:06:00.0".to_owned();
    let device = Device { address, driver: driver.map(Into::into) };
    Facts { devices: Ok(vec![device]), placed: Placed::default() }
}

fn host() -> Host {
    Host { kernel: "6.12.1".into(), ..Host::default() }
}

/// What is said where NVML gave that number.
fn said(code: u32, host: Host, bound: Option<&str>, refused: Option<&str>) -> &'static str {
    let driver = Driver::Down(Failure { code, words: "words".into() });
    let seen = Seen { host, driver, refused: refused.map(Into::into), ..Seen::default() };
    judge(&facts(bound), &seen, &config::Gpu::default()).reason.name
}

#[test]
fn each_cause_of_a_driver_that_is_not_loaded_has_its_name() {
    let built = || Host { built: true, ..host() };
    assert_eq!(said(9, host(), Some("nouveau"), None), "NouveauBound");
    assert_eq!(said(9, host(), Some("vfio-pci"), None), "OtherDriverBound");
    assert_eq!(said(9, host(), None, None), "ModuleNotBuilt");
    assert_eq!(said(12, host(), None, None), "ModuleNotBuilt");
    let other = Host { built_for: Some("6.13".into()), ..host() };
    assert_eq!(said(9, other, None, None), "KernelPending");
    assert_eq!(said(9, built(), None, None), "NotLoaded");
    let words = "Key was rejected by service";
    assert_eq!(said(9, built(), None, Some(words)), "SignatureRefused");
}

#[test]
fn a_driver_that_is_loaded_may_still_be_out_of_reach() {
    let loaded = || Host { loaded: true, built: true, ..host() };
    for (code, name) in [
        (4, "NoPermission"),
        (9, "DevicesMissing"),
        (11, "InterruptTrouble"),
        (12, "LibraryMissing"),
        (17, "BlockedByOs"),
        (18, "VersionMismatch"),
        (999, "ProbeFailed"),
    ] {
        assert_eq!(said(code, loaded(), Some("nvidia"), None), name, "{code}");
    }
}

#[test]
fn in_a_container_the_same_words_mean_a_wrong_path() {
    let contained = || Host { container: Some("docker".into()), loaded: true, ..host() };
    assert_eq!(said(12, contained(), Some("nvidia"), None), "LibraryPathWrong");
    assert_eq!(said(9, contained(), None, None), "LibraryPathWrong");
    assert_eq!(said(18, contained(), None, None), "VersionMismatch");
}

#[test]
fn what_the_probe_does_not_tell_is_not_known() {
    let said = |driver, gpus: Option<usize>| {
        let gpus = gpus.map(|count| vec![super::super::probe::Gpu::default(); count]);
        let seen = Seen { driver, gpus, ..Seen::default() };
        judge(&facts(Some("nvidia")), &seen, &config::Gpu::default()).reason.name
    };
    let up = || Driver::Up(Versions { driver: "550".into(), library: None });
    assert_eq!(said(Driver::NotAsked, None), "Asking");
    assert_eq!(said(Driver::Silent, None), "ProbeHangs");
    assert_eq!(said(Driver::NoProbe("gone".into()), None), "ProbeFailed");
    assert_eq!(
        [None, Some(1), Some(0)].map(|it| said(up(), it)),
        ["Loaded", "Loaded", "NotAllDriven"]
    );
}

#[test]
fn other_vendors_are_known_by_the_driver_that_is_bound() {
    let said = |vendor, driver| {
        let config = config::Gpu { vendor, expected: 1 };
        judge(&facts(driver), &Seen::default(), &config).reason.name
    };
    assert_eq!(said(Vendor::Amd, Some("amdgpu")), "Loaded");
    assert_eq!(said(Vendor::Intel, Some("i915")), "Loaded");
    assert_eq!(said(Vendor::Intel, Some("xe")), "Loaded");
    assert_eq!(said(Vendor::Intel, Some("vfio-pci")), "OtherDriverBound");
    assert_eq!(said(Vendor::Amd, None), "Unbound");
    // What a pod sees of a node without one.
    let none = Facts { devices: Ok(Vec::new()), ..facts(None) };
    let config = config::Gpu { vendor: Vendor::Intel, expected: 1 };
    assert_eq!(judge(&none, &Seen::default(), &config).reason.name, "Unbound");
    let hidden = Facts { devices: Err("denied".into()), ..facts(None) };
    assert_eq!(judge(&hidden, &Seen::default(), &config).reason.name, "Unreadable");
}
