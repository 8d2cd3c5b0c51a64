//! What a ticket must not hold: passwords, tokens, keys. Rather too much is taken out than too
//! little; names, addresses and paths stay, since they are what a ticket is about.

/// What stands in the place of a secret.
const GONE: &str = "[redacted]";

/// A key whose name holds one of these, without `-` and `_` and in small letters, has a secret
/// for a value.
const SECRET: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "authorization",
    "cookie",
    "psk",
];

/// So has one whose last word is one of these.
const LAST: [&str; 4] = ["pass", "auth", "private", "shared"];

/// The beginnings of tokens that are known by their looks: password hashes, JSON web tokens, and
/// those of GitHub, Hugging Face, `OpenAI` and AWS.
const TOKENS: [&str; 12] = [
    "$1$",
    "$2a$",
    "$2b$",
    "$5$",
    "$6$",
    "$y$",
    "eyJ",
    "ghp_",
    "github_pat_",
    "hf_",
    "sk-",
    "AKIA",
];

/// Such a token is at least so long; a word that merely begins like one is shorter.
const TOKEN_MIN: usize = 16;

/// The types of SSH keys, as they stand before a key.
const SSH: [&str; 4] = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"];

/// `text` without its secrets.
pub(super) fn redact(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut block = Block::None;
    for line in text.split_inclusive('\n') {
        let (body, end) = line.strip_suffix('\n').map_or((line, ""), |body| (body, "\n"));
        match block {
            Block::Armour if body.contains("-----END") => block = Block::None,
            Block::Armour => continue,
            Block::Deeper(depth) if body.trim().is_empty() || indentation(body) > depth => continue,
            Block::Deeper(_) => block = Block::None,
            Block::None => {}
        }
        if body.contains("-----BEGIN") && body.contains("PRIVATE KEY") {
            // One that is all on this line is taken out with it.
            if !body.contains("-----END") {
                block = Block::Armour;
            }
            clean.push_str(GONE);
            clean.push_str(end);
            continue;
        }
        let (body, opens) = values(&userinfo(body));
        if opens {
            block = Block::Deeper(indentation(&body));
        }
        clean.push_str(&words(&body));
        clean.push_str(end);
    }
    clean
}

/// What the following lines belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    None,
    /// A key between `BEGIN` and `END`.
    Armour,
    /// The value of a key in YAML: all that is indented deeper than that.
    Deeper(usize),
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '-']).len()
}

/// Takes the user and password out of URLs.
fn userinfo(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let ends = |c: char| c.is_whitespace() || "/?#\"'<>".contains(c);
        let authority = &after[..after.find(ends).unwrap_or(after.len())];
        rest = after;
        if let Some(user) = authority.rfind('@') {
            clean.push_str(GONE);
            rest = &after[user..];
        }
    }
    clean.push_str(rest);
    clean
}

/// Takes the values of secret keys out; says whether one is still to come, on lines of its own.
fn values(line: &str) -> (String, bool) {
    let mut clean = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find([':', '=']) {
        let (before, after) = rest.split_at(at + 1);
        clean.push_str(before);
        rest = after;
        let key = &before[..at];
        let key = key.trim_end_matches(['"', '\'', ' ']);
        let other = key.char_indices().rev().find(|(_, c)| !is_of_a_key(*c));
        let key = &key[other.map_or(0, |(at, c)| at + c.len_utf8())..];
        if !is_secret(key) {
            continue;
        }
        let (assigned, follows) = (before.ends_with('='), rest.chars().next());
        // Without a space, it is the number of a group of mounts.
        let parted = assigned || !follows.is_some_and(|c| c.is_ascii_digit());
        if key.trim_start_matches('-').eq_ignore_ascii_case("shared") && !parted {
            continue;
        }
        let value = rest.trim_start();
        let space = rest.len() - value.len();
        if matches!(value.trim_end(), "" | "|" | ">" | "|-" | ">-" | "|+" | ">+") {
            clean.push_str(rest);
            return (clean, before.ends_with(':'));
        }
        clean.push_str(&rest[..space]);
        clean.push_str(GONE);
        // `"KEY=a value"`: it goes up to the quote that was opened before its key.
        let quoted = open_quote(&line[..line.len() - rest.len()]);
        let quoted = quoted.filter(|_| assigned).map_or(0, |quote| closing(value, quote));
        let whole = key.to_ascii_lowercase().ends_with("authorization");
        rest = &value[length(value, assigned && !whole).max(quoted)..];
    }
    clean.push_str(rest);
    (clean, false)
}

/// The bytes of a value: to its closing quote, to the next space after `=`, or to the line's end.
fn length(value: &str, assigned: bool) -> usize {
    if let Some(quote) = value.chars().next().filter(|c| "\"'".contains(*c)) {
        let mut escaped = false;
        for (at, c) in value.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == quote => return at + 1,
                _ => {}
            }
        }
        return value.len();
    }
    if assigned { value.find(char::is_whitespace).unwrap_or(value.len()) } else { value.len() }
}

/// The quote that `text` leaves open.
fn open_quote(text: &str) -> Option<char> {
    text.chars().fold(None, |open, c| match open {
        None => Some(c).filter(|c| "\"'".contains(*c)),
        Some(quote) if quote == c => None,
        open => open,
    })
}

/// The bytes of `value` before the closing `quote`, or all.
fn closing(value: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in value.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at,
            _ => {}
        }
    }
    value.len()
}

