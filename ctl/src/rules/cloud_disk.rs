//! Data disks in user-data.

use crate::input::{CloudText, Inputs};
use crate::lint::{Found, Rule, Severity};
use crate::source::Place;
use crate::yaml::{Entry, Node, Value};

use super::guest::variable;

/// What a mount mounts, and where.
pub(super) fn mounts(root: &Node) -> impl Iterator<Item = (&Node, &str)> {
    root.list(&["mounts"]).filter_map(|mount| {
        let mut fields = mount.items();
        Some((fields.next()?, fields.next()?.text()?))
    })
}

/// The disk of an entry of `disk_setup`.
fn named(disk: &Entry) -> String {
    device_name(&disk.key)
}

/// Disks that get partitions.
fn partitioned(root: &Node) -> impl Iterator<Item = &Entry> {
    let disks = root.get("disk_setup").map(Node::entries).unwrap_or_default();
    disks.iter().filter(|disk| {
        disk.value.get("layout").is_some_and(|layout| layout.is_true() || layout.is_list())
    })
}

/// The devices of `fs_setup`.
fn filesystems(root: &Node) -> impl Iterator<Item = &Node> {
    root.list(&["fs_setup"]).filter_map(|filesystem| filesystem.get("device"))
}

/// The partition of its device that a filesystem is made on: a number, or one that is looked for.
fn partition(filesystem: &Node) -> Option<&str> {
    filesystem.text_at(&["partition"]).filter(|partition| *partition != "none")
}

/// A device as cloud-init takes it: `vdb` is `/dev/vdb`.
fn device(node: &Node) -> Option<String> {
    node.text().map(device_name)
}

fn device_name(text: &str) -> String {
    if text.starts_with("/dev/") { text.to_owned() } else { format!("/dev/{text}") }
}

/// The number of a partition by its name: 1 of `/dev/vdb1` on `/dev/vdb`, of `…-part1` on `…`.
fn number_on<'a>(device: &'a str, disk: &str) -> Option<&'a str> {
    let rest = device.strip_prefix(disk)?;
    let number = rest.strip_prefix("-part").or_else(|| rest.strip_prefix('p')).unwrap_or(rest);
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some(number)
}

/// Whether `fs_setup` makes a filesystem there; `None` where it has nothing to do with that disk.
fn is_made(filesystem: &Node, wanted: &str) -> Option<bool> {
    let made = device(filesystem.get("device")?)?;
    if made == wanted {
        return Some(true);
    }
    match (number_on(wanted, &made), partition(filesystem)) {
        (Some(number), Some(partition)) => {
            // Any other word has cloud-init look for one.
            Some(partition == number || !partition.bytes().all(|byte| byte.is_ascii_digit()))
        }
        (Some(_), None) => Some(false),
        (None, _) => number_on(&made, wanted).map(|_| false),
    }
}

pub(crate) static CI011: Rule = Rule {
    id: "CI011",
    severity: Severity::Error,
    title: "mounts, filesystems and partitions that do not fit together",
    cause: "A disk that disk_setup partitions has its filesystem on the partition, not on the \
            disk. What names the whole disk there finds no filesystem, or writes over the table.",
    evidence: "With nofail the guest boots, the mount point is an empty directory of the root \
               disk, and models fill that.",
    fix: "name the partition in fs_setup and mounts, or drop disk_setup and use the whole disk",
    check: disagree,
};

fn disagree(inputs: &Inputs, found: &mut Found) {
    for root in inputs.cloud_configs() {
        for (source, point) in mounts(root) {
            let Some(wanted) = device(source) else { continue };
            if let Some(disk) = partitioned(root).find(|disk| named(disk) == wanted) {
                found
                    .add(source.place, format!("{point}: {wanted} is a disk with partitions"))
                    .see(disk.place, "partitioned here");
                continue;
            }
            // Another than what fs_setup makes, on the same disk.
            let all = root.list(&["fs_setup"]);
            let fits = all.clone().any(|filesystem| is_made(filesystem, &wanted) == Some(true));
            let mut other = all.filter(|filesystem| is_made(filesystem, &wanted) == Some(false));
            let other = other.find_map(|other| device(other.get("device")?));
            if let Some(other) = other.filter(|_| !fits) {
                let message =
                    format!("{point}: the filesystem is made on {other}, not on {wanted}");
                found.add(source.place, message);
            }
        }
        for filesystem in root.list(&["fs_setup"]).filter(|f| partition(f).is_none()) {
            let Some(place) = filesystem.get("device") else { continue };
            let name = device(place);
            if let Some(disk) = partitioned(root).find(|disk| Some(named(disk)) == name) {
                let message = format!("a filesystem on all of {}, which has partitions", disk.key);
                found.add(place.place, message).see(disk.place, "partitioned here");
            }
        }
    }
}

