//! The CNI contract and the reference plugins' behaviour, judged by kernel state.
//!
//! Each case calls executables by the reference plugins' names, with those plugins' own configuration, and knows nothing
//! of who made them. It runs on each [`subject::Subject`]: Debian's reference plugins and ours. Where the reference
//! plugins are wrong the case says so, and that is asserted too, so the list can't go out of date.
//!
//! `WASM_CNI_CONFORMANCE_DIR=/opt/cni/bin cargo test -p wasm-cni-tests --test conformance` judges another directory, and
//! expects every case to pass whose plugins are there. `-- bridge::` picks cases, `-- --list` names them.

#![allow(
    clippy::indexing_slicing,
    reason = "test code reads JSON; a panic is a failed test"
)]

mod bandwidth;
mod bridge;
mod bridge_removal;
mod case;
mod chains;
mod firewall;
mod garbage_collection;
mod host_device;
mod host_local;
mod host_local_requests;
mod judge;
mod lists;
mod loopback;
mod macvlan;
mod other_links;
mod portmap;
mod protocol;
mod ptp;
mod sbr;
mod shape;
mod static_addresses;
mod status;
mod subject;
mod tuning;
mod versions;
mod vrf;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use case::Case;
use subject::Subject;

fn cases() -> Vec<Case> {
    let groups = [
        protocol::cases,
        versions::cases,
        bridge::cases,
        bridge_removal::cases,
        ptp::cases,
        macvlan::cases,
        loopback::cases,
        host_device::cases,
        other_links::cases,
        host_local::cases,
        host_local_requests::cases,
        static_addresses::cases,
        portmap::cases,
        bandwidth::cases,
        firewall::cases,
        tuning::cases,
        sbr::cases,
        vrf::cases,
        chains::cases,
        garbage_collection::cases,
        status::cases,
    ];
    groups.into_iter().flat_map(|group| group()).collect()
}

fn trial(subject: &Arc<Subject>, case: &Arc<Case>) -> Trial {
    let name = format!("{}::{}", subject.name(), case.name());
    let (subject, case) = (Arc::clone(subject), Arc::clone(case));
    Trial::test(name, move || {
        let outcome = subject.judge(&case);
        outcome.map_err(|error| format!("{error:?}").into())
    })
}

fn trials(subject: Subject, cases: &[Arc<Case>]) -> Vec<Trial> {
    let subject = Arc::new(subject);
    let asked = cases.iter().filter(|case| subject.is_asked(case));
    asked.map(|case| trial(&subject, case)).collect()
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A case waits most of its time: for the kernel to delete links, for addresses, for packets that must not come.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    arguments.test_threads.get_or_insert(processors * 4);
    let subjects = match subject::all() {
        Ok(subjects) => subjects,
        Err(error) => {
            wasm_cni_tests::skip(&format!("{error:?}"));
            return ExitCode::FAILURE;
        }
    };
    let cases: Vec<_> = cases().into_iter().map(Arc::new).collect();
    let trials = subjects
        .into_iter()
        .flat_map(|subject| trials(subject, &cases))
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