fn is_of_a_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

fn is_secret(key: &str) -> bool {
    let name = key.trim_start_matches('-').to_ascii_lowercase();
    let bare = name.replace(['-', '_'], "");
    let is_key = bare.ends_with("key") && !bare.ends_with("publickey");
    let last = name.rsplit(['-', '_', '.']).next().unwrap_or_default();
    is_key || LAST.contains(&last) || SECRET.iter().any(|secret| bare.contains(secret))
}

/// Takes out what is known by its looks, or by the word before it.
fn words(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut before = "";
    for word in line.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let (head, core) = bare.split_at(bare.len() - bare.trim_start_matches(QUOTES).len());
        let core = core.trim_end_matches(QUOTES);
        let key_follows = SSH.iter().any(|kind| before.starts_with(kind));
        let announced = before.eq_ignore_ascii_case("bearer")
            || (before.starts_with("--") && !before.contains('=') && is_secret(before));
        let looks = core.split([':', '=']).any(|part| {
            part.len() >= TOKEN_MIN && TOKENS.iter().any(|token| part.starts_with(token))
        });
        if !core.is_empty() && core != GONE && (key_follows || announced || looks) {
            clean.push_str(head);
            clean.push_str(GONE);
            clean.push_str(&word[head.len() + core.len()..]);
        } else {
            clean.push_str(word);
        }
        before = core;
    }
    clean
}

/// What may stand around a word.
const QUOTES: [char; 8] = ['"', '\'', ',', ';', '(', ')', '[', ']'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_many_shapes_are_taken_out() {
        for (dirty, clean) in [
            ("password: hunter2 and more", "password: [redacted]"),
            ("    password: \"hunter2\"  # wifi", "    password: [redacted]  # wifi"),
            (r#"{"passwd": "a\"b", "user": "me"}"#, r#"{"passwd": [redacted], "user": "me"}"#),
            ("Environment=API_KEY=abc LANG=C", "Environment=API_KEY=[redacted] LANG=C"),
            ("HF_TOKEN='abc def' x=1", "HF_TOKEN=[redacted] x=1"),
            ("aws-secret-access-key = abc", "aws-secret-access-key = [redacted]"),
            ("Authorization: Bearer abc", "Authorization: [redacted]"),
            ("sent Bearer abc.def to it", "sent Bearer [redacted] to it"),
            ("https://me:pw@host:80/x?y", "https://[redacted]@host:80/x?y"),
            ("pull http://token@r.io/a and b@c", "pull http://[redacted]@r.io/a and b@c"),
            ("login --password hunter2 --user me", "login --password [redacted] --user me"),
            ("login --token=hunter2 --user me", "login --token=[redacted] --user me"),
            ("- ssh-ed25519 AAAAC3Nza me@home", "- ssh-ed25519 [redacted] me@home"),
            ("root:$6$abcdefgh$ijklmnop:19000", "[redacted]"),
            ("hash \"$6$abcdefgh$ijklmnop\",", "hash \"[redacted]\","),
            ("jwt eyJhbGciOi.eyJzdWIi.SflKxw", "jwt [redacted]"),
            ("key: 0123", "key: [redacted]"),
            (
                "Environment=\"HF_TOKEN=abc def\" LANG=C",
                "Environment=\"HF_TOKEN=[redacted]\" LANG=C",
            ),
            ("PresharedKey=abc=", "PresharedKey=[redacted]"),
            ("  private: abc", "  private: [redacted]"),
            ("    shared: abc", "    shared: [redacted]"),
            ("db_pass=abc x", "db_pass=[redacted] x"),
            ("auth: abc def", "auth: [redacted]"),
            ("Authorization=Basic abc", "Authorization=[redacted]"),
        ] {
            assert_eq!(redact(dirty), clean, "{dirty}");
        }
    }

    #[test]
    fn what_a_ticket_is_about_stays() {
        for text in [
            "NetworkUp False MacPinned: 10-netplan-enp1s0.network wants MAC 52:54:00:aa:bb:01",
            "2026-11-21T10:00:00 vm ollama[12]: GET \"/v1/embeddings\" 200 1.5ms 10.0.2.2:11434",
            "key-management: none",
            "/dev/vdb on /var/lib/ollama type ext4 (rw,relatime,errors=remount-ro)",
            "http://registry.example/v2/library/qwen3-embedding",
            "PublicKey=banana keyboard=us bypass=1",
            "36 35 98:0 / /mnt rw,noatime shared:1 - ext4 /dev/root rw",
            "sk-8",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn what_stands_on_lines_of_its_own_goes_as_a_whole() {
        let dirty = "chpasswd:\n  list: |\n    root:hunter2\n\n    me:swordfish\nhostname: vm\n\
                     secret: >-\n  hunter2\n\nnext: 1\n";
        let clean = "chpasswd:\nhostname: vm\nsecret: >-\nnext: 1\n";
        assert_eq!(redact(dirty), clean);
        let dirty = "a\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\nzZz\n\
                     -----END OPENSSH PRIVATE KEY-----\nb";
        assert_eq!(redact(dirty), "a\n[redacted]\n-----END OPENSSH PRIVATE KEY-----\nb");
    }

    #[test]
    fn any_text_is_taken() {
        for text in ["", "\n", "=", ":", "://", "://@", "password:", "--token", "\u{e9}=\u{e9}: '"]
        {
            assert_eq!(redact(text).is_empty(), text.is_empty());
        }
    }
}
