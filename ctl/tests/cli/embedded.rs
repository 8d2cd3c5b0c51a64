//! Faults in texts inside other texts, and where they are reported.

use serde_json::Value;

use crate::run::run;

fn report(text: &str) -> Value {
    serde_json::from_str(&run(&["lint", "--format=json", "-"], text).stdout).unwrap()
}

/// Line and column of what a rule found.
fn place(text: &str, rule: &str) -> (u64, u64) {
    let report = report(text);
    let finding = report["findings"].as_array().unwrap().iter().find(|f| f["rule"] == rule);
    let finding = finding.unwrap_or_else(|| panic!("no {rule} in {report:#}"));
    (finding["line"].as_u64().unwrap(), finding["column"].as_u64().unwrap())
}

const HEAD: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: seed\n";

#[test]
fn literal_block_is_reported_in_the_outer_file() {
    let text = format!(
        "{HEAD}stringData:\n  userdata: |\n    #cloud-config\n\n    network:\n      version: 2\n"
    );
    assert_eq!(place(&text, "CI004"), (9, 5));
    assert_eq!(place(&text.replace('\n', "\r\n"), "CI004"), (9, 5), "with CRLF");
    assert_eq!(place(&format!("\u{feff}{text}"), "CI004"), (9, 5), "with a byte order mark");
}

#[test]
fn base64_is_reported_as_a_whole() {
    // #cloud-config, network: {version: 2}
    let text =
        format!("{HEAD}data:\n  userdata: I2Nsb3VkLWNvbmZpZwpuZXR3b3JrOiB7dmVyc2lvbjogMn0K\n");
    assert_eq!(place(&text, "CI004"), (6, 13));
}

#[test]
fn base64_that_is_none_cannot_be_read() {
    let report = report(&format!("{HEAD}data:\n  userdata: '*'\n"));
    assert_eq!(report["errors"][0]["line"], 6);
    // A certificate or a key is nobody's text.
    let binary = format!("{HEAD}data:\n  tls.key: /w==\n");
    assert_eq!(self::report(&binary)["errors"], serde_json::json!([]));
}

#[test]
fn broken_user_data_is_reported_where_it_breaks() {
    let text =
        format!("{HEAD}stringData:\n  userdata: |\n    #cloud-config\n    a: [\n    b: }}\n");
    let error = &report(&text)["errors"][0];
    assert!(error["line"].as_u64().unwrap() >= 8, "{error}");
}

#[test]
fn network_data_inside_a_list_of_objects_is_found() {
    let item = format!("{HEAD}stringData:\n  networkdata: 'ethernets: {{}}'\n");
    let item = item
        .lines()
        .enumerate()
        .map(|(i, line)| format!("{}{line}\n", if i == 0 { "  - " } else { "    " }));
    let text = format!("apiVersion: v1\nkind: List\nitems:\n{}", item.collect::<String>());
    assert_eq!(place(&text, "CI006").0, 9);
}
