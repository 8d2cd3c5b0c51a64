//! What user-data installs and runs.

use crate::fix::Edit;
use crate::input::{CloudText, Inputs};
use crate::lint::{Found, Rule, Severity};
use crate::yaml::{Node, Style};

use super::first_boot;

pub(crate) static CI012: Rule = Rule {
    id: "CI012",
    severity: Severity::Error,
    title: "NVIDIA's packages without NVIDIA's package source",
    cause: "cuda-drivers and its like are in NVIDIA's own archive only. One package that is not \
            found makes apt refuse the whole list, so none is installed.",
    evidence: "\"Unable to locate package cuda-drivers\" in /var/log/cloud-init-output.log.",
    fix: "add NVIDIA's archive below apt.sources, or install the distribution's nvidia-driver-…",
    check: no_source,
};

/// Packages, or starts of their names, that no distribution has.
const OWN: [&str; 4] = ["cuda-drivers", "cuda-toolkit", "cuda-runtime", "nvidia-open"];
/// What names the archive or brings it.
const SOURCES: [&str; 2] = ["developer.download.nvidia.com", "cuda-keyring"];
/// What a mirror of it is called among the sources of packages.
const MIRRORS: [&str; 2] = ["nvidia", "cuda"];

fn no_source(inputs: &Inputs, found: &mut Found) {
    for text in &inputs.user_data {
        let Some(root) = text.root.as_deref() else { continue };
        let mirrored = ["apt", "yum_repos", "zypper"]
            .iter()
            .filter_map(|key| root.get(key))
            .any(|sources| names(sources, &MIRRORS));
        // Packages are installed before the first line of runcmd runs.
        let mut early = root.entries().iter().filter(|entry| entry.key != "runcmd");
        if mirrored || early.any(|entry| names(&entry.value, &SOURCES)) {
            continue;
        }
        let late = root.entry("runcmd").filter(|runcmd| names(&runcmd.value, &SOURCES));
        for package in root.list(&["packages"]) {
            // A list has the name and the version.
            let name = package.items().next().unwrap_or(package).text().unwrap_or_default();
            if OWN.iter().any(|own| name.starts_with(own)) {
                let message = format!("no archive that is set up by then has {name}");
                let finding = found.add(package.place, message);
                if let Some(late) = late {
                    finding.see(late.place, "this sets one up, later");
                }
            }
        }
    }
}

/// Whether any text below a node has one of these words, in whatever letter case.
fn names(node: &Node, words: &[&str]) -> bool {
    let has = |text: &str| {
        let text = text.to_ascii_lowercase();
        words.iter().any(|word| text.contains(word))
    };
    let mut entries = node.entries().iter();
    node.text().is_some_and(has)
        || node.items().any(|item| names(item, words))
        || entries.any(|entry| has(&entry.key) || names(&entry.value, words))
}

pub(crate) static CI013: Rule = Rule {
    id: "CI013",
    severity: Severity::Warning,
    title: "a command of the first boot that cannot work, or that only the first boot has",
    cause: "runcmd runs once in a guest's life: what it mounts, loads or starts is gone after the \
            next boot. It has no HOME, and ollama ends without one. Inside single quotes YAML \
            knows no escapes: the shell gets the backslashes too.",
    evidence: "All is well until the guest is restarted. Or \"panic: $HOME is not defined\", or a \
               command that says it cannot find \\\"…\\\", in /var/log/cloud-init-output.log.",
    fix: "enable a unit, write a file below /etc, or use mounts; set HOME=/root before ollama; \
          write \" inside single quotes without a backslash",
    check: broken_command,
};

