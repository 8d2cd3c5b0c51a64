//! Further models, judged from made-up facts.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::*;
use crate::core::PullReport;
use crate::guest::Seen;
use crate::model::{Facts, Log};

const SERVER: Server = Server { address: Ipv4Addr::new(10, 0, 2, 2), invocation: 7 };

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn seen(alias: Alias, source: Source) -> Seen<Result<Facts, String>> {
    Seen { at: at(95), value: Ok(Facts { source, alias, weights: None }) }
}

/// One that is served, and was proven at 90 s.
fn served(name: &str, required: bool) -> Further {
    let mut proofs = Log::default();
    proofs.note(SERVER, at(90), at(91), Attempt::Good);
    proofs.cost = Some(Duration::from_millis(5));
    let config = config::Model {
        source: format!("{name}:1"),
        alias: name.to_owned(),
        required,
        ..config::Model::default()
    };
    Further {
        config: Arc::new(config),
        seen: Some(seen(Alias::Matches, Source::Present)),
        pull: PullState::Idle,
        proofs,
        tried: 0,
    }
}

fn without(alias: Alias, source: Source, one: Further) -> Further {
    Further { seen: Some(seen(alias, source)), ..one }
}

fn failed(attempt: Attempt, one: Further) -> Further {
    let mut proofs = one.proofs.clone();
    proofs.note(SERVER, at(98), at(99), attempt);
    Further { proofs, ..one }
}

fn given<T>(of: impl FnOnce(Given<'_>) -> T) -> T {
    let (progress, proof) = (Progress::default(), config::Proof::default());
    of(Given { server: Some(SERVER), progress: &progress, proof: &proof, uptime: at(100) })
}

fn judged(all: &[Further]) -> Vec<(&'static str, String)> {
    let judged = given(|given| check(all, &given));
    let names: Vec<_> = judged.iter().map(|judgement| judgement.condition).collect();
    assert_eq!(names, ["FurtherModelsServed", "OptionalModelsServed"]);
    judged.into_iter().map(|judgement| (judgement.reason.name, judgement.message)).collect()
}

fn reason(one: Further) -> &'static str {
    judged(&[one])[0].0
}

#[test]
fn who_has_none_lacks_nothing() {
    let none = ("Served", "none is configured".to_owned());
    assert_eq!(judged(&[]), [none.clone(), none]);
    // A bus that is away for a while makes nobody unready for models that there are not.
    let kept = given(|given| check(&[], &given)).into_iter().map(|judgement| judgement.expires);
    assert!(kept.flatten().all(|until| until > at(100) + Duration::from_hours(1)));
}

#[test]
fn an_optional_one_that_fails_is_told_and_keeps_nobody_from_being_ready() {
    let lost = without(Alias::Missing, Source::Missing, served("lost", false));
    let all = [served("a", true), lost, served("b", true)];
    let told = judged(&all);
    assert_eq!(told[0], ("Served", "a, b".to_owned()));
    assert_eq!(told[1], ("NotPulled", "lost:1 is not there".to_owned()));
    assert_eq!(OPTIONAL_MODELS_SERVED.role, Role::Advisory);
}

#[test]
fn what_is_there_and_was_not_proven_is_not_served() {
    let fresh = || Further { proofs: Log::default(), ..served("a", true) };
    assert_eq!(reason(fresh()), "NotProven");
    // Nobody has a list: the proof alone tells.
    let silent = |one| Further {
        seen: Some(Seen { at: at(99), value: Err("malformed".to_owned()) }),
        ..one
    };
    assert_eq!(reason(silent(served("a", true))), "Served");
    assert_eq!(reason(silent(fresh())), "NotProven");
    let (progress, proof) = (Progress::default(), config::Proof::default());
    let nobody = Given { server: None, progress: &progress, proof: &proof, uptime: at(100) };
    assert_eq!(nobody.verdicts(&[served("a", true)])[0].reason.name, "NotProven");
}

