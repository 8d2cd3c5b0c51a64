//! Inputs that no one should have to survive: one clear error each, soon, and in little memory.

use crate::run::{run, run_within};

/// Of the processor's time, in seconds: far above what any of these takes without optimisation,
/// far below what an unbounded reader would.
pub(crate) const SOON: u32 = 60;
/// KiB of memory, with all that is reserved and never touched.
pub(crate) const LITTLE: u32 = 2 << 20;

/// The one error that an input leads to.
fn error(input: impl AsRef<[u8]>) -> String {
    let ran = run_within(SOON, LITTLE, &["lint", "-"], input);
    assert_eq!(ran.status, 2, "{}", ran.stdout);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    ran.stderr
}

#[track_caller]
fn says(input: impl AsRef<[u8]>, what: &str) {
    let error = error(input);
    assert!(error.contains(what), "{error}");
}

#[test]
fn bombs_are_counted_before_they_go_off() {
    let levels = (1..40).map(|level| {
        let below = format!("*a{}, ", level - 1).repeat(10);
        format!("a{level}: &a{level} [{below}]\n")
    });
    let bomb = levels.collect::<String>();
    says(format!("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{bomb}"), "with aliases followed");
}

#[test]
fn depth_has_an_end() {
    says("[".repeat(100_000), "nested more than 100 levels deep");
    says("- ".repeat(100_000), "nested more than 100 levels deep");
    says("{a: ".repeat(5_000), "nested more than 100 levels deep");
}

#[test]
fn alias_inside_its_own_anchor_is_refused() {
    says("a: &a [1, *a]\n", "alias");
    says("a: *nowhere\n", "not YAML");
}

#[test]
fn key_that_stands_twice_is_refused_with_its_place() {
    says("spec: {}\nkind: X\nspec: {}\n", "<stdin>:3:1: the key \"spec\" stands here twice");
}

#[test]
fn tab_as_indentation_is_refused() {
    says("a:\n\tb: 1\n", "<stdin>:2");
}

#[test]
fn other_encodings_are_refused() {
    says(b"a: \xff\xfe\n", "not UTF-8 from byte 3 on");
    says("a: 1\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(), "<stdin>");
}

#[test]
fn size_has_an_end() {
    says(vec![b'#'; 100_000_000], "larger than 16 MiB");
    says("- 1\n".repeat(1_100_000), "values");
}

/// What is no file has no end, or not even a beginning.
#[test]
fn pipes_and_devices_are_not_read() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().to_str().unwrap();
    let pipe = format!("{path}/user-data");
    let made = std::process::Command::new("mkfifo").arg(&pipe).spawn().unwrap();
    assert!(made.wait_with_output().unwrap().status.success());
    for arguments in [
        ["lint", &pipe, "--fail-on=error"],
        ["lint", path, "--fail-on=error"],
        ["lint", "/dev/zero", "--fail-on=error"],
        ["lint", "-", "--config=/dev/zero"],
        ["lint", "-", "--schemas=/dev/zero"],
        ["lint", "-", "--base=/dev/zero"],
        ["render", path, "--secrets"],
        ["render", path, "--values=/dev/zero"],
        ["smoke", "https://localhost:1", "--cacert=/dev/zero"],
    ] {
        let arguments =
            arguments.map(|argument| argument.replace("--values", "--secrets --values"));
        let mut arguments: Vec<&str> = arguments.iter().flat_map(|a| a.split(' ')).collect();
        if arguments[0] == "smoke" {
            arguments.push("--model=a");
        }
        let ran = run_within(SOON, LITTLE, &arguments, "");
        assert!(
            ran.status > 0 && ran.stderr.contains("not a file"),
            "{arguments:?} {}",
            ran.stderr
        );
        assert_eq!(ran.stderr.lines().count(), 1, "{arguments:?} {}", ran.stderr);
    }
}

/// A machine that listens at no port that matters.
fn machine(number: usize) -> String {
    format!(
        "{{\"apiVersion\": \"kubevirt.io/v1\", \"kind\": \"VirtualMachine\", \"metadata\": \
         {{\"name\": \"m{number}\"}}, \"spec\": {{\"template\": {{\"metadata\": {{\"labels\": \
         {{\"a\": \"b\"}}}}, \"spec\": {{\"domain\": {{\"devices\": {{\"interfaces\": [{{\"name\": \
         \"d\", \"masquerade\": {{}}, \"ports\": [{{\"port\": 1}}]}}]}}}}}}}}}}}}"
    )
}

#[test]
fn what_is_all_alike_does_not_multiply() {
    // Each client names each Service, and each Service selects each machine: a million and more
    // of each fault.
    let objects = (0..200).map(|number| {
        let service = "{apiVersion: v1, kind: Service, metadata: {name: s}, \
                       spec: {selector: {a: b}, ports: [{port: 5}]}}";
        let client = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: c{number}}}, spec: {{containers: \
             [{{env: [{{name: OPENAI_API_BASE_URL, value: 'http://s:6'}}]}}]}}}}"
        );
        [machine(number), service.to_owned(), client].join("\n---\n")
    });
    let input = objects.collect::<Vec<_>>().join("\n---\n");
    let ran = run_within(SOON, LITTLE, &["lint", "-"], input);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stdout.contains(" more left out"), "{}", ran.stdout.len());
}

#[test]
fn whole_cluster_on_one_line_is_shown_in_parts() {
    let machines: Vec<_> = (0..1000).map(machine).collect();
    let input = format!(
        "{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{}]}}",
        machines.join(", ")
    );
    let ran = run_within(SOON, LITTLE, &["lint", "--fail-on=information", "-"], &input);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stdout.lines().all(|line| line.len() < 1000));
    // The last one's place, on the line as it is.
    let column = input.rfind("\"domain\"").unwrap() + 1;
    assert!(ran.stdout.contains(&format!("<stdin>:1:{column}")), "{column}");
}

#[test]
fn empty_inputs_are_clean() {
    for input in ["", "\n", "---\n---\n", "# nothing\n", "null\n", "[]\n", "text\n", "\u{feff}"] {
        assert_eq!(run(&["lint", "-"], input).status, 0, "{input:?}");
    }
}

#[test]
fn kinds_that_are_not_what_they_should_be_do_not_stop_it() {
    let objects = [
        "{apiVersion: kubevirt.io/v1, kind: VirtualMachine, metadata: [], spec: {template: {spec: 7}}}",
        "{apiVersion: kubevirt.io/v1, kind: VirtualMachine, spec: {template: {spec: {volumes: {}, domain: []}}}}",
        "{apiVersion: v1, kind: Secret, data: [], stringData: x}",
        "{apiVersion: v1, kind: Service, spec: {selector: [a], ports: {}}}",
        "{apiVersion: v1, kind: List, items: 3}",
    ];
    let ran = run(&["lint", "-"], objects.join("\n---\n"));
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);
}
