//! A lease is noted, repeated for the same link, and given back for the next one.

use std::net::Ipv4Addr;

use super::*;
use crate::fix::Outcome;

fn link() -> Link {
    Link { name: "enp1s0".into(), mac: Some([2, 0, 0, 0, 0, 1]), ..Link::default() }
}

fn lease() -> Lease {
    let gateway = Ipv4Addr::new(10, 0, 2, 1);
    Lease {
        mac: [2, 0, 0, 0, 0, 1],
        address: Ipv4Addr::new(10, 0, 2, 2),
        prefix: 24,
        gateway: Some(gateway),
        dns: vec![gateway],
    }
}

fn outcome(result: Result<Reply, Reply>) -> Outcome {
    result.unwrap_or_else(|reply| reply).outcome
}

#[test]
fn a_lease_is_noted_once_with_its_boot_and_only_a_lease() {
    let root = tempfile::tempdir().unwrap();
    let to = root.path().join("lease.json");
    let note = |holding| outcome(note_down(holding, "a".into(), &to));
    assert_eq!(note(Holding::Nothing), Outcome::Refused);
    assert_eq!(note(Holding::Address(Ipv4Addr::new(192, 0, 2, 1))), Outcome::Refused);
    assert!(!to.exists());
    assert_eq!(note(Holding::Lease(lease())), Outcome::Done);
    let text = fs::read_to_string(&to).unwrap();
    let expected = Note { boot: "a".into(), lease: lease() };
    assert_eq!(serde_json::from_str::<Note>(&text).unwrap(), expected);
    assert_eq!(note(Holding::Lease(lease())), Outcome::Unneeded);
}

#[test]
fn a_lease_ends_its_forerunner_s_repetition_and_is_not_noted_by_that() {
    let root = tempfile::tempdir().unwrap();
    let (note, runtime) = (root.path().join("lease.json"), root.path().join("network"));
    let old = runtime.join("10-a.network.d").join(LEASE);
    file::put(&old, "").unwrap();
    let holding = Holding::Lease(lease());
    assert_eq!(outcome(act(&link(), &holding, "a", &note, &runtime)), Outcome::Done);
    assert!(!old.exists() && !note.exists());
    assert_eq!(outcome(act(&link(), &holding, "a", &note, &runtime)), Outcome::Unneeded);
}

#[test]
fn nothing_is_repeated_over_an_address_without_a_note_or_for_another_link_or_boot() {
    let root = tempfile::tempdir().unwrap();
    let (note, runtime) = (root.path().join("lease.json"), root.path().join("network"));
    let address = Holding::Address(Ipv4Addr::new(192, 0, 2, 1));
    assert_eq!(outcome(act(&link(), &address, "a", &note, &runtime)), Outcome::Unneeded);
    let nothing = |link: &Link| act(link, &Holding::Nothing, "a", &note, &runtime).unwrap_err();
    assert_eq!(nothing(&link()).outcome, Outcome::Failed);
    let noted = |boot: &str| {
        let text = serde_json::to_string(&Note { boot: boot.into(), lease: lease() }).unwrap();
        fs::write(&note, text).unwrap();
    };
    noted("a");
    let other = Link { mac: Some([2, 0, 0, 0, 0, 2]), ..link() };
    assert!(nothing(&other).message.contains("another MAC"));
    noted("b");
    assert!(nothing(&link()).message.contains("another boot"));
    fs::write(&note, "{").unwrap();
    assert_eq!(nothing(&link()).outcome, Outcome::Failed);
    assert!(!runtime.exists());
}

#[test]
fn a_repeated_lease_is_probed_for_another_owner() {
    let text = drop_in(&lease());
    for line in [
        "DNS=10.0.2.1",
        "Address=10.0.2.2/24",
        "DuplicateAddressDetection=ipv4",
        "Gateway=10.0.2.1",
        "GatewayOnLink=yes",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    let bare = Lease { gateway: None, dns: Vec::new(), ..lease() };
    assert!(!drop_in(&bare).contains("[Route]") && !drop_in(&bare).contains("[Network]"));
}
