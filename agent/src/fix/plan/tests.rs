//! Which file of our own a link needs, incident by incident.

use super::*;

const OLD: &str = "52:54:00:aa:bb:01";
const NEW: [u8; 6] = [0x52, 0x54, 0, 0xaa, 0xbb, 2];

fn link(name: &str, mac: [u8; 6]) -> Link {
    Link { name: name.into(), mac: Some(mac), permanent_mac: Some(mac), ..Link::default() }
}

/// Files by name and `[Match]` lines.
fn files(files: &[(&str, &str)]) -> Vec<NetworkFile> {
    let root = tempfile::tempdir().unwrap();
    for (name, lines) in files {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("[Match]\n{lines}\n")).unwrap();
    }
    NetworkFile::load_all(&[root.path()]).unwrap()
}

fn path(plan: &Plan) -> &str {
    match plan {
        Plan::Nothing(_) => "nothing",
        Plan::One { path, .. } => path.to_str().unwrap(),
    }
}

#[test]
fn a_file_pinned_to_the_mac_of_an_earlier_pod_is_freed() {
    let pinned = format!("PermanentMACAddress={OLD}\nName=enp1s0");
    let files = files(&[("10-netplan-enp1s0.network", &pinned), ("80-x.network", "Name=vb-*")]);
    let links = [link("enp1s0", NEW)];
    let plan = plan(&files, &links, &links[0], "enp1s0");
    assert_eq!(path(&plan), "10-netplan-enp1s0.network.d/50-saigak.conf");
    let Plan::One { text, .. } = plan else { unreachable!() };
    assert!(text.ends_with("[Match]\nPermanentMACAddress=\nMACAddress=\nName=\nName=enp1s0\n"));
}

#[test]
fn a_file_that_matches_again_needs_nothing_of_ours() {
    let right = "MACAddress=52:54:00:aa:bb:02\nName=enp1s0";
    let files = files(&[
        ("10-netplan-enp1s0.network", right),
        ("10-netplan-enp1s0.network.d/50-saigak.conf", "MACAddress=\nName=enp1s0"),
        ("95-saigak-enp1s0.network", "Name=enp1s0"),
    ]);
    let links = [link("enp1s0", NEW)];
    let plan = plan(&files, &links, &links[0], "enp1s0");
    assert!(matches!(plan, Plan::Nothing(file) if file.ends_with("10-netplan-enp1s0.network")));
}

#[test]
fn our_own_files_never_count_as_the_configuration() {
    let files = files(&[("95-saigak-enp1s0.network", "Name=enp1s0")]);
    let links = [link("enp1s0", NEW)];
    assert_eq!(path(&plan(&files, &links, &links[0], "enp1s0")), "95-saigak-enp1s0.network");
}

#[test]
fn a_file_for_another_link_is_never_taken() {
    let links = [link("enp1s0", NEW), link("enp2s0", [2, 0, 0, 0, 0, 9])];
    for (name, lines) in [
        // Pinned to the MAC of the other link.
        ("10-netplan-enp1s0.network", "MACAddress=02:00:00:00:00:09\nName=enp1s0"),
        // Pinned to some MAC, and nothing says that it was for this link.
        ("10-netplan-storage.network", "MACAddress=02:00:00:00:00:55"),
        ("10-netplan-enp2s0.network", "MACAddress=02:00:00:00:00:55\nName=enp2s0"),
    ] {
        let files = files(&[(name, lines)]);
        let plan = plan(&files, &links, &links[0], "enp1s0");
        assert_eq!(path(&plan), "95-saigak-enp1s0.network", "{name}");
    }
}

#[test]
fn a_link_with_a_new_name_gets_the_file_of_the_configured_one() {
    let files = files(&[("10-netplan-enp1s0.network", "Name=enp1s0")]);
    let links = [link("ens3", NEW)];
    let plan = plan(&files, &links, &links[0], "enp1s0");
    assert_eq!(path(&plan), "10-netplan-enp1s0.network.d/50-saigak.conf");
    let Plan::One { text, .. } = plan else { unreachable!() };
    assert!(text.ends_with("Name=\nName=ens3\n"));
}
