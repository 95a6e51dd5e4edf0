//! What is part of the executable runs its calls in one instance; each call has its limits and its host all the same.

use engine::{CallError, Grants, Ipam, Limits, Outcome};
use plan::Addressing;

use crate::support::{Guest, Recorder, amend, attachment, ipam, load_builtin};

/// A plugin whose every second call in an instance is a trap.
fn once() -> Guest {
    let count = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))";
    let second = "(if (i32.gt_u (global.get $calls) (i32.const 1)) (then unreachable))";
    Guest::allocating(&format!("{count} {second} (i32.const 16)"))
        .part("(global $calls (mut i32) (i32.const 0))")
}

fn builtin(guest: &Guest, limits: Limits) -> Ipam {
    let plugin = load_builtin(guest);
    plugin.ipam(&Grants::ipam(), limits).unwrap()
}

fn allocate(ipam: &Ipam) -> Result<Addressing, CallError> {
    ipam.allocate(Recorder::default().services(), &attachment(), "{}", None)
}

#[test]
fn calls_of_a_builtin_share_an_instance_until_one_fails() {
    let once = builtin(&once(), Limits::default());
    assert_eq!(allocate(&once).unwrap(), Addressing::default());
    let second = allocate(&once).unwrap_err();
    assert!(
        matches!(second.outcome, Outcome::Trapped { .. }),
        "{second:?}"
    );
    assert_eq!(allocate(&once).unwrap(), Addressing::default());
}

#[test]
fn each_call_of_an_installed_plugin_has_an_instance_of_its_own() {
    let once = ipam(&once(), Limits::default());
    for _ in 0..3 {
        assert_eq!(allocate(&once).unwrap(), Addressing::default());
    }
}

#[test]
fn other_limits_have_another_instance() {
    let plugin = load_builtin(&once());
    for fuel in [1_000_000, 2_000_000, 3_000_000] {
        let limits = Limits {
            fuel,
            ..Limits::default()
        };
        let ipam = plugin.ipam(&Grants::ipam(), limits).unwrap();
        assert_eq!(allocate(&ipam).unwrap(), Addressing::default());
    }
}

#[test]
fn each_call_has_all_of_its_fuel() {
    let turns = "(local $turns i32) (local.set $turns (i32.const 1000))
        (loop $again (local.set $turns (i32.sub (local.get $turns) (i32.const 1))) (br_if $again (local.get $turns)))
        (i32.const 16)";
    let limits = Limits {
        fuel: 9_000,
        ..Limits::default()
    };
    let busy = builtin(&Guest::allocating(turns), limits);
    for _ in 0..5 {
        allocate(&busy).unwrap();
    }
}

#[test]
fn each_call_has_all_of_its_changes_and_no_other_ones() {
    let guest = Guest::amending("(call $set (i32.const 1400))").import(
        "wasm-cni:plugin/mtu@0.1.0",
        "set",
        "(param i32)",
    );
    let limits = Limits {
        changes: 1,
        host_calls: 1,
        ..Limits::default()
    };
    let grants = Grants::parse(["mtu"]).unwrap();
    let policy = load_builtin(&guest).policy(&grants, limits).unwrap();
    for _ in 0..3 {
        assert_eq!(amend(&policy).unwrap().len(), 1);
    }
}

#[test]
fn between_calls_nothing_of_the_host_is_held() {
    let recorder = Recorder::default();
    let ipam = builtin(&Guest::default(), Limits::default());
    ipam.allocate(recorder.services(), &attachment(), "{}", None)
        .unwrap();
    assert!(recorder.is_given_back());
}
