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
        mtu: Some(1400),
        routes: vec![Way { to: Ipv4Addr::UNSPECIFIED, prefix: 0, gateway, metric: 100 }],
        dns: vec![gateway],
        domains: vec!["vm.example".into()],
        ntp: vec![gateway],
    }
}

fn address() -> Holding {
    let file = "/run/systemd/network/10-a.network".into();
    Holding::Addresses { all: vec![Ipv4Addr::new(192, 0, 2, 1)], file }
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
    assert_eq!(note(address()), Outcome::Refused);
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
    // Whatever the link's files say: they are not even read.
    let act = || {
        let unread = || Err(Reply::failed("read"));
        outcome(act(&link(), &holding, unread, "a", &note, &runtime))
    };
    assert_eq!(act(), Outcome::Done);
    assert!(!old.exists() && !note.exists());
    assert_eq!(act(), Outcome::Unneeded);
}

#[test]
fn a_link_that_is_configured_otherwise_ends_the_repetition() {
    let root = tempfile::tempdir().unwrap();
    let (note, runtime) = (root.path().join("lease.json"), root.path().join("network"));
    let base = runtime.join("10-a.network");
    let ours = runtime.join("10-a.network.d").join(LEASE);
    file::put(&ours, &drop_in(&lease(), true)).unwrap();
    let with = |text: &str| {
        file::put(&base, text).unwrap();
        let files = NetworkFile::load_all(&[&runtime]).unwrap();
        outcome(act(&link(), &address(), || Ok(files), "a", &note, &runtime))
    };
    assert_eq!(with("[Match]\nName=enp1s0\n[Network]\nDHCP=yes\n"), Outcome::Unneeded);
    let beside = "[Match]\nName=enp1s0\n[Network]\nDHCP=yes\nAddress=192.0.2.1/24\n";
    assert_eq!(with(beside), Outcome::Unneeded);
    assert!(ours.exists());
    let person = "[Match]\nName=enp1s0\n[Network]\nAddress=192.0.2.1/24\n";
    assert_eq!(with(person), Outcome::Done);
    assert!(!ours.exists() && base.exists());
}

#[test]
fn a_lease_is_repeated_only_beside_a_file_that_asks_for_one() {
    let root = tempfile::tempdir().unwrap();
    let (note, runtime) = (root.path().join("lease.json"), root.path().join("network"));
    note_down(Holding::Lease(lease()), "a".into(), &note).unwrap();
    let base = runtime.join("10-a.network");
    let ours = runtime.join("10-a.network.d").join(LEASE);
    let with = |text: &str| {
        file::put(&base, text).unwrap();
        let files = NetworkFile::load_all(&[&runtime]).unwrap();
        outcome(act(&link(), &Holding::Nothing, || Ok(files), "a", &note, &runtime))
    };
    assert_eq!(with("[Match]\nName=enp1s0\n[Network]\nAddress=192.0.2.1/24\n"), Outcome::Failed);
    assert!(!ours.exists());
    let netplan = "[Match]\nName=enp1s0\n[Network]\nDHCP=ipv4\n[DHCP]\nUseMTU=true\n";
    assert_eq!(with(netplan), Outcome::Done);
    assert!(fs::read_to_string(&ours).unwrap().contains("MTUBytes=1400\n"));
    // What the agent itself has written changes nothing of that.
    assert_eq!(with(netplan), Outcome::Unneeded);
}

#[test]
fn nothing_is_repeated_over_an_address_without_a_note_or_for_another_link_or_boot() {
    let root = tempfile::tempdir().unwrap();
    let (note, runtime) = (root.path().join("lease.json"), root.path().join("network"));
    let act = |link: &Link, holding: &Holding| {
        act(link, holding, || Ok(Vec::new()), "a", &note, &runtime)
    };
    assert_eq!(outcome(act(&link(), &address())), Outcome::Unneeded);
    let nothing = |link: &Link| act(link, &Holding::Nothing).unwrap_err();
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
    let text = drop_in(&lease(), true);
    for line in [
        "MTUBytes=1400",
        "DNS=10.0.2.1",
        "Domains=vm.example",
        "NTP=10.0.2.1",
        "Destination=0.0.0.0/0",
        "Metric=100",
        "Address=10.0.2.2/24",
        "DuplicateAddressDetection=ipv4",
        "Gateway=10.0.2.1",
        "GatewayOnLink=yes",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    let bare = drop_in(&Lease { routes: Vec::new(), ..lease() }, false);
    assert!(!bare.contains("[Route]") && !bare.contains("[Link]"), "{bare}");
}
