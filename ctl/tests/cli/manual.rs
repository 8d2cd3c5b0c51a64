//! Manual pages and completions.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use flate2::read::GzDecoder;
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

/// What the build wrote beside the program says the same.
#[test]
fn build_writes_the_same_pages_for_whoever_packs_them() {
    let folder = TempDir::new().unwrap();
    assert_eq!(run(&["manual", folder.path().to_str().unwrap()], "").status, 0);
    let built = Path::new(env!("OUT_DIR")).ancestors().nth(3).unwrap().join("manual/saigakctl");
    let mut pages = 0;
    for page in std::fs::read_dir(folder.path().join("man/man1")).unwrap() {
        let page = page.unwrap();
        let packed = built.join(format!("{}.gz", page.file_name().to_str().unwrap()));
        let mut text = String::new();
        GzDecoder::new(File::open(packed).unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, std::fs::read_to_string(page.path()).unwrap(), "{page:?}");
        pages += 1;
    }
    assert!(pages > 4, "{pages}");
    for (written, file) in [
        ("bash-completion/completions/saigakctl", "saigakctl.bash"),
        ("zsh/site-functions/_saigakctl", "_saigakctl"),
        ("fish/vendor_completions.d/saigakctl.fish", "saigakctl.fish"),
    ] {
        let read = |path| std::fs::read_to_string(path).unwrap();
        assert_eq!(read(built.join(file)), read(folder.path().join(written)), "{file}");
    }
}

#[test]
fn what_cannot_be_written_is_named() {
    let ran = run(&["manual", "/dev/null"], "");
    assert_eq!(ran.status, 73);
    assert!(ran.stderr.contains("/dev/null/man/man1: "), "{}", ran.stderr);
}
