//! A configuration that cannot be used says where and why, in one line.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::*;

mod further;

/// A directory of drop-in files, removed at the end of the test.
struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn load(&self) -> Result<Config, ConfigError> {
        load(&[self.0.path()])
    }
}

/// The error line for one file, without the directory.
fn complaint(content: &str) -> String {
    let files = Files::new(&[("a.toml", content.as_bytes())]);
    let line = files.load().unwrap_err().to_string();
    line.strip_prefix(&format!("{}/", files.0.path().display())).unwrap().to_owned()
}

#[test]
fn without_files_the_defaults_count() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(load(&[directory.path().join("absent")]).unwrap(), Config::default());
    assert_eq!(Files::new(&[]).load().unwrap(), Config::default());
}

#[test]
fn a_later_file_overrides_only_the_keys_that_it_sets() {
    let files = Files::new(&[
        ("50-b.toml", b"[ollama]\nport = 2\n[model.parameters]\nnum_ctx = 8192\n"),
        (
            "10-a.toml",
            b"[ollama]\nport = 1\nunit = \"x.service\"\n[model.parameters]\nseed = 1.5\n",
        ),
        ("90-c.conf", b"not read"),
        (".hidden.toml", b"not read"),
    ]);
    let config = files.load().unwrap();
    assert_eq!((config.ollama.port, config.ollama.unit.as_str()), (2, "x.service"));
    let parameters: Vec<_> = config.model.parameters.into_iter().collect();
    assert_eq!(
        parameters,
        [
            ("num_ctx".to_owned(), Parameter::Integer(8192)),
            ("seed".to_owned(), Parameter::Float(1.5))
        ]
    );
}

