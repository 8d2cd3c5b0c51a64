//! The server's own settings, as far as its unit's environment tells them.

use std::fs;
use std::path::{Component, Path, PathBuf};

use nix::unistd::{Uid, User};

use super::unit::{Environment, Unit};
use crate::storage::mount_of;

/// Ollama's port where `OLLAMA_HOST` names none.
const DEFAULT_PORT: u16 = 11434;

/// More than any sensible environment file.
const FILE_LIMIT: u64 = 64 << 10;

/// A setting, and where it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its value.
    pub value: String,
    /// The environment file that it stands in. `None`: the unit or a drop-in.
    pub file: Option<PathBuf>,
}

/// What the server is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// `OLLAMA_MODELS`: where models are kept. Else below the home directory.
    pub models: Option<Setting>,
    /// `OLLAMA_HOST`: where it listens.
    pub host: Option<Setting>,
    /// Whether it has a home directory, without which it does not start.
    pub home: bool,
    /// That directory, as far as it is known and something hangs on it.
    pub home_path: Option<PathBuf>,
    /// The mount point that the models lie below, as the mount table tells.
    pub mount: Option<PathBuf>,
    /// The first thing that could not be read and may say anything: an environment file, or the
    /// value of a variable that systemd passes on.
    pub unread: Option<String>,
}

impl Settings {
    /// Reads what the unit's environment is made of.
    pub(super) fn read(unit: &Unit) -> Self {
        Self::read_with(unit, home_of)
    }

    /// The same; `home_of` tells the home directory of a user.
    fn read_with(unit: &Unit, home_of: impl FnOnce(&str) -> Option<PathBuf>) -> Self {
        let environment = &unit.environment;
        let mut settings = Self { home: !unit.user.is_empty(), ..Self::default() };
        // The home of a unit's user is systemd's own word, and wins over what everybody is given.
        let theirs = |line: &&String| unit.user.is_empty() || !line.starts_with("HOME=");
        for line in environment.everybody.iter().filter(theirs).chain(&environment.set) {
            settings.take(line, None);
        }
        for (name, optional) in &environment.files {
            let path = Path::new(name);
            match read(path) {
                Some(text) => text.lines().for_each(|line| settings.take(line.trim(), Some(path))),
                // A pattern stands for files that systemd knows and the bus does not tell.
                None if *optional && !name.contains(['*', '?', '[']) && is_missing(path) => {}
                None => settings.unread = settings.unread.or_else(|| Some(name.clone())),
            }
        }
        let hidden = || environment.hidden(settings.models.as_ref());
        settings.unread = settings.unread.or_else(hidden);
        settings.drop_unset(environment);
        if settings.models.is_none() && settings.home && settings.home_path.is_none() {
            settings.home_path = home_of(&unit.user);
        }
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        settings.mount = settings.models_path().and_then(|path| mount_of(&table, &path));
        settings
    }

    fn take(&mut self, line: &str, file: Option<&Path>) {
        let Some((name, value)) = line.split_once('=') else { return };
        let value = value.trim().trim_matches(['"', '\'']).to_owned();
        // Ollama takes an empty value for none.
        let set = !value.is_empty();
        let setting = set.then(|| Setting { value, file: file.map(Path::to_owned) });
        match name {
            "OLLAMA_MODELS" => self.models = setting,
            "OLLAMA_HOST" => self.host = setting,
            "HOME" => {
                self.home = set;
                self.home_path = setting.map(|setting| setting.value.into());
            }
            _ => {}
        }
    }

    fn drop_unset(&mut self, environment: &Environment) {
        for name in &environment.unset {
            match name.as_str() {
                "OLLAMA_MODELS" => self.models = None,
                "OLLAMA_HOST" => self.host = None,
                "HOME" => (self.home, self.home_path) = (false, None),
                _ => {}
            }
        }
    }

    /// Where models are kept. `None`: it is not known.
    pub(crate) fn models_path(&self) -> Option<PathBuf> {
        match &self.models {
            Some(models) => Some(PathBuf::from(&models.value)),
            None => Some(self.home_path.as_ref()?.join(".ollama/models")),
        }
    }

    /// The filesystem mounted somewhere below `directory` that models are kept on, if so.
    pub(super) fn mounted_below(&self, directory: &Path) -> Option<&Path> {
        self.mount.as_deref().filter(|mount| *mount != directory && mount.starts_with(directory))
    }

