//! Files of our own come, stay and go; nobody else's are touched.

use std::fs;

use super::*;
use crate::fix::Outcome;

fn one(path: &str, text: &str) -> Plan {
    Plan::One { path: path.into(), text: text.into() }
}

#[test]
fn files_of_ours_come_stay_and_go() {
    let root = tempfile::tempdir().unwrap();
    let runtime = root.path().join("network");
    let drop_in = "10-netplan-enp1s0.network.d/50-saigak.conf";

    let reply = carry_out(&one(drop_in, "a"), &runtime).unwrap();
    assert_eq!(reply.outcome, Outcome::Done);
    assert_eq!(fs::read_to_string(runtime.join(drop_in)).unwrap(), "a");
    let folder = runtime.join("10-netplan-enp1s0.network.d");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no temporary file stays");

    assert_eq!(carry_out(&one(drop_in, "a"), &runtime).unwrap().outcome, Outcome::Unneeded);
    assert_eq!(carry_out(&one(drop_in, "b"), &runtime).unwrap().outcome, Outcome::Done);

    // Another plan replaces ours, and only ours.
    fs::write(folder.join("60-site.conf"), "theirs").unwrap();
    fs::write(runtime.join("10-netplan-enp1s0.network"), "theirs").unwrap();
    let whole = "95-saigak-enp1s0.network";
    assert_eq!(carry_out(&one(whole, "c"), &runtime).unwrap().outcome, Outcome::Done);
    assert!(runtime.join(whole).exists() && !runtime.join(drop_in).exists());

    let nothing = Plan::Nothing("10-netplan-enp1s0.network".into());
    let reply = carry_out(&nothing, &runtime).unwrap();
    assert_eq!(reply.outcome, Outcome::Done);
    assert!(reply.message.starts_with("withdrew "), "{}", reply.message);
    assert!(!runtime.join(whole).exists() && folder.join("60-site.conf").exists());
    assert!(runtime.join("10-netplan-enp1s0.network").exists());
    assert_eq!(carry_out(&nothing, &runtime).unwrap().outcome, Outcome::Unneeded);
}

#[test]
fn a_directory_that_cannot_be_written_is_a_failure_with_its_path() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("network");
    fs::write(&file, "").unwrap();
    let reply = carry_out(&one("95-saigak-x.network", ""), &file).unwrap_err();
    assert_eq!(reply.outcome, Outcome::Failed);
    assert!(reply.message.contains("network/95-saigak-x.network: "), "{}", reply.message);
}
