//! The comparison of a booted guest with its simulated twin can fail: physics that are not the
//! guest's are caught, lane by lane. The booted guests themselves are compared by the lab.

use saigak_simulation::course::{Course, Told};
use saigak_simulation::fault::Fault;
use saigak_simulation::guest::Hands;
use saigak_simulation::history::Event;
use saigak_simulation::twin::{Case, courses};

const LINK: (&str, &[&str]) = ("NetworkUp", &["LinkDown"]);

fn told(network: (&str, &str), cause: Option<&str>, repairs: &[&str]) -> Told {
    let (status, reason) = network;
    Told {
        ready: cause.is_none(),
        cause: cause.map(Into::into),
        conditions: vec![("NetworkUp".into(), status.into(), reason.into())],
        repairs: repairs.iter().map(|what| ("once".into(), (*what).into())).collect(),
        repairing: false,
    }
}

fn course(told: &[Told]) -> Option<Course> {
    Course::of(told, LINK.0, LINK.1)
}

fn healed_by(repair: &str) -> Vec<Told> {
    let cause = Some("NetworkUp/LinkDown");
    vec![
        told(("True", "Up"), None, &[]),
        told(("False", "LinkDown"), cause, &[]),
        told(("False", "LinkDown"), cause, &[repair]),
        told(("True", "Up"), None, &[repair]),
    ]
}

#[test]
fn a_course_ends_with_what_held_before() {
    let healed = healed_by("one");
    assert!(course(&healed[..3]).is_none(), "it is not over");
    assert!(course(&healed[2..]).is_some(), "what was down before need not come back");
    assert!(course(&[healed[0].clone(), healed[3].clone()]).is_none(), "it was never named");
    let mut later = healed.clone();
    later.push(told(("False", "NoCarrier"), Some("NetworkUp/NoCarrier"), &["one", "two"]));
    assert_eq!(course(&later), course(&healed));
}

#[test]
fn another_repair_another_reason_and_another_order_differ() {
    let guest = course(&healed_by("one")).unwrap();
    assert_eq!(guest.compare(std::slice::from_ref(&guest)), Ok(()));
    let differs = guest.compare(&[course(&healed_by("two")).unwrap()]).unwrap_err();
    assert!(differs.contains("! one") && differs.contains("| two"), "{differs}");
    assert!(!differs.contains("NetworkUp (beside"), "{differs}");

    let mut wrong = healed_by("one");
    wrong.insert(1, told(("False", "NoCarrier"), None, &[]));
    let differs = guest.compare(&[course(&wrong).unwrap()]).unwrap_err();
    assert!(differs.contains("False NoCarrier") && !differs.contains("repairs"), "{differs}");
    assert!(guest.compare(&[]).is_err(), "no twin is no agreement");
}

/// Twins of every moment agree with each other, and disagree with those of a world in which
/// repairs do nothing, and say so.
#[test]
fn other_physics_are_caught() {
    let faults: [(Fault, &str, &[&str]); 2] =
        [(Fault::LinkDown, LINK.0, LINK.1), (Fault::AliasDeleted, "AliasPresent", &["Missing"])];
    for (fault, condition, reasons) in faults {
        let sound = courses(&Case::of(fault, condition, reasons)).unwrap();
        for course in &sound {
            assert_eq!(course.compare(&sound), Ok(()));
        }
        let broken = [Event::Hands(Hands::Fail)];
        let broken = Case { before: &broken, ..Case::of(fault, condition, reasons) };
        let broken = courses(&broken).unwrap();
        for course in &sound {
            let differs = course.compare(&broken).unwrap_err();
            assert!(differs.contains("repairs") || broken.is_empty(), "{fault:?}: {differs}");
        }
    }
}

/// A link that is down is another than one that is flushed, and a server that was stopped another
/// than one that was killed.
#[test]
fn one_fault_does_not_pass_for_another() {
    let down = courses(&Case::of(Fault::LinkDown, LINK.0, LINK.1)).unwrap();
    let flushed = courses(&Case::of(Fault::Flushed, "AddressAssigned", &["AddressLost"])).unwrap();
    assert!(down.iter().all(|course| course.compare(&flushed).is_err()));
    let stopped = courses(&Case::of(Fault::Stopped, "OllamaRunning", &["Stopped"])).unwrap();
    let killed = courses(&Case::of(Fault::Killed, "OllamaRunning", &["Restarting"])).unwrap();
    assert!(stopped.iter().all(|course| course.compare(&killed).is_err()));
}
