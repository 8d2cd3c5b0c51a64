//! When concerns are looked at.

use std::time::Duration;

use tokio::time;

use crate::guest::{Ends, LEFT_CONCERN, OFTEN, RIGHT_CONCERN, SELDOM, World};
use crate::hand::run;

#[tokio::test(start_paused = true)]
async fn a_storm_of_events_leads_to_few_looks_and_to_one_after_its_end() {
    run(&SELDOM, World::default(), |hand| async move {
        // 10,000 wakes within a second.
        for wake in 0..10_000 {
            hand.waker.wake(LEFT_CONCERN);
            tokio::task::yield_now().await;
            if wake % 10 == 9 {
                time::sleep(Duration::from_millis(1)).await;
            }
        }
        let last = time::Instant::now();
        time::sleep(Duration::from_secs(10)).await;
        let looks = hand.guest.looks(LEFT_CONCERN);
        assert!((8..=12).contains(&looks.len()), "{} looks", looks.len());
        for pair in looks.windows(2) {
            assert!(pair[1] - pair[0] >= Duration::from_millis(100), "{pair:?}");
        }
        let after = looks.last().unwrap();
        assert!(*after >= last && *after - last <= Duration::from_millis(101));
        assert_eq!(hand.guest.looks(RIGHT_CONCERN).len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_storm_without_a_pause_does_not_starve_the_loop() {
    run(&SELDOM, World::default(), |hand| async move {
        let turned = hand.guest.world().beats.len();
        for _ in 0..10_000 {
            hand.waker.wake(LEFT_CONCERN);
            hand.waker.wake(RIGHT_CONCERN);
        }
        time::sleep(Duration::from_secs(1)).await;
        assert_eq!(hand.guest.looks(LEFT_CONCERN).len(), 2);
        assert_eq!(hand.guest.looks(RIGHT_CONCERN).len(), 2);
        let turns = hand.guest.world().beats.len() - turned;
        assert!(turns < 10, "{turns} turns");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_wake_for_a_concern_that_is_not_there_is_no_harm() {
    run(&SELDOM, World::default(), |mut hand| async move {
        for concern in [2, 31, 32, usize::MAX] {
            hand.waker.wake(concern);
        }
        hand.report(|report| report.ready).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_look_that_hangs_stops_neither_the_others_nor_the_reports() {
    let world = World { hanging_look: Some(LEFT_CONCERN), ..World::default() };
    run(&OFTEN, world, |mut hand| async move {
        let report = hand.report(|report| report.conditions[1].reason == "Good").await;
        assert_eq!(report.cause.as_ref().unwrap().condition, "Left");
        let beats = hand.guest.world().beats.len();
        for _ in 0..100 {
            hand.waker.wake(LEFT_CONCERN);
            time::sleep(Duration::from_secs(1)).await;
        }
        // Nobody looks a second time where the first look has not ended.
        assert_eq!(hand.guest.looks(LEFT_CONCERN).len(), 1);
        assert!(hand.guest.looks(RIGHT_CONCERN).len() >= 50);
        assert!(hand.guest.world().beats.len() - beats >= 50);
        assert!(!hand.reports.borrow().ready);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_ready_guest_is_looked_at_less_often() {
    for (broken, at_least, at_most) in [(false, 10, 12), (true, 50, 60)] {
        let world = World { left_broken: broken, repair: Ends::Badly, ..World::default() };
        run(&OFTEN, world, |hand| async move {
            time::sleep(Duration::from_secs(100)).await;
            let looks = hand.guest.looks(RIGHT_CONCERN).len();
            assert!((at_least..=at_most).contains(&looks), "{looks} looks, broken: {broken}");
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_that_brings_nothing_new_is_not_repeated_at_once() {
    let world = World { left_broken: true, left_seen_at: Some(Duration::ZERO), ..World::default() };
    run(&OFTEN, world, |hand| async move {
        time::sleep(Duration::from_secs(60)).await;
        // One more than its time has come for: after the patience of its reason.
        let looks = hand.guest.looks(LEFT_CONCERN).len();
        assert!((30..=36).contains(&looks), "{looks} looks");
        assert_eq!(hand.guest.world().repairs, 0);
    })
    .await;
}
