//! One step at a time, on a container that is there already.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "only tests use it")]

use kernel::{Kernel, KernelError, Linux, Undone};
use plan::{Mismatch, Step, Undo};

use crate::attachments::{Namespace, Pod, take_back};

pub(crate) fn observe(host: &Namespace, pod: &Pod, step: &Step) -> Step {
    host.run(|| {
        let linux = Linux::with_container(&pod.netns()).unwrap();
        linux.observe(step).unwrap()
    })
}

pub(crate) fn perform(host: &Namespace, pod: &Pod, step: &Step) -> Result<(), KernelError> {
    host.run(|| {
        let mut linux = Linux::with_container(&pod.netns()).unwrap();
        linux.perform(step).map(drop)
    })
}

pub(crate) fn verify(host: &Namespace, pod: &Pod, step: &Step) -> Vec<Mismatch> {
    host.run(|| {
        let mut linux = Linux::with_container(&pod.netns()).unwrap();
        linux.verify(step).unwrap()
    })
}

pub(crate) fn undo_of(pod: &Pod, step: &Step) -> Undo {
    step.undo(&pod.identity()).unwrap()
}

/// As a runtime does it: observed, then performed. Gives back what undoes it.
pub(crate) fn do_observed(host: &Namespace, pod: &Pod, step: &Step) -> Undo {
    let observed = observe(host, pod, step);
    perform(host, pod, &observed).unwrap();
    assert_eq!(verify(host, pod, &observed), []);
    assert_eq!(verify(host, pod, step), []);
    undo_of(pod, &observed)
}

/// Undoes it, and once more, which finds nothing to do.
pub(crate) fn take_back_twice(host: &Namespace, undo: &Undo) -> Undone {
    let outcome = take_back(host, undo);
    assert_eq!(take_back(host, undo), Undone::AlreadyGone);
    outcome
}
