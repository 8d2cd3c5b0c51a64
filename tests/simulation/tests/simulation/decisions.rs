//! A comparison of decisions passes over what hangs on when somebody looked, and fails for every
//! decision that is another: in what is said by hand here, and in simulated guests of which one
//! is not like the other.

#![expect(clippy::unwrap_used, reason = "all of this is tests, the helpers too")]

use saigak_simulation::course::{Course, Told};
use saigak_simulation::decisions::Compares;
use saigak_simulation::fault::Fault;
use saigak_simulation::guest::Hands;
use saigak_simulation::history::Event;
use saigak_simulation::twin::{Case, each_course};

/// Said of the two conditions, in turns, while those repairs were over.
struct Said(&'static str, &'static str, &'static [&'static str]);

const START: &str = "ollama/Start for OllamaRunning/Stopped: Succeeded";
const PULL: &str = "model/Pull for ModelPresent/Missing: Succeeded";

/// Stopped, and without a model: both are mended.
const GUEST: &[Said] = &[
    Said("True Running", "True Present", &[]),
    Said("False Stopped", "True Present", &[]),
    Said("False Stopped", "False Missing", &[]),
    Said("True Running", "False Missing", &[START]),
    Said("True Running", "True Present", &[START, PULL]),
];

fn course(said: &[Said]) -> Course {
    let told: Vec<Told> = said
        .iter()
        .map(|Said(running, present, repairs)| {
            let conditions = [("OllamaRunning", running), ("ModelPresent", present)];
            let conditions = conditions.map(|(condition, said)| {
                let (status, reason) = said.split_once(' ').unwrap();
                (condition.to_owned(), status.to_owned(), reason.to_owned())
            });
            let denied = conditions.iter().find(|(_, status, _)| status != "True");
            Told {
                ready: denied.is_none(),
                cause: denied.map(|(condition, _, reason)| format!("{condition}/{reason}")),
                repairs: repairs.iter().map(|it| ((*it).into(), (*it).into())).collect(),
                conditions: conditions.to_vec(),
                repairing: false,
            }
        })
        .collect();
    Course::of(&told, "OllamaRunning", &["Stopped", "Failed"]).unwrap()
}

fn compare(guest: &[Said], twins: &[&[Said]]) -> Result<(), String> {
    let twins: Vec<Course> = twins.iter().map(|said| course(said)).collect();
    Compares::Decisions.compare(&course(guest), &twins)
}

/// The same with another report at that place.
fn with(at: usize, said: Said) -> Vec<Said> {
    let mut guest: Vec<Said> = GUEST.iter().map(|Said(a, b, c)| Said(a, b, c)).collect();
    guest[at] = said;
    guest
}

#[test]
fn what_was_looked_at_in_between_makes_no_difference() {
    let unknown = with(2, Said("False Stopped", "Unknown NotSeen", &[]));
    let earlier = with(1, Said("False Stopped", "False Missing", &[]));
    for other in [&unknown, &earlier] {
        assert_eq!(compare(GUEST, &[other]), Ok(()));
        assert_eq!(compare(other, &[GUEST]), Ok(()));
    }
    assert!(Compares::Courses.compare(&course(GUEST), &[course(&unknown)]).is_err());
    assert!(compare(GUEST, &[]).is_err(), "no twin is no agreement");
}

