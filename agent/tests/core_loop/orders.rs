//! What a person asks for over the control socket.

use std::time::Duration;

use saigak_agent::core::{Order, Source};

use crate::guest::{Ends, SELDOM, World};
use crate::hand::run;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_pause_is_saved_before_it_is_confirmed_and_ends_on_time() {
    run(&SELDOM, World::default(), |mut hand| async move {
        hand.report(|report| report.ready).await;
        let answer = hand.order(Order::Pause(MINUTE)).await.unwrap();
        assert!(answer.starts_with("repairs are paused until 1970-01-01T00:02:40"), "{answer}");
        assert!(hand.guest.world().saved.last().unwrap().paused.is_some());
        hand.guest.world().left_broken = true;
        hand.waker.wake_by(Source::Bus, 0);
        let report = hand.report(|report| report.next.contains("paused until")).await;
        assert!(report.repair.is_none() && report.paused_until.is_some());
        let report = hand.report(|report| !report.repairs.is_empty()).await;
        assert!(report.paused_until.is_none());
        assert_eq!(hand.ran_for().as_secs(), 60);
        assert_eq!(hand.waker.tally().wakes(Source::Bus), 1);
        assert_eq!(hand.waker.tally().wakes(Source::Order), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_cannot_be_saved_counts_and_says_so() {
    let world = World { left_broken: true, save: Ends::Badly, ..World::default() };
    run(&SELDOM, world, |mut hand| async move {
        let answer = hand.order(Order::Pause(MINUTE)).await.unwrap_err();
        assert!(answer.ends_with("not across a restart of the agent: disk full"), "{answer}");
        hand.report(|report| report.paused_until.is_some()).await;
        hand.guest.world().save = Ends::Well;
        assert_eq!(hand.order(Order::Resume).await.as_deref(), Ok("repairs go on"));
        hand.report(|report| !report.repairs.is_empty()).await;
        assert_eq!(hand.order(Order::Resume).await.as_deref(), Ok("repairs were not paused"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_does_not_keep_who_asked_waiting() {
    let world = World { save: Ends::Never, ..World::default() };
    run(&SELDOM, world, |hand| async move {
        let answer = hand.order(Order::Pause(MINUTE)).await.unwrap_err();
        assert!(answer.contains("the disk does not answer"), "{answer}");
        assert_eq!(hand.ran_for().as_secs(), 10);
    })
    .await;
}
