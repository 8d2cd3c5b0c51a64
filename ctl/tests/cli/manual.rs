//! Manual pages and completions.

use tempfile::TempDir;

use crate::run::run;

#[test]
fn everything_that_can_be_typed_has_a_page_and_is_completed() {
    let folder = TempDir::new().unwrap();
    let ran = run(&["manual", folder.path().to_str().unwrap()], "");
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
    let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
    let help = run(&["--help"], "").stdout;
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: Vec<&str> = commands
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.contains(&"smoke") && commands.len() > 4, "{help}");
    let files = [
        read("bash-completion/completions/saigakctl"),
        read("zsh/site-functions/_saigakctl"),
        read("fish/vendor_completions.d/saigakctl.fish"),
        read("man/man1/saigakctl.1"),
    ];
    for name in commands {
        assert!(read(&format!("man/man1/saigakctl-{name}.1")).contains(".SH SYNOPSIS"));
        for file in &files {
            assert!(file.contains(name), "{name} is not in {file}");
        }
    }
}

#[test]
fn what_cannot_be_written_is_named() {
    let ran = run(&["manual", "/dev/null"], "");
    assert_eq!(ran.status, 73);
    assert!(ran.stderr.contains("/dev/null/man/man1: "), "{}", ran.stderr);
}