#[test]
fn every_other_decision_is_caught() {
    const RESTART: &str = "ollama/Restart for OllamaRunning/Stopped: Succeeded";
    const FAILED: &str = "ollama/Start for OllamaRunning/Stopped: Failed";
    const OTHERWISE: &str = "ollama/Start for OllamaRunning/Failed: Succeeded";
    let ends = |repairs| with(4, Said("True Running", "True Present", repairs));
    let wrong: [(&str, Vec<Said>); 7] = [
        ("another remedy", ends(&[RESTART, PULL])),
        ("another result", ends(&[FAILED, PULL])),
        ("for another reason", ends(&[OTHERWISE, PULL])),
        ("another order", ends(&[PULL, START])),
        ("a repair too few", ends(&[START])),
        ("a repair too many", ends(&[START, PULL, RESTART])),
        ("denied too much", with(2, Said("False Failed", "False Missing", &[]))),
    ];
    for (what, wrong) in wrong {
        let differs = compare(&wrong, &[GUEST]).expect_err(what);
        println!("{what}:\n{differs}");
    }
    // Denied in both, and the cause of the guest alone.
    let (one, other) = (("A", "False X"), ("B", "False Y"));
    let blames = |cause: &str| {
        let told = |conditions: [(&str, &str); 2], cause: Option<&str>| Told {
            ready: cause.is_none(),
            cause: cause.map(Into::into),
            conditions: conditions
                .map(|(name, said)| (name.into(), said[..5].trim().into(), said[5..].into()))
                .to_vec(),
            ..Told::default()
        };
        let good = [("A", "True  X"), ("B", "True  Y")];
        let told = [told(good, None), told([one, other], Some(cause)), told(good, None)];
        Course::of(&told, "A", &[" X"]).unwrap()
    };
    let differs = Compares::Decisions.compare(&blames("A/ X"), &[blames("B/ Y")]).unwrap_err();
    assert_eq!(
        differs,
        "named as the cause: A/ X, by no twin\nnot named as the cause: B/ Y, though by every twin\n"
    );
}

/// What some twins deny a guest may, and what all of them do it must.
#[test]
fn what_is_denied_lies_between_what_all_deny_and_what_any_does() {
    let more = with(2, Said("False Failed", "False Missing", &[]));
    assert_eq!(compare(GUEST, &[GUEST, &more]), Ok(()));
    assert_eq!(compare(&more, &[GUEST, &more]), Ok(()));
    let differs = compare(GUEST, &[&more]).unwrap_err();
    assert!(differs.contains("not denied: OllamaRunning/Failed, though by every twin\n"));
    let differs = compare(&more, &[GUEST]).unwrap_err();
    assert!(differs.contains("denied: OllamaRunning/Failed, by no twin\n"));
}

/// Enough of a fault's courses to tell it from others.
fn some_courses(case: &Case<'_>) -> Vec<Course> {
    each_course(case).take(48).collect::<Result<_, _>>().unwrap()
}

/// Guests whose repairs do nothing decide otherwise, and one fault's decisions are not another's.
#[test]
fn other_guests_and_other_faults_decide_otherwise() {
    let faults: [(Fault, &str, &[&str]); 4] = [
        (Fault::Flushed, "AddressAssigned", &["AddressLost"]),
        (Fault::RouteGone, "AddressAssigned", &["NoRoute"]),
        (Fault::Stopped, "OllamaRunning", &["Stopped"]),
        (Fault::Limited, "OllamaRunning", &["StartLimitHit"]),
    ];
    let agrees =
        |course: &Course, twins: &[Course]| Compares::Decisions.compare(course, twins).is_ok();
    let sound: Vec<(Fault, Vec<Course>)> = faults
        .iter()
        .map(|(fault, condition, reasons)| {
            (*fault, some_courses(&Case::of(*fault, condition, reasons)))
        })
        .collect();
    for (fault, twins) in &sound {
        assert!(twins.iter().all(|course| agrees(course, twins)), "{fault:?}");
        for (other, others) in sound.iter().filter(|(other, _)| other != fault) {
            let passes = twins.iter().any(|course| agrees(course, others));
            assert!(!passes, "{fault:?} passes for {other:?}");
        }
    }
    let broken = [Event::Hands(Hands::Fail)];
    for (fault, condition, reasons) in faults {
        let case = Case { before: &broken, ..Case::of(fault, condition, reasons) };
        let broken = some_courses(&case);
        let (_, sound) = sound.iter().find(|(sound, _)| *sound == fault).unwrap();
        assert!(!sound.iter().any(|course| agrees(course, &broken)), "{fault:?}");
    }
}