fn broken_command(inputs: &Inputs, found: &mut Found) {
    for text in &inputs.user_data {
        let Some(root) = text.root.as_deref() else { continue };
        // bootcmd runs at every boot.
        let commands = ["bootcmd", "runcmd"].map(|key| root.list(&[key]).map(move |c| (c, key)));
        let mut home = false;
        for (command, key) in commands.into_iter().flatten() {
            let words: Vec<&Node> =
                if command.is_list() { command.items().collect() } else { vec![command] };
            for word in &words {
                let line = word.text().unwrap_or_default();
                if word.style() == Some(Style::SingleQuoted) && is_misquoted(line) {
                    let finding = found.add(
                        word.place,
                        "the shell gets these backslashes: YAML leaves them in single quotes",
                    );
                    if is_escaped(line) {
                        finding.edit(Edit::requoted(word.place));
                    }
                }
            }
            let line: Vec<&str> = words.iter().filter_map(|word| word.text()).collect();
            let line = line.join(" ");
            // A line of its own is a part of the one script that runcmd becomes.
            home |= !command.is_list() && line.contains("export HOME=");
            // Another user's, systemd's, or that of a container.
            let other_home = [
                "HOME=",
                "sudo ",
                "su ",
                "runuser ",
                "systemd-run ",
                "docker ",
                "podman ",
                "nerdctl ",
                "kubectl ",
            ];
            let has_home = home || other_home.iter().any(|way| line.contains(way));
            if runs_ollama(&line) && !has_home {
                found.add(command.place, "ollama ends without HOME, and runcmd has none");
            }
            if key == "runcmd"
                && let Some(step) = first_boot::ends_with_boot(&line, text, root)
            {
                found.add(command.place, step);
            }
        }
    }
}

/// Whether there is a backslash before a double quote outside of every string in double quotes,
/// where alone it is of use. In single quotes the shell passes on what may be such a string.
fn is_misquoted(line: &str) -> bool {
    let (mut single, mut double, mut escaped) = (false, false, false);
    line.chars().any(|c| {
        if escaped && c == '"' {
            escaped = false;
            return !double;
        }
        match c {
            // No backslash hides the end of single quotes.
            '\'' if single => (single, double) = (false, false),
            '\'' if !double && !escaped => single = true,
            '"' => double = !double,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        false
    })
}

/// Whether a text is what double quotes would hold: no quote in it without a backslash.
fn is_escaped(text: &str) -> bool {
    let mut escaped = false;
    text.chars().all(|c| {
        let fits = c != '"' || escaped;
        escaped = c == '\\' && !escaped;
        fits
    })
}

/// Whether a line runs Ollama's client, at the start of some command in it.
fn runs_ollama(line: &str) -> bool {
    let words: Vec<&str> =
        line.split([' ', '|', ';', '&', '(']).filter(|w| !w.is_empty()).collect();
    words.windows(2).any(|pair| {
        (pair[0] == "ollama" || pair[0].ends_with("/ollama"))
            && ["pull", "create", "run", "list", "show", "cp", "rm", "ps"].contains(&pair[1])
    })
}

pub(crate) static CI015: Rule = Rule {
    id: "CI015",
    severity: Severity::Error,
    title: "user-data that cloud-init does not know",
    cause: "The first line says what user-data is. Without a header that it knows, cloud-init \
            logs one warning and does nothing.",
    evidence: "\"Unhandled non-multipart (text/x-not-multipart) userdata\" in the log.",
    fix: "begin with the line #cloud-config",
    check: no_header,
};

/// First lines that cloud-init knows.
const HEADERS: [&str; 12] = [
    "#cloud-config",
    "## template: jinja",
    "#!",
    "#include",
    "#cloud-boothook",
    "#part-handler",
    "Content-Type:",
    "MIME-Version:",
    "From ",
    "#cloud-config-archive",
    "#cloud-config-jsonp",
    "#upstart-job",
];

fn no_header(inputs: &Inputs, found: &mut Found) {
    for text in &inputs.user_data {
        let CloudText { text, .. } = text;
        let start = text.content.trim_start_matches('\u{feff}').trim_start();
        if start.is_empty() {
            found.add(text.place, "empty user-data");
        } else if !has_header(start) {
            let begin = text.content.len() - start.len();
            let end = start.find('\n').unwrap_or(start.len());
            let place = text.locate(begin, begin + end);
            found.add(place, "cloud-init knows no user-data that begins like this");
        }
    }
}

/// Whether it begins in a way that cloud-init knows. It minds neither letter case nor empty lines.
/// What others read instead of it is no fault either: Ignition, Talos, and Cloudbase on Windows.
fn has_header(start: &str) -> bool {
    let known = |header: &str| {
        start.get(..header.len()).is_some_and(|first| first.eq_ignore_ascii_case(header))
    };
    let ignition = start.starts_with('{') && start.contains("\"ignition\"");
    let talos = start.contains("v1alpha1") && start.lines().any(|line| line == "machine:");
    let windows = ["#ps1", "rem cmd", "<powershell>", "<script>"].iter().any(|mark| known(mark));
    ignition || talos || windows || HEADERS.iter().any(|header| known(header))
}
