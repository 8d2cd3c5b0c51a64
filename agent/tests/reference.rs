//! `docs/conditions.md` says what the code does: it is written from the tables in the code.
//! `SAIGAK_BLESS=1 cargo test -p saigak-agent --test reference` writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use saigak_agent::core::{AGENT, Condition, OWN_REASONS, Reason, Remedy as _, Role, Rung, Status};
use saigak_agent::guest::{CONCERNS, Remedy, declared};

const INTRODUCTION: &str = "\
# Conditions

Everything that the agent can say of a guest: each condition, what it waits for, and every reason
with what follows. Written from the tables in the code by a test.

How fast the verdict changes is stated here, not tuned:

- **Unready** is said as soon as a required condition is seen to be `False`. While one is
  `Unknown`, a ready guest stays ready for that condition's grace, and never longer than its last
  proof counts (`proof.fresh_seconds`, `proof.grace_seconds`).
- **Ready again** is said as soon as every required condition is `True`. After a restart of the
  server or a new address that includes a new proof, so there is no flapping to damp: ready rests
  on an embedding, not on the end of a repair.
- An event (netlink, D-Bus, the mount table) has a condition looked at at once. Without one it is
  looked at at the intervals below: the first while all is well, the second while its concern is
  not, or a repair's effect is waited for.
- A **repair** waits until its fault has lasted for the time in the table and was then seen once
  more. A condition that has held for 10 s has recovered: rungs that did not help are forgotten.
- Where the last rung did not help, a person is needed. The ladder rests for an hour, then two,
  up to a day, and is climbed again.

Two reasons belong to every condition: `Blocked`, which is `Unknown` while a condition that it
waits for does not hold, and `NotObserved`, which is `Unknown` until the first look. And of a guest
that was ready, `Stale` is the reason of the condition that was seen too long ago.
";

const OWN: &str = "
Said of the agent itself, in place of a condition: the guest is not ready, and nothing is repaired
for it.

| reason | said while | advice |
|---|---|---|
";

fn seconds(time: Duration) -> String {
    if time.is_zero() {
        "0 s".into()
    } else if time.subsec_millis() == 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

fn names(all: &[&str]) -> String {
    let quoted: Vec<_> = all.iter().map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() { "-".into() } else { quoted.join(", ") }
}

fn rung(rung: &Rung<Remedy>) -> String {
    let name = rung.remedy.name();
    let (first, last) = (seconds(rung.settle), seconds(rung.settle_cap));
    match rung.tries {
        Rung::<Remedy>::FOREVER => format!("`{name}` again and again, {first} to {last} apart"),
        1 => format!("`{name}`, then {first}"),
        tries => format!("`{name}` up to {tries} times, {first} apart, then longer"),
    }
}

fn follows(reason: &Reason<Remedy>) -> (String, String) {
    if reason.ladder.is_empty() {
        return ("-".into(), "-".into());
    }
    let rungs: Vec<_> = reason.ladder.iter().map(rung).collect();
    (seconds(reason.patience), rungs.join("; "))
}

fn role(condition: &Condition) -> &'static str {
    match condition.role {
        Role::Required => "required for Ready",
        Role::Veto => "not Ready while `False`; what is not known keeps nothing from being Ready",
        Role::Gate => "repairs wait for it, Ready does not",
        Role::Advisory => "for people only",
    }
}

fn document() -> Result<String, std::fmt::Error> {
    let mut text = String::from(INTRODUCTION);
    for (condition, reasons) in declared() {
        let schedule = CONCERNS.iter().find(|schedule| schedule.concern == condition.concern);
        let looked = schedule.map_or_else(String::new, |schedule| {
            format!("{} / {}", seconds(schedule.calm), seconds(schedule.alert))
        });
        writeln!(text, "\n## {}\n", condition.name)?;
        writeln!(
            text,
            "| is | waits for | explained by | unknown for at most | looked at every |"
        )?;
        writeln!(text, "|---|---|---|---|---|")?;
        writeln!(
            text,
            "| {} | {} | {} | {} | {looked} |\n",
            role(condition),
            names(condition.needs),
            names(condition.explained_by),
            if condition.role == Role::Required { seconds(condition.grace) } else { "-".into() },
        )?;
        writeln!(text, "| reason | status | repair after | repairs, smallest first | advice |")?;
        writeln!(text, "|---|---|---|---|---|")?;
        for reason in *reasons {
            let (after, rungs) = follows(reason);
            let advice = if reason.status == Status::True { "-" } else { reason.advice };
            let (name, status) = (reason.name, reason.status.word());
            writeln!(text, "| `{name}` | {status} | {after} | {rungs} | {advice} |")?;
        }
    }
    write!(text, "\n## {AGENT}\n{OWN}")?;
    for reason in OWN_REASONS {
        writeln!(text, "| `{}` | {} | {} |", reason.name, reason.means, reason.advice)?;
    }
    Ok(text)
}

#[test]
fn the_reference_says_what_the_code_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conditions.md");
    let written = document().unwrap();
    if std::env::var_os("SAIGAK_BLESS").is_some() {
        fs::write(&path, &written).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let (stale, fresh) = found
        .lines()
        .chain(std::iter::repeat(""))
        .zip(written.lines())
        .find(|(found, written)| found != written)
        .unwrap_or_default();
    assert!(
        found == written,
        "docs/conditions.md is out of date: it says {stale:?}, the code {fresh:?}; \
         run SAIGAK_BLESS=1 cargo test -p saigak-agent --test reference"
    );
}