    /// Whether models are kept in `directory` or below it, on the same filesystem. Only the text
    /// is looked at: whatever is done on a data disk that hangs, hangs too.
    pub(super) fn keeps_models_in(&self, directory: &Path) -> bool {
        let Some(path) = self.models_path() else { return false };
        let climbs = path.components().any(|part| part == Component::ParentDir);
        path.starts_with(directory) && !climbs && self.mounted_below(directory).is_none()
    }

    /// The port that the server is told to listen at.
    pub(super) fn port(&self) -> u16 {
        self.host.as_ref().map_or(DEFAULT_PORT, |host| port_of(&host.value))
    }
}

impl Environment {
    /// The variable that systemd passes on and tells nobody the value of, if the place of the
    /// models hangs on it. `models` is what is known of that.
    fn hidden(&self, models: Option<&Setting>) -> Option<String> {
        let candidates: &[&str] = match models {
            Some(Setting { file: Some(_), .. }) => &[],
            Some(_) => &["OLLAMA_MODELS"],
            None => &["OLLAMA_MODELS", "HOME"],
        };
        let has = |lines: &[String], name: &str| {
            lines.iter().any(|line| line.split('=').next() == Some(name))
        };
        let hides = |name: &&&str| {
            has(&self.passed, name) && !has(&self.set, name) && !has(&self.unset, name)
        };
        let name = candidates.iter().find(hides)?;
        Some(format!("{name} (PassEnvironment=)"))
    }
}

/// `[scheme://]host[:port][/path]`; a port that is none falls back to the default one.
fn port_of(host: &str) -> u16 {
    let (fallback, rest) = match host.split_once("://") {
        Some(("http", rest)) => (80, rest),
        Some(("https", rest)) => (443, rest),
        Some((_, rest)) => (DEFAULT_PORT, rest),
        None => (DEFAULT_PORT, host),
    };
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            port.parse().unwrap_or(DEFAULT_PORT)
        }
        _ => fallback,
    }
}

/// The home directory of a unit's `User=`, a name or a number.
fn home_of(user: &str) -> Option<PathBuf> {
    let found = match user.parse() {
        Ok(uid) => User::from_uid(Uid::from_raw(uid)),
        Err(_) => User::from_name(user),
    };
    Some(found.ok()??.dir)
}

fn read(path: &Path) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    (found.is_file() && found.len() <= FILE_LIMIT).then(|| fs::read_to_string(path).ok()).flatten()
}

