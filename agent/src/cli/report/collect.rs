//! Reads one source, whatever state it is in: with a deadline, and with a cap.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time;

use super::sources::{Source, What};
use crate::cli::socket;

/// How long one source may take: a journal on a slow disk.
const DEADLINE: Duration = Duration::from_secs(20);

/// Bytes of one file that are kept, its end; and of what a command says, its beginning.
const CAP: u64 = 4 << 20;

/// Files of one directory that are taken.
const FILES: usize = 64;

/// The error of a path that is there, and is no plain file.
const NOT_PLAIN: io::ErrorKind = io::ErrorKind::InvalidInput;

/// One thing that was found, or why it was not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its name in the archive.
    pub(super) name: String,
    /// What it holds.
    pub(super) content: Result<Vec<u8>, String>,
}

/// Reads one source.
pub(super) async fn collect(source: Source) -> Vec<Found> {
    let name = source.name;
    let found = time::timeout(DEADLINE, read(source.what, &name)).await;
    found.unwrap_or_else(|_| {
        let why = format!("not read within {} s", DEADLINE.as_secs());
        vec![Found { name, content: Err(why) }]
    })
}

async fn read(what: What, name: &str) -> Vec<Found> {
    let one = |content| vec![Found { name: name.to_owned(), content }];
    match what {
        What::Agent(path) => one(ask(path).await),
        What::Command(words) => one(run(&words).await),
        What::File(path) => one(file(path, tail).await),
        What::State(path) => one(file(path, own_tail).await),
        What::Directory(path) => match beside(move || tree(Path::new(path))).await {
            Ok(files) => files
                .into_iter()
                .map(|(path, content)| {
                    let content = content.map_err(|error| format!("{}: {error}", path.display()));
                    Found { name: format!("{name}{}", path.display()), content }
                })
                .collect(),
            // What nobody has configured is not missing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => one(Err(format!("{path}: {error}"))),
        },
    }
}

/// The end of one file, or why there is none.
async fn file(
    path: &'static str,
    tail: fn(&Path) -> io::Result<Vec<u8>>,
) -> Result<Vec<u8>, String> {
    beside(move || tail(Path::new(path))).await.map_err(|error| format!("{path}: {error}"))
}

/// Asks the daemon.
async fn ask(path: &str) -> Result<Vec<u8>, String> {
    let answer = async {
        let response = socket::ask(reqwest::Method::GET, path, Some(DEADLINE)).await?;
        Ok::<_, socket::AskError>(response.bytes().await?.to_vec())
    };
    answer.await.map_err(|error| error.to_string())
}

/// What a command says, on both its outputs.
async fn run(words: &[String]) -> Result<Vec<u8>, String> {
    let fail = |error: io::Error| format!("`{}`: {error}", words.join(" "));
    let (program, arguments) = words.split_first().ok_or("no command")?;
    let mut child = Command::new(program)
        .args(arguments)
        .env("SYSTEMD_COLORS", "0")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(fail)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (mut said, mut complained) = (Vec::new(), Vec::new());
    let reads = async {
        if let Some(stdout) = stdout {
            stdout.take(CAP).read_to_end(&mut said).await?;
        }
        Ok::<_, io::Error>(())
    };
    let complains = async {
        if let Some(stderr) = stderr {
            stderr.take(CAP).read_to_end(&mut complained).await?;
        }
        Ok::<_, io::Error>(())
    };
    tokio::try_join!(reads, complains).map_err(fail)?;
    // It may have had more to say than is kept.
    let _ = child.start_kill();
    let _ = child.wait().await;
    said.extend(complained);
    Ok(said)
}

/// Reads beside the runtime: a disk may hang.
async fn beside<T: Send + 'static>(
    read: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// The end of a plain file.
fn tail(path: &Path) -> io::Result<Vec<u8>> {
    tail_of(path, 0)
}

/// The end of a plain file in a directory that is the daemon's user's. What that user may have
/// put in its place, a link to what only root may read, is refused.
pub(in crate::cli) fn own_tail(path: &Path) -> io::Result<Vec<u8>> {
    tail_of(path, O_NOFOLLOW)
}

