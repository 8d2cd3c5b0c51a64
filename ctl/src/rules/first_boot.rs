//! Steps of the first boot that the next one undoes.

use crate::input::CloudText;
use crate::yaml::Node;

use super::cloud_disk::mounts;

/// What a line of `runcmd` does that is gone after the next boot, and that nothing else in the
/// text sees to.
pub(super) fn ends_with_boot(line: &str, user_data: &CloudText, root: &Node) -> Option<String> {
    let text = &user_data.text.content;
    parts(line).find_map(|words| {
        let rest = &words[1..];
        let last = rest.last().copied();
        match (base(words[0]), rest) {
            // With a line in fstab, or a unit, the name of the mount point alone is enough.
            ("mount", [_, .., point]) if point.starts_with('/') && !persists(text, root, point) => {
                Some(format!("{point} is mounted until the next boot only"))
            }
            ("modprobe", [.., module]) if !module.starts_with('-') && !rest.contains(&"-r") => {
                let loaded = text.contains("modules-load.d") || text.contains("/etc/modules");
                // What the PCI bus asks for is loaded by itself.
                let by_device = module.starts_with("nvidia");
                (!loaded && !by_device)
                    .then(|| format!("{module} is loaded until the next boot only"))
            }
            ("systemctl", rest) if starts(rest) => {
                let unit = last?.trim_end_matches(".service");
                let own = text.contains(&format!("/etc/systemd/system/{unit}.service"));
                let enabled = enables(text, unit);
                (own && !enabled).then(|| {
                    format!("{unit} is started, and not enabled: the next boot has it not")
                })
            }
            ("ollama", ["serve", ..]) => {
                Some("the server is started until the next boot only".to_owned())
            }
            _ => None,
        }
    })
}

/// The commands of a line, as words.
fn parts(line: &str) -> impl Iterator<Item = Vec<&str>> {
    line.split([';', '&', '|', '\n']).filter_map(|part| {
        let words = part.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
        let before = |word: &&str| {
            ["sudo", "nohup", "env", "then", "do", "else", "exec"].contains(word)
                || word.is_empty()
                || word.starts_with('#')
                || word
                    .split_once('=')
                    .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        };
        let words: Vec<&str> = words.skip_while(before).collect();
        (!words.is_empty() && !part.trim_start().starts_with('#')).then_some(words)
    })
}

fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Whether something else mounts there: `mounts`, a line for fstab, or a unit. The kernel's own
/// filesystems, and places for a moment, are nobody's data.
fn persists(text: &str, root: &Node, point: &str) -> bool {
    let point = point.trim_end_matches('/');
    ["/mnt", "/tmp", "/proc", "/sys", "/dev", "/run"].iter().any(|own| point.starts_with(own))
        || text.contains(&format!("Where={point}"))
        || text.contains("/etc/fstab")
        || mounts(root).any(|(_, there)| there.trim_end_matches('/') == point)
}

/// Whether `systemctl` is told to start, and not to enable as well.
fn starts(rest: &[&str]) -> bool {
    let verb = rest.iter().find(|word| !word.starts_with('-'));
    matches!(verb, Some(&"start" | &"restart"))
}

/// Whether some line enables a unit, by itself or as what another wants.
fn enables(text: &str, unit: &str) -> bool {
    text.lines().any(|line| {
        let ways = ["enable", "WantedBy=", "Wants=", "Requires=", "Upholds=", "WANTS", ".wants/"];
        line.contains(unit) && ways.iter().any(|way| line.contains(way))
    })
}