fn is_missing(path: &Path) -> bool {
    fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(set: &[&str], files: &[(&Path, bool)], unset: &[&str]) -> Settings {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let files = files.iter().map(|(path, optional)| (path.display().to_string(), *optional));
        let environment = Environment {
            set: texts(set),
            files: files.collect(),
            unset: texts(unset),
            ..Environment::default()
        };
        of_user(environment)
    }

    /// The settings of a user's server, whose home is `/home/ollama`.
    fn of_user(environment: Environment) -> Settings {
        let unit = Unit { environment, user: "ollama".into(), ..Unit::fake() };
        Settings::read_with(&unit, |user| Some(Path::new("/home").join(user)))
    }

    #[test]
    fn models_belong_on_the_data_disk() {
        let disk = Path::new("/var/lib/ollama");
        for (value, inside) in [
            ("/var/lib/ollama", true),
            ("/var/lib/ollama/", true),
            ("\"/var/lib/ollama/models\"", true),
            ("/var/lib/ollama-old", false),
            ("/var/lib/ollama/../other", false),
            ("/srv/models", false),
            ("", false),
        ] {
            let settings = settings(&[&format!("OLLAMA_MODELS={value}")], &[], &[]);
            assert_eq!(settings.keeps_models_in(disk), inside, "{value}");
        }
        assert!(!settings(&[], &[], &[]).keeps_models_in(disk));
    }

    #[test]
    fn a_server_that_is_not_told_keeps_models_below_its_home() {
        let disk = Path::new("/var/lib/ollama");
        let home = |home: &str| settings(&[&format!("HOME={home}")], &[], &[]);
        assert!(home("/var/lib/ollama").keeps_models_in(disk));
        assert!(home("/var/lib/ollama/home").keeps_models_in(disk));
        assert!(!home("/home/ollama").keeps_models_in(disk));
        assert!(!home("").keeps_models_in(disk));
        let root = Unit { user: "root".into(), ..Unit::fake() };
        let models = Settings::read(&root).models_path();
        assert_eq!(models.as_deref(), Some(Path::new("/root/.ollama/models")));
        assert_eq!(home_of("0").as_deref(), Some(Path::new("/root")));
        assert_eq!(home_of("nobody-of-that-name"), None);
    }

    #[test]
    fn what_is_mounted_on_the_data_disk_is_not_the_data_disk() {
        let models = settings(&["OLLAMA_MODELS=/proc/models"], &[], &[]);
        assert!(models.keeps_models_in(Path::new("/proc")));
        assert_eq!(models.mounted_below(Path::new("/")), Some(Path::new("/proc")));
        assert!(!models.keeps_models_in(Path::new("/")));
    }

    #[test]
    fn a_file_wins_over_the_unit_and_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ollama");
        fs::write(&file, "# a comment\nOLLAMA_MODELS='/srv/models'\n").unwrap();
        let settings = settings(&["OLLAMA_MODELS=/var/lib/ollama"], &[(&file, false)], &[]);
        let models = settings.models.unwrap();
        assert_eq!((models.value.as_str(), models.file), ("/srv/models", Some(file)));
        assert_eq!(settings.unread, None);
    }

    #[test]
    fn a_file_that_may_be_missing_is_not_missed() {
        let gone = Path::new("/nonexistent/ollama");
        assert_eq!(settings(&[], &[(gone, true)], &[]).unread, None);
        assert_eq!(settings(&[], &[(gone, false)], &[]).unread.as_deref(), gone.to_str());
        let pattern = Path::new("/etc/ollama/*.conf");
        assert_eq!(settings(&[], &[(pattern, true)], &[]).unread.as_deref(), pattern.to_str());
    }

    #[test]
    fn what_every_service_is_given_counts_and_what_is_passed_on_is_not_known() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let given = |set: &[&str], unset: &[&str]| {
            let everybody = texts(&["OLLAMA_MODELS=/srv/models", "HOME=/elsewhere"]);
            let (set, unset) = (texts(set), texts(unset));
            of_user(Environment { everybody, set, unset, ..Environment::default() }).models_path()
        };
        assert_eq!(given(&[], &[]), Some("/srv/models".into()));
        assert_eq!(given(&["OLLAMA_MODELS=/own"], &[]), Some("/own".into()));
        assert_eq!(given(&[], &["OLLAMA_MODELS"]), Some("/home/ollama/.ollama/models".into()));
        let passed = |set: &[&str]| {
            let (passed, set) = (texts(&["LANG", "OLLAMA_MODELS"]), texts(set));
            of_user(Environment { passed, set, ..Environment::default() }).unread
        };
        assert_eq!(passed(&[]).as_deref(), Some("OLLAMA_MODELS (PassEnvironment=)"));
        assert_eq!(passed(&["OLLAMA_MODELS=/own"]), None);
        let home = Environment { passed: texts(&["HOME"]), ..Environment::default() };
        assert_eq!(of_user(home.clone()).unread.as_deref(), Some("HOME (PassEnvironment=)"));
        let set = texts(&["OLLAMA_MODELS=/own"]);
        assert_eq!(of_user(Environment { set, ..home }).unread, None);
    }

    #[test]
    fn a_home_is_had_by_a_user_or_set_and_can_be_taken_away() {
        assert!(settings(&[], &[], &[]).home);
        assert!(!settings(&[], &[], &["HOME"]).home);
        let root = |set: &[&str]| {
            let set = set.iter().map(|line| (*line).to_owned()).collect();
            let environment = Environment { set, ..Environment::default() };
            Settings::read(&Unit { environment, user: String::new(), ..Unit::fake() })
        };
        assert!(!root(&[]).home);
        assert!(root(&["HOME=/root"]).home);
    }

    #[test]
    fn ports_as_people_write_them() {
        for (host, port) in [
            ("0.0.0.0", 11434),
            ("0.0.0.0:11500", 11500),
            (":8080", 8080),
            ("[::]:80", 80),
            ("::1", 11434),
            ("http://0.0.0.0:11434/", 11434),
            ("https://models", 443),
            ("127.0.0.1:99999", 11434),
        ] {
            assert_eq!(port_of(host), port, "{host}");
        }
    }
}
