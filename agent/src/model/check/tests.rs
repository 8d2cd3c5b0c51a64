//! The models and the proofs, judged from made-up facts.

use std::net::Ipv4Addr;

use super::*;
use crate::core::Status;

const SERVER: Server = Server { address: Ipv4Addr::new(10, 0, 2, 2), invocation: 7 };

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn log(good_at: Option<u64>, last: Attempt, waits_since: Option<u64>) -> Log {
    Log {
        good: good_at.map(|began| (SERVER, at(began), at(0))),
        last: Some((SERVER, at(good_at.unwrap_or(0)), last)),
        running: waits_since.map(|began| (SERVER, at(began))),
        ..Log::default()
    }
}

fn judge(log: &Log, worked: Option<u64>, now: u64) -> Judgement<Remedy> {
    let seen = Progress { at: at(now), since: Some(at(1)), ..Progress::default() };
    let progress = Progress { last: worked.map(at), served: worked.map(at), ..seen };
    check_proof(log, SERVER, &progress, &config::Proof::default(), at(now))
}

#[test]
fn a_proof_counts_for_s_seconds_and_with_progress_for_g() {
    let proven = log(Some(100), Attempt::Good, None);
    let judgement = judge(&proven, None, 129);
    assert_eq!((judgement.reason.name, judgement.expires), ("Proven", Some(at(130))));
    assert_eq!(judge(&proven, None, 130).reason.name, "ProofStale");
    let waits = log(Some(100), Attempt::Good, Some(110));
    assert_eq!(judge(&waits, Some(150), 160).reason.name, "Busy");
    assert_eq!(judge(&waits, Some(150), 160).expires, Some(at(280)));
    assert_eq!(judge(&waits, Some(275), 280).reason.name, "ProofStale");
}

#[test]
fn work_that_the_agent_gave_the_server_itself_keeps_no_proof_alive() {
    let waits = log(Some(100), Attempt::Good, Some(110));
    let seen = Progress { at: at(129), since: Some(at(1)), ..Progress::default() };
    let own = Progress { last: Some(at(129)), ..seen };
    let judged = |now| check_proof(&waits, SERVER, &own, &config::Proof::default(), at(now));
    assert_eq!(judged(129).expires, Some(at(130)));
    assert_eq!(judged(130).reason.name, "ProofStale");
}

#[test]
fn progress_before_the_proof_proves_nothing_after_it() {
    let proven = log(Some(100), Attempt::Good, Some(110));
    assert_eq!(judge(&proven, Some(90), 140).reason.name, "ProofStale");
}

#[test]
fn a_wrong_embedding_counts_at_once_and_the_right_one_before_it_no_more() {
    for (flaw, name) in [
        (Flaw::Dimension(512), "WrongDimension"),
        (Flaw::NotFinite(3), "NotFinite"),
        (Flaw::Unwritable("json: unsupported value: NaN".into()), "NotFinite"),
        (Flaw::NotUnit(2.0), "NotUnit"),
        (Flaw::Unlike(0.123), "WrongVector"),
    ] {
        let judgement = judge(&log(Some(100), Attempt::Wrong(flaw), None), None, 101);
        assert_eq!((judgement.reason.name, judgement.reason.status), (name, Status::False));
    }
}

#[test]
fn another_server_s_proof_is_no_proof() {
    let other = Server { invocation: 8, ..SERVER };
    let proven = log(Some(100), Attempt::Good, None);
    let (progress, config) = (Progress::default(), config::Proof::default());
    let judgement = check_proof(&proven, other, &progress, &config, at(101));
    assert_eq!(judgement.reason.name, "NotProven");
}

#[test]
fn a_server_that_loads_is_not_stuck_and_one_that_does_nothing_is() {
    let waits = log(None, Attempt::TimedOut, Some(100));
    assert_eq!(judge(&waits, Some(155), 200).reason.name, "NotProven");
    assert_eq!(judge(&waits, Some(101), 162).reason.name, "Stuck");
    assert_eq!(judge(&waits, None, 159).reason.name, "NotProven");
    assert_eq!(judge(&waits, None, 160).reason.name, "Stuck");
    let unseen = Progress::default();
    let judgement = check_proof(&waits, SERVER, &unseen, &config::Proof::default(), at(300));
    assert_eq!(judgement.reason.name, "NotProven");
}