pub(crate) static CI014: Rule = Rule {
    id: "CI014",
    severity: Severity::Warning,
    title: "models on a mounted disk, and nobody gives it to Ollama",
    cause: "A new filesystem belongs to root. Ollama runs as a user of its own and cannot write \
            to it.",
    evidence: "\"permission denied\" in Ollama's journal; pulls fail.",
    fix: "give the mounted directory to the user ollama after it is mounted, at every boot",
    check: not_owned,
};

fn not_owned(inputs: &Inputs, found: &mut Found) {
    for text in &inputs.user_data {
        let Some(root) = text.root.as_deref() else { continue };
        let models = variable(text, "OLLAMA_MODELS");
        let at = |point: &str| match models {
            Some((path, _)) => is_below(path, point),
            None => point.trim_end_matches('/').ends_with("ollama"),
        };
        let mount = mounts(root).find(|(_, point)| at(point));
        // Any of the usual ways: a command, a tmpfiles line, systemd's own.
        let ways = ["chown", "install -o", "install -d -o", "StateDirectory=", "tmpfiles.d"];
        if let Some((source, point)) = mount
            && !ways.iter().any(|way| text.text.content.contains(way))
        {
            let finding = found.add(source.place, format!("{point} will belong to root"));
            if let Some((_, place)) = models {
                finding.see(place, "where Ollama keeps its models");
            }
        }
    }
}

/// Whether a path is this directory or in it.
fn is_below(path: &str, directory: &str) -> bool {
    let rest = path.strip_prefix(directory.trim_end_matches('/'));
    directory.len() > 1 && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(crate) static CI016: Rule = Rule {
    id: "CI016",
    severity: Severity::Warning,
    title: "a data disk by its letter",
    cause: "Letters are given in the order in which disks are found, and that order is not \
            stable: /dev/vdb may be the cloud-init disk at the next boot.",
    evidence: "The wrong disk is mounted, or formatted.",
    fix: "give the disk a serial in the VM and name it by /dev/disk/by-id/virtio-…, or use a label",
    check: by_letter,
};

fn by_letter(inputs: &Inputs, found: &mut Found) {
    for text in &inputs.user_data {
        let Some(root) = text.root.as_deref() else { continue };
        let sources = mounts(root).map(|(source, _)| source).chain(filesystems(root));
        let sources = sources.filter_map(|node| Some((device(node)?, node.place)));
        let disks = match root.get("disk_setup").map(|disks| &disks.value) {
            Some(Value::Map(disks)) => disks.as_slice(),
            _ => &[],
        };
        let disks = disks.iter().map(|disk| (disk.key.clone(), disk.place));
        // Once for each disk: the first place is enough.
        let mut told = Vec::new();
        for (name, place) in disks.chain(sources).chain(in_words(text)) {
            let Some(letter) = letter(&name) else { continue };
            if letter != 'a' && !told.contains(&letter) {
                told.push(letter);
                found.add(place, format!("{name} may be another disk at the next boot"));
            }
        }
    }
}

/// The letter of a disk that is named by one.
fn letter(name: &str) -> Option<char> {
    let rest = ["/dev/vd", "/dev/sd"].iter().find_map(|start| name.strip_prefix(start))?;
    let mut rest = rest.chars();
    let letter = rest.next().filter(char::is_ascii_lowercase)?;
    rest.all(|c| c.is_ascii_digit()).then_some(letter)
}

/// Disks in commands and files: what mounts them or makes filesystems on them.
fn in_words(text: &CloudText) -> Vec<(String, Place)> {
    const WAYS: [&str; 7] =
        ["mkfs", "mount ", "What=", "parted ", "sgdisk ", "pvcreate ", "cryptsetup "];
    let mut all = Vec::new();
    let mut start = 0;
    for line in text.text.content.split_inclusive('\n') {
        // A list has commas where a line has spaces.
        let plain = line.replace([',', '"', '\''], " ");
        let plain = plain.trim_start().trim_start_matches("- ").trim_start_matches(['[', ' ']);
        let fstab = plain.starts_with("/dev/") && plain.split_whitespace().count() >= 4;
        if !plain.starts_with('#') && (fstab || WAYS.iter().any(|way| plain.contains(way))) {
            for mark in ["/dev/vd", "/dev/sd"] {
                for (at, _) in line.match_indices(mark) {
                    let rest = &line[at + mark.len()..];
                    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
                    let name = &line[at..at + mark.len() + end];
                    let place = text.text.locate(start + at, start + at + name.len());
                    all.push((name.to_owned(), place));
                }
            }
        }
        start += line.len();
    }
    all
}
