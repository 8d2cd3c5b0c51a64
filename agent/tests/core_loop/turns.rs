//! The turns of the loop themselves.

use std::time::Duration;

use saigak_agent::core::Clock;
use tokio::time;

use crate::guest::{Ends, LEFT_CONCERN, OFTEN, SELDOM, World};
use crate::hand::run;

#[tokio::test(start_paused = true)]
async fn the_heart_beats_though_nothing_happens() {
    run(&SELDOM, World::default(), |hand| async move {
        time::sleep(Duration::from_secs(600)).await;
        let world = hand.guest.world();
        assert!((120..130).contains(&world.beats.len()), "{} beats", world.beats.len());
        for pair in world.beats.windows(2) {
            assert!(pair[1] - pair[0] <= Duration::from_millis(5001), "{pair:?}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_beat_is_of_a_report_that_is_published() {
    run(&SELDOM, World::default(), |hand| async move {
        time::sleep(Duration::from_secs(60)).await;
        assert_eq!(hand.guest.world().early_beats, 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_proof_ends_ready_at_its_instant_though_nobody_looks() {
    run(&SELDOM, World::default(), |mut hand| async move {
        // Between two beats of the heart.
        let expires = hand.clock.now().uptime + Duration::from_millis(33_333);
        hand.guest.world().right_expires = Some(expires);
        let report = hand.report(|report| report.ready).await;
        assert_eq!(report.ready_until.map(|expiry| expiry.uptime), Some(expires));
        let report = hand.report(|report| !report.ready).await;
        assert_eq!(report.cause.as_ref().unwrap().condition, "Right");
        assert!(report.uptime >= expires);
        let late = report.uptime.saturating_sub(expires);
        assert!(late <= Duration::from_millis(2), "{late:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_nudge_is_a_report_without_a_look() {
    run(&SELDOM, World::default(), |mut hand| async move {
        hand.report(|report| report.ready).await;
        time::sleep(Duration::from_secs(1)).await;
        let (looks, now) = (hand.guest.world().looks.len(), hand.clock.now().uptime);
        hand.waker.nudge();
        hand.report(|report| report.uptime == now).await;
        assert_eq!(hand.guest.world().looks.len(), looks);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn stop_waits_for_nothing() {
    let world = World { left_broken: true, repair: Ends::Never, ..World::default() };
    let took = run(&OFTEN, world, |mut hand| async move {
        hand.report(|report| report.repair.is_some()).await;
        hand.guest.world().hanging_look = Some(LEFT_CONCERN);
        let looks = hand.guest.looks(LEFT_CONCERN).len();
        while hand.guest.looks(LEFT_CONCERN).len() == looks {
            hand.reports.changed().await.unwrap();
        }
    })
    .await;
    assert_eq!(took, Duration::ZERO);
}
