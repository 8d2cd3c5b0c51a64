//! The linted paths as they were in a revision of git.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Larger ones are not read as manifests either.
const FILE_LIMIT: u64 = 16 << 20;
/// Bytes of all files together.
const TOTAL_LIMIT: u64 = 512 << 20;

/// A revision, written out beside nothing else. It goes when this does.
#[derive(Debug)]
pub(super) struct Revision {
    folder: TempDir,
    /// The linted paths in it, as far as they were there.
    pub(super) paths: Vec<PathBuf>,
}

impl Revision {
    /// Writes out a revision of the repository that holds the paths; an error says why not.
    pub(super) fn read(revision: &str, paths: &[PathBuf]) -> Result<Self, String> {
        // An option of git's, or a range, is no revision.
        if revision.starts_with('-') || revision.contains("..") {
            return Err(format!("{revision} is neither a path nor a revision"));
        }
        let first = paths.iter().find(|path| path.exists());
        let first = first.ok_or_else(|| "a revision needs paths to look for in it".to_owned())?;
        let near = if first.is_dir() { first.as_path() } else { parent(first) };
        let root = git(near, &["rev-parse", "--show-toplevel"], b"")?;
        let root = PathBuf::from(text(root)?.trim_end_matches('\n'));
        let commit = format!("{revision}^{{commit}}");
        let commit =
            git(&root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit], b"")
                .map_err(|_| {
                    format!("{revision} is neither a path nor a revision of {}", root.display())
                })?;
        let commit = text(commit)?.trim().to_owned();
        let folder = TempDir::new().map_err(|error| format!("no temporary folder: {error}"))?;
        write(&root, &commit, folder.path())?;
        let mut there = Vec::new();
        for path in paths {
            let path = path.canonicalize().map_err(|e| format!("{}: {e}", path.display()))?;
            let inner = path.strip_prefix(&root);
            let inner =
                inner.map_err(|_| format!("{}: not in {}", path.display(), root.display()))?;
            // What is new was not there before.
            there.extend(Some(folder.path().join(inner)).filter(|path| path.exists()));
        }
        Ok(Self { folder, paths: there })
    }

    /// A path of the written files as one of the revision: `REV:PATH`.
    pub(super) fn named(&self, path: &str, revision: &str) -> String {
        let inner = Path::new(path).strip_prefix(self.folder.path());
        inner.map_or_else(|_| path.to_owned(), |inner| format!("{revision}:{}", inner.display()))
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| "git names a path that is not UTF-8".to_owned())
}

/// All regular files of a commit. Their bytes come from git's objects as they are: no filter and
/// no hook of the repository runs.
fn write(root: &Path, commit: &str, into: &Path) -> Result<(), String> {
    let list = git(root, &["ls-tree", "-r", "-z", "-l", "--full-tree", commit], b"")?;
    let mut total = 0;
    let mut wanted: Vec<(String, PathBuf)> = Vec::new();
    for entry in text(list)?.split('\0') {
        // MODE TYPE OBJECT SIZE<TAB>PATH
        let Some((fields, path)) = entry.split_once('\t') else { continue };
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let [mode, "blob", object, size] = fields[..] else { continue };
        let size: u64 = size.parse().unwrap_or(u64::MAX);
        let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if !mode.starts_with("100") || size > FILE_LIMIT || !plain {
            continue;
        }
        total += size;
        if total > TOTAL_LIMIT {
            return Err(format!("{commit} has more than {} MiB", TOTAL_LIMIT >> 20));
        }
        wanted.push((object.to_owned(), into.join(path)));
    }
    let asked: Vec<&str> = wanted.iter().map(|(object, _)| object.as_str()).collect();
    let bytes = git(root, &["cat-file", "--batch"], asked.join("\n").as_bytes())?;
    let broken = || "git answered with less than was asked for".to_owned();
    let mut rest = bytes.as_slice();
    for (_, path) in wanted {
        // OBJECT TYPE SIZE, a line, the bytes, and the end of a line.
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(broken)?;
        let head = std::str::from_utf8(&rest[..end]).map_err(|_| broken())?;
        let size = head.rsplit(' ').next().and_then(|size| size.parse::<usize>().ok());
        let body = size.and_then(|size| rest.get(end + 1..end + 1 + size)).ok_or_else(broken)?;
        let error = |error| format!("{}: {error}", path.display());
        fs::create_dir_all(parent(&path)).map_err(error)?;
        fs::write(&path, body).map_err(error)?;
        rest = rest.get(end + 2 + body.len()..).unwrap_or_default();
    }
    Ok(())
}

/// What git prints, with this on its standard input.
fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let output = runtime.block_on(async {
        let output = tokio::time::timeout(DEADLINE, output(folder, arguments, input)).await;
        output.map_err(|_| format!("git: no answer within {} s", DEADLINE.as_secs()))
    })?;
    let output = output.map_err(|error| format!("git: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("git: {}", said.lines().next().unwrap_or("failed").trim_start_matches("fatal: ")))
}

/// For each of the few questions: a large repository on a slow disk answers sooner.
const DEADLINE: Duration = Duration::from_secs(120);

async fn output(folder: &Path, arguments: &[&str], input: &[u8]) -> std::io::Result<Output> {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        // What it asks could be answered by nobody.
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let pipe = child.stdin.take();
    let ask = async move {
        if let Some(mut pipe) = pipe {
            // One that ends before it has read everything says why.
            let _ = pipe.write_all(input).await;
        }
    };
    // Both at once: git answers while it is still being asked.
    tokio::join!(ask, child.wait_with_output()).1
}