#[test]
fn a_file_replaces_one_of_the_same_name_in_an_earlier_directory() {
    let files = Files::new(&[
        ("usr/50.toml", b"[ollama]\nport = 1\n[proof]\ninterval_seconds = 5\n"),
        ("etc/50.toml", b"[ollama]\nport = 2\n"),
    ]);
    let config = load(&[files.path("usr"), files.path("etc")]).unwrap();
    assert_eq!(config.ollama.port, 2);
    assert_eq!(config.proof.interval, Duration::from_secs(10), "the first file is not read at all");
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_one() {
    for (content, expected) in [
        (
            "[proof]\n# why\nintervall_seconds = 3\n",
            "a.toml:3: unknown key `proof.intervall_seconds`, did you mean `proof.interval_seconds`?",
        ),
        ("port = 3\n", "a.toml:1: unknown key `port`, did you mean `ollama.port`?"),
        ("[storag]\npath = \"/data\"\n", "a.toml:1: unknown key `storag`, did you mean `storage`?"),
        (
            "[network]\nlink = \"eth0\"\n\nowner = \"me\"\n",
            "a.toml:4: unknown key `network.owner`, did you mean `storage.owner`?",
        ),
    ] {
        assert_eq!(complaint(content), expected);
    }
}

#[test]
fn a_wrong_type_is_named_with_what_is_accepted() {
    for (content, expected) in [
        (
            "[ollama]\nport = \"http\"\n",
            "a.toml:2: `ollama.port` must be a whole number from 1 to 65535",
        ),
        ("network = 3\n", "a.toml:1: `network` must be a table"),
        (
            "[model]\nparameters = 3\n",
            "a.toml:2: `model.parameters` must be a table of numbers, texts and booleans",
        ),
        (
            "[model.parameters]\nnum_ctx = 1\nstop = [\"a\"]\n",
            "a.toml:3: `model.parameters.stop` must be a number, a text or a boolean",
        ),
        ("[ollama]\nport = 1\nport = 2\n", "a.toml:3: duplicate key"),
    ] {
        assert_eq!(complaint(content), expected);
    }
}

#[test]
fn impossible_values_are_refused() {
    for content in [
        "[ollama]\nport = 0\n",
        "[ollama]\nport = 65536\n",
        "[ollama]\nunit = \"ollama\"\n",
        "[ollama]\nunit = \"a@.service\"\n",
        "[serve]\nlisten = \"localhost:7244\"\n",
        "[serve]\nlisten = \"0.0.0.0:0\"\n",
        "[network]\nlink = \"sixteen-bytes-xx\"\n",
        "[network]\nlink = \"a b\"\n",
        "[network]\nlink = \"a/b\"\n",
        "[network]\ndriver = \"\"\n",
        "[storage]\npath = \"data\"\n",
        "[storage]\npath = \"/\"\n",
        "[storage]\npath = \"/var/lib\"\n",
        "[storage]\npath = \"/var/lib/ollama/\"\n",
        "[storage]\npath = \"/var/lib/../../etc\"\n",
        "[storage]\npath = \"/etc/ollama\"\n",
        "[storage]\npath = \"/tmp/models\"\n",
        "[storage]\nminimum_free_bytes = -1\n",
        "[storage]\nowner = \"a:b\"\n",
        "[model]\nalias = \"\"\n",
        "[model]\nalias = \"https://registry.ollama.ai/library/foo:1\"\n",
        "[model]\nsource = \"http://10.0.0.1:5000/library/foo:1\"\n",
        "[model]\ndimension = 0\n",
        "[model]\nweights = \"sha256:ab12\"\n",
        "[proof]\ninterval_seconds = 0\n",
        "[bootstrap]\nhold_seconds = 86401\n",
    ] {
        let line = complaint(content);
        assert!(
            line.starts_with("a.toml:2: `") && line.contains("` must be "),
            "{content}: {line}"
        );
    }
    assert!(
        Files::new(&[("a.toml", b"[storage]\npath = \"/mnt/models\"\nminimum_free_bytes = 0\n")])
            .load()
            .is_ok()
    );
}

#[test]
fn keys_that_contradict_each_other_are_refused_where_the_last_was_set() {
    let files = Files::new(&[
        ("1.toml", b"[proof]\nfresh_seconds = 60\n"),
        ("2.toml", b"\n\n[proof]\ngrace_seconds = 50\n"),
    ]);
    let expected = "2.toml:4: `proof.grace_seconds` (50) is less than `proof.fresh_seconds` (60)";
    assert!(files.load().unwrap_err().to_string().ends_with(expected));
    assert_eq!(
        complaint("[proof]\ninterval_seconds = 21\n"),
        "a.toml:2: `proof.fresh_seconds` (30) is less than `proof.interval_seconds` (21) and 10 more"
    );
    let close = Files::new(&[("a.toml", b"[proof]\ninterval_seconds = 20\n")]);
    assert_eq!(close.load().unwrap().proof.interval, Duration::from_secs(20));
}

#[test]
fn an_alias_that_the_server_takes_for_the_source_is_refused() {
    for (source, alias) in [
        ("qwen3-embedding:0.6b", "qwen3-embedding:0.6b"),
        ("Foo:1", "foo:1"),
        ("foo", "foo:latest"),
        ("registry.ollama.ai/library/foo:1", "foo:1"),
    ] {
        assert_eq!(
            complaint(&format!("[model]\nsource = \"{source}\"\nalias = \"{alias}\"\n")),
            "a.toml:3: `model.alias` and `model.source` must be two models",
            "{source} {alias}"
        );
    }
}

#[test]
fn a_check_names_every_file_that_cannot_be_read() {
    let files = Files::new(&[
        ("1.toml", b"[ollama]\nport = \n"),
        ("2.toml", b"[ollama]\nport = 3\n"),
        ("3.toml", b"\n[storag]\n"),
    ]);
    let lines: Vec<_> = check(&[files.0.path()]).iter().map(ConfigError::line).collect();
    assert_eq!(lines, [Some(2), Some(2)]);
    let files = Files::new(&[("1.toml", b"[ollama]\nport = 0\n")]);
    assert_eq!(check(&[files.0.path()]), [files.load().unwrap_err()]);
    assert!(check(&[files.0.path().join("absent")]).is_empty());
}

#[test]
fn what_is_no_toml_or_no_text_is_one_line_too() {
    assert!(complaint("[ollama]\nport = \n").starts_with("a.toml:2: "));
    let files = Files::new(&[("a.toml", b"[ollama]\nunit = \"\xff.service\"\n")]);
    let error = files.load().unwrap_err();
    assert_eq!(error.line(), Some(2));
    assert!(error.to_string().ends_with("a.toml:2: not UTF-8, which TOML must be"));

    let files = Files::new(&[("a.toml/b", b"")]);
    let error = files.load().unwrap_err();
    assert_eq!((error.line(), error.file()), (None, files.path("a.toml").as_path()));

    let files = Files::new(&[("two\nlines.toml", b"x = 1\n")]);
    assert_eq!(files.load().unwrap_err().to_string().lines().count(), 1);
}

#[test]
fn a_typo_elsewhere_hides_no_address_of_the_probes() {
    let said = |files: &[(&str, &[u8])]| {
        let files = Files::new(files);
        assert!(files.load().is_err());
        listen(&[files.0.path()]).map(|address| address.to_string())
    };
    let local: (&str, &[u8]) = ("10.toml", b"[serve]\nlisten = \"127.0.0.1:7244\"\n");
    let there = Some("127.0.0.1:7244".to_owned());
    assert_eq!(said(&[local, ("20.toml", b"[proof")]), there);
    assert_eq!(said(&[local, ("20.toml", b"[serve]\nlisten = 7\n")]), there);
    assert_eq!(said(&[local, ("20.toml", b"[serve]\nlisten = \"nowhere\"\n")]), there);
    let both = b"[proof]\nsecs = 1\n[serve]\nlisten = \"[::1]:9\"\n";
    assert_eq!(said(&[local, ("20.toml", both)]).as_deref(), Some("[::1]:9"));
    assert_eq!(said(&[("20.toml", b"[proof")]), None);
}

/// Every row of the document's table is a key, its range and its default, and none is missing.
#[test]
fn the_document_and_the_code_agree() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let document = fs::read_to_string(document).unwrap();
    let rows: Vec<[&str; 3]> = document
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            [cells[0], cells[1], cells[2]]
        })
        .collect();
    let documented: Vec<_> = rows.iter().map(|[key, ..]| key.trim_matches('`')).collect();
    let known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    assert_eq!(documented, known);
    let mut written = String::new();
    for ([name, accepts, default], key) in rows.iter().zip(KEYS) {
        assert_eq!(*accepts, key.accepts.to_string(), "{name}");
        written.extend([key.name, " = ", default.trim_matches('`'), "\n"]);
    }
    // The defaults in the document, read as a file, change nothing.
    let files = Files::new(&[("defaults.toml", written.as_bytes())]);
    assert_eq!(files.load().unwrap(), Config::default());
}

#[test]
fn sources_are_names_and_paths_in_their_order() {
    let read = |list: &str| {
        let content = format!("[model]\nsources = {list}\n");
        Files::new(&[("a.toml", content.as_bytes())]).load().map(|config| config.model.origins())
    };
    let origins = read(r#"["m:1", "http://mirror.example:5000/team/m:1", "/srv/models"]"#).unwrap();
    let told: Vec<String> = origins.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["m:1", "http://mirror.example:5000/team/m:1", "/srv/models"]);
    assert!(matches!(&origins[1], Origin::Name { insecure: true, .. }));
    assert_eq!(origins[2], Origin::Path("/srv/models".into()));
    assert_eq!(read("[]").unwrap(), Config::default().model.origins());
    for refused in [
        r#"["https://m:1"]"#,
        r#"["/srv/../etc"]"#,
        r#"["/tmp/m.gguf"]"#,
        r#"["two words"]"#,
        r#"[""]"#,
        r#"["1","2","3","4","5","6","7","8","9"]"#,
        r#""m:1""#,
    ] {
        let error = read(refused).unwrap_err().to_string();
        assert!(error.contains("`model.sources` must be a list"), "{refused}: {error}");
    }
}
