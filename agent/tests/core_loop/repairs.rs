//! Repairs beside the loop.

use std::time::Duration;

use saigak_agent::core::Ledger;
use tokio::time;

use crate::guest::{DEADLINE, Ends, OFTEN, SELDOM, World};
use crate::hand::run;

fn broken() -> World {
    World { left_broken: true, ..World::default() }
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_repaired_seen_to_be_gone_and_told() {
    run(&SELDOM, broken(), |mut hand| async move {
        let report = hand.report(|report| report.ready).await;
        let past = report.repairs.first().unwrap();
        assert_eq!((&*past.remedy, &*past.result), ("left/Mend", "Succeeded"));
        // The patience of a second, and no schedule: it waits for no look.
        assert_eq!(hand.ran_for().as_secs(), 1);
        // What is spawned at that turn ends before the clock can move.
        time::sleep(Duration::from_millis(1)).await;
        let world = hand.guest.world();
        assert_eq!(world.repairs, 1);
        // Saved before it began, as interrupted, and after it ended.
        let told =
            |ledger: &Ledger| (ledger.entries.len(), ledger.repairs.back().unwrap().result.clone());
        assert_eq!(told(&world.saved[0]), (1, "Interrupted".into()));
        assert_eq!(told(world.saved.last().unwrap()), (1, "Succeeded".into()));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_repair_that_hangs_ends_at_its_deadline_and_reports_go_on() {
    let world = World { repair: Ends::Never, ..broken() };
    run(&OFTEN, world, |mut hand| async move {
        hand.report(|report| report.repair.is_some()).await;
        let began = time::Instant::now();
        let beats = hand.guest.world().beats.len();
        let report = hand.report(|report| !report.repairs.is_empty()).await;
        assert_eq!(report.repairs[0].result, "TimedOut");
        assert!((report.repairs[0].duration_seconds - DEADLINE.as_secs_f64()).abs() < 0.01);
        assert!(began.elapsed() <= DEADLINE + Duration::from_millis(10));
        assert!(hand.guest.world().beats.len() - beats >= 10);
        assert_eq!(hand.guest.world().repairs, 1);
        // The next try is a repair of its own.
        hand.report(|report| report.repair.is_some()).await;
        assert_eq!(began.elapsed().as_secs() / 5, (DEADLINE.as_secs() + 10) / 5);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sleep_is_noticed_before_the_end_of_a_repair_that_it_fell_into() {
    let world = World { repair: Ends::Never, ..broken() };
    run(&SELDOM, world, |mut hand| async move {
        hand.report(|report| report.repair.is_some()).await;
        // The wake-up finds the deadline over before the loop turns again.
        time::sleep(DEADLINE.saturating_sub(Duration::from_millis(1))).await;
        hand.suspend(Duration::from_secs(24 * 3600));
        hand.report(|report| !report.repairs.is_empty()).await;
        let over = time::Instant::now();
        hand.report(|report| report.repair.is_some()).await;
        assert!(over.elapsed() < Duration::from_secs(60), "{:?} later", over.elapsed());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_saved_is_not_done() {
    for (save, words) in [
        (Ends::Badly, "its budget could not be saved: disk full"),
        (Ends::Never, "its budget could not be saved in time"),
    ] {
        let world = World { save, ..broken() };
        run(&OFTEN, world, |mut hand| async move {
            let report = hand.report(|report| !report.repairs.is_empty()).await;
            let past = &report.repairs[0];
            assert_eq!((&*past.result, &*past.message), ("Refused", words));
            assert_eq!(hand.guest.world().repairs, 0);
            // Once the disk has room again, the next try runs.
            hand.guest.world().save = Ends::Well;
            hand.report(|report| report.ready).await;
            assert_eq!(hand.guest.world().repairs, 1);
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_stays_full_runs_nothing_and_is_told_in_one_line() {
    let world = World { save: Ends::Badly, ..broken() };
    run(&OFTEN, world, |mut hand| async move {
        let an_hour = Duration::from_secs(3600);
        hand.report(|report| report.uptime > an_hour).await;
        let report = hand.report(|report| report.next.contains("was refused")).await;
        assert_eq!(report.repairs.len(), 1);
        assert_eq!(hand.guest.world().repairs, 0);
        assert!(!report.ready);
    })
    .await;
}
