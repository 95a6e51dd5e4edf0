use kernel::{KernelError, Undone};

use crate::attachments::{ping, take_back};
use crate::single_steps::{do_observed, perform, undo_of, verify};
use crate::{attached, permanent, undone};

#[test]
fn permanent_neighbours_replace_learnt_ones_and_are_taken_back() {
    let Some((host, pod)) = attached() else {
        return;
    };
    // Learns the gateway.
    ping(&pod.namespace, "10.1.0.1");
    let step = permanent(&[("10.1.0.1", 1), ("10.1.0.50", 2), ("fd00::50", 3)]);
    let undo = do_observed(&host, &pod, &step);
    let shown = pod.namespace.ip("neigh show nud permanent dev eth0");
    for part in [
        "10.1.0.1 lladdr 02:00:00:00:00:01",
        "10.1.0.50 lladdr 02:00:00:00:00:02",
        "fd00::50 lladdr 02:00:00:00:00:03",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    perform(&host, &pod, &step).unwrap();
    undone(&host, &undo);
    assert!(
        !pod.namespace
            .ip("neigh show nud permanent dev eth0")
            .contains("lladdr 02")
    );
    ping(&pod.namespace, "10.1.0.1");
}

#[test]
fn permanent_neighbours_of_others_stay() {
    let Some((host, pod)) = attached() else {
        return;
    };
    pod.namespace
        .ip("neigh add 10.1.0.50 lladdr 02:00:00:00:00:02 dev eth0 nud permanent");
    let undo = do_observed(&host, &pod, &permanent(&[("10.1.0.50", 2)]));
    assert_eq!(take_back(&host, &undo), Undone::AlreadyGone);
    let different = permanent(&[("10.1.0.50", 3)]);
    let error = perform(&host, &pod, &different).unwrap_err();
    assert!(
        matches!(error, KernelError::NeighbourExists { .. }),
        "{error}"
    );
    assert!(matches!(
        take_back(&host, &undo_of(&pod, &different)),
        Undone::NotOurs { .. }
    ));
    assert!(!verify(&host, &pod, &different).is_empty());
    let shown = pod.namespace.ip("neigh show 10.1.0.50 dev eth0");
    assert!(shown.contains("02:00:00:00:00:02"), "{shown}");
}