fn tail_of(path: &Path, flags: i32) -> io::Result<Vec<u8>> {
    let refused = || io::Error::new(NOT_PLAIN, "no plain file");
    // Opening a device may do something: only what seems plain is opened.
    let kind = if flags == 0 { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) };
    if !kind?.is_file() {
        return Err(refused());
    }
    // It may be another file by now: opening a pipe would wait for whoever writes to it, and only
    // what is open cannot change any more.
    let file = OpenOptions::new().read(true).custom_flags(flags | O_NONBLOCK).open(path);
    let mut file = file?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(refused());
    }
    if meta.len() > CAP {
        file.seek(SeekFrom::Start(meta.len() - CAP))?;
    }
    let mut bytes = Vec::new();
    file.take(CAP).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file's path, and what it holds.
type Leaf = (PathBuf, io::Result<Vec<u8>>);

/// The plain files in a directory, and in the directories in it, by name.
fn tree(directory: &Path) -> io::Result<Vec<Leaf>> {
    let mut files = Vec::new();
    for path in list(directory)? {
        if path.is_dir() {
            match list(&path) {
                Ok(inner) => {
                    let plain = inner.into_iter().filter(|path| !path.is_dir());
                    files.extend(plain.map(|path| (path.clone(), tail(&path))));
                }
                Err(error) => files.push((path, Err(error))),
            }
        } else {
            files.push((path.clone(), tail(&path)));
        }
    }
    // Sockets and the like have nothing to tell.
    let plain = |leaf: &Leaf| !matches!(&leaf.1, Err(error) if error.kind() == NOT_PLAIN);
    files.retain(plain);
    files.truncate(FILES);
    Ok(files)
}

fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries: io::Result<Vec<_>> = std::fs::read_dir(directory)?.collect();
    let mut paths: Vec<_> = entries?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Source {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Source { name: "x".into(), what: What::Command(words) }
    }

    #[tokio::test]
    async fn a_command_is_quoted_and_one_that_is_missing_is_named() {
        let found = collect(command(&["sh", "-c", "echo out; echo err >&2; exit 3"])).await;
        assert_eq!(found[0].content.as_deref(), Ok(b"out\nerr\n".as_slice()));
        let found = collect(command(&["no-such-command", "x"])).await;
        assert!(found[0].content.as_ref().unwrap_err().contains("`no-such-command x`"));
    }

    #[tokio::test]
    async fn what_says_too_much_is_cut_and_ended() {
        let found = collect(command(&["yes"])).await;
        let length = found[0].content.as_ref().unwrap().len();
        assert_eq!(u64::try_from(length).unwrap(), CAP);
    }

    #[tokio::test(start_paused = true)]
    async fn what_hangs_is_given_up() {
        let found = collect(command(&["sleep", "1000"])).await;
        assert_eq!(found[0].content, Err("not read within 20 s".into()));
    }

    #[test]
    fn a_directory_is_read_with_those_in_it() {
        let top = tempfile::tempdir().unwrap();
        std::fs::create_dir(top.path().join("b.d")).unwrap();
        std::fs::write(top.path().join("b.d/1"), "one").unwrap();
        std::fs::write(top.path().join("a"), "two").unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(top.path().join("c")).unwrap();
        let files = tree(top.path()).unwrap();
        let read: Vec<_> = files.into_iter().map(|(_, content)| content.unwrap()).collect();
        assert_eq!(read, [b"two".to_vec(), b"one".to_vec()]);
    }

    #[test]
    fn what_was_put_in_the_place_of_a_state_file_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let [plain, link, pipe] = ["plain", "link", "pipe"].map(|name| top.path().join(name));
        std::fs::write(&plain, "x").unwrap();
        std::os::unix::fs::symlink(&plain, &link).unwrap();
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(own_tail(&plain).unwrap(), b"x");
        assert_eq!(tail(&link).unwrap(), b"x");
        for path in [link.as_path(), &pipe, Path::new("/dev/zero")] {
            assert_eq!(own_tail(path).unwrap_err().kind(), NOT_PLAIN, "{}", path.display());
        }
    }
}