#[test]
fn a_full_queue_before_one_who_does_nothing_is_stuck_though_no_proof_can_wait() {
    let mut refused = log(None, Attempt::Busy, None);
    refused.refused_since = Some((SERVER, at(100)));
    assert_eq!(judge(&refused, Some(155), 200).reason.name, "NotProven");
    assert_eq!(judge(&refused, Some(90), 159).reason.name, "NotProven");
    let stuck = judge(&refused, Some(90), 160);
    assert_eq!(stuck.reason.name, "Stuck");
    assert!(stuck.message.starts_with("each proof was refused"), "{}", stuck.message);
    // The next one has just begun, and has been let in or will be refused as well.
    refused.running = Some((SERVER, at(160)));
    assert_eq!(judge(&refused, Some(90), 160).reason.name, "Stuck");
    let other = Server { invocation: 8, ..SERVER };
    refused.refused_since = Some((other, at(100)));
    assert_eq!(judge(&refused, Some(90), 160).reason.name, "NotProven");
}

#[test]
fn an_alias_of_other_weights_holds_and_its_message_says_so() {
    let alias = Alias::OtherWeights("ab12".into());
    let facts = Facts { source: Source::Present, alias, weights: None };
    let judgements = check(Ok(&facts), at(9), &PullState::Idle, &config::Model::default());
    let reason = judgements[1].reason;
    assert_eq!((reason.name, reason.status), ("OtherWeights", Status::True));
    assert!(judgements[1].message.contains("weights ab12 are not"));
}

#[test]
fn a_failed_pull_is_told_in_the_server_s_words_with_a_hint() {
    let refused = "pull model manifest: Get \"https://r/v2/\": proxyconnect tcp: dial tcp: refused";
    let message = pull_failed("m:1", refused);
    assert!(message.starts_with(&format!("m:1: {refused} (a proxy")), "{message}");
    assert_eq!(pull_failed("m:1", "500: boom"), "m:1: 500: boom");
}

#[test]
fn a_pull_in_progress_is_named_and_its_failure_told() {
    let facts = Facts { source: Source::Missing, alias: Alias::Missing, weights: None };
    let config = config::Model::default();
    let names = |pull: &PullState| -> Vec<_> {
        check(Ok(&facts), at(9), pull, &config).iter().map(|j| j.reason.name).collect()
    };
    assert_eq!(names(&PullState::Idle), ["Missing", "Missing"]);
    let failed = PullState::Failed("pull model manifest: 503".into());
    assert_eq!(names(&failed), ["PullFailed", "Missing"]);
    let words = || "EOF".to_owned();
    let (source, alias) = (Source::Damaged(words()), Alias::Damaged(words()));
    let facts = Facts { source, alias, weights: None };
    assert_eq!(check(Ok(&facts), at(9), &failed, &config)[0].reason.name, "WeightsDamaged");
    let unreadable = check(Err("malformed"), at(9), &PullState::Idle, &config);
    assert!(unreadable.iter().all(|j| j.reason.status == Status::Unknown));
}

#[test]
fn a_server_whose_work_was_not_looked_at_for_a_while_is_not_stuck() {
    let waits = log(None, Attempt::TimedOut, Some(100));
    let progress = Progress { at: at(140), since: Some(at(1)), ..Progress::default() };
    let judgement = check_proof(&waits, SERVER, &progress, &config::Proof::default(), at(200));
    assert_eq!(judgement.reason.name, "NotProven");
}

#[test]
fn a_proof_that_failed_was_seen_when_it_ended() {
    let failed = log(Some(100), Attempt::Failed("500".into()), None);
    let failed = Log { ended: at(130), ..failed };
    assert_eq!(judge(&failed, None, 180).seen_at, Some(at(130)));
}