#[test]
fn each_thing_that_is_wrong_has_a_reason_of_its_own() {
    let one = || served("a", true);
    let words = || "EOF".to_owned();
    for (found, expected) in [
        (without(Alias::Missing, Source::Missing, one()), "NotPulled"),
        (without(Alias::Missing, Source::Present, one()), "AliasNotAsDeclared"),
        (without(Alias::NoManifest(words()), Source::NoManifest(words()), one()), "NotPulled"),
        (without(Alias::Foreign(words()), Source::Present, one()), "OtherModel"),
        (without(Alias::Damaged(words()), Source::Present, one()), "Damaged"),
        (without(Alias::Missing, Source::Damaged(words()), one()), "Damaged"),
        // What is served needs no source.
        (without(Alias::OtherWeights(words()), Source::Missing, one()), "Served"),
        (failed(Attempt::Wrong(Flaw::Dimension(512)), one()), "OtherModel"),
        (failed(Attempt::Wrong(Flaw::NotUnit(0.0)), one()), "Damaged"),
        (failed(Attempt::Failed(words()), one()), "NoEmbedding"),
        (failed(Attempt::Busy, one()), "Served"),
    ] {
        let told = format!("{:?} {:?}", found.seen, found.proofs.last);
        assert_eq!(reason(found), expected, "{told}");
    }
    let pulled = |pull| Further { pull, ..without(Alias::Missing, Source::Missing, one()) };
    assert_eq!(reason(pulled(PullState::Running(PullReport::default()))), "Pulling");
    assert_eq!(reason(pulled(PullState::Succeeded(at(96)))), "Pulling");
    assert_eq!(reason(pulled(PullState::Succeeded(at(94)))), "NotPulled");
    assert_eq!(reason(pulled(PullState::Failed("gone".into()))), "NotPulled");
}

#[test]
fn a_repair_is_of_the_one_that_is_named_and_they_take_turns() {
    let lost = |name: &str, required, tried| Further {
        tried,
        ..without(Alias::Missing, Source::Missing, served(name, required))
    };
    let subject = |all: &[Further], remedy| {
        given(|given| given.subject(all, remedy).map(|one| one.config.alias.clone()))
    };
    let all = [lost("a", true, 3), lost("b", true, 2), lost("c", false, 0)];
    assert!(judged(&all)[0].1.starts_with("b:1"));
    assert_eq!(subject(&all, Remedy::Pull).as_deref(), Some("b"));
    assert_eq!(subject(&all, Remedy::CreateAlias), None);
    // Whoever is required is served: then the others.
    let all = [served("a", true), lost("c", false, 0)];
    assert_eq!(subject(&all, Remedy::Pull).as_deref(), Some("c"));
    // What is wrong goes before what is not known.
    let unproven = Further { proofs: Log::default(), ..served("u", true) };
    let all = [unproven, lost("b", true, 9)];
    assert_eq!(subject(&all, Remedy::Pull).as_deref(), Some("b"));
    // While one is pulled nothing else is begun.
    let pulls = PullState::Running(PullReport::default());
    let all = [lost("a", true, 0), Further { pull: pulls, ..lost("b", true, 9) }];
    assert_eq!(judged(&all)[0].0, "Pulling");
    assert_eq!(subject(&all, Remedy::Pull), None);
}

#[test]
fn proofs_cost_half_as_much_as_those_of_the_first_however_many_there_are() {
    let first = config::Proof::default();
    for pinned in [1, 2, 15] {
        let pace = served("a", true).pace(&first, pinned);
        let each = first.interval.as_secs_f64() / pace.interval.as_secs_f64();
        let share = each * f64::from(u32::try_from(pinned).unwrap());
        assert!((share - 0.5).abs() < 1e-9, "{pinned}: {share}");
        let mut dear = served("a", true);
        dear.proofs.cost = Some(at(1));
        assert_eq!(dear.pace(&first, pinned).interval, pace.interval * 2);
        // A proof that comes in time is in time.
        assert!(pace.fresh >= pace.interval + at(10) && pace.grace >= pace.fresh, "{pace:?}");
    }
}

#[test]
fn one_that_is_not_pinned_is_proven_seldom_once_it_was_right() {
    let mut one = served("a", true);
    Arc::make_mut(&mut one.config).pinned = false;
    let owes = |one: &Further, uptime| {
        one.owes_proof(SERVER, at(uptime), &one.pace(&config::Proof::default(), 1))
    };
    assert!(!owes(&one, 90 + 3599) && owes(&one, 90 + 3600));
    let restarted = Server { invocation: 8, ..SERVER };
    assert!(one.owes_proof(restarted, at(92), &one.pace(&config::Proof::default(), 1)));
    // It counts until the next is over, and not for ever.
    let verdict = given(|given| given.verdicts(std::slice::from_ref(&one)).remove(0));
    assert_eq!(verdict.expires, Some(at(90 + 7220)));
    // One that was refused is asked for as others are.
    assert!(owes(&failed(Attempt::Busy, one.clone()), 118));
    one.seen = Some(seen(Alias::Missing, Source::Present));
    assert!(!owes(&one, 9000), "nobody has it to prove");
}
