//! A policy proposes within its grants, its limits and its phase, or its call ends.

use engine::{Grant, Grants, Limits, Malformed, Misuse, Outcome, Phase, Role};
use plan::{Change, ChangeKind};

use crate::support::{
    Guest, Recorder, amend, attachment, load_builtin, policy, proposal, try_load,
};

const MTU: &str = "wasm-cni:plugin/mtu@0.1.0";

/// Sets the MTU to 1400 when `amend` is called.
fn mtu() -> Guest {
    Guest::amending("(call $set (i32.const 1400))").import(MTU, "set", "(param i32)")
}

fn ended(guest: &Guest, grants: &[&str], limits: Limits) -> Outcome {
    let refused = amend(&policy(guest, grants, limits)).unwrap_err();
    assert_eq!(refused.phase, Phase::Amend);
    refused.outcome
}

#[test]
fn changes_arrive_in_their_order() {
    let guest = Guest::amending("(call $set (i32.const 1400)) (call $set (i32.const 1300))");
    let guest = guest.import(MTU, "set", "(param i32)");
    let changes = amend(&policy(&guest, &["mtu"], Limits::default())).unwrap();
    let set = |mtu| Change::SetMtu { mtu };
    assert_eq!(changes, [set(1400), set(1300)]);
}

#[test]
fn every_phase_answers() {
    let policy = policy(&mtu(), &["mtu"], Limits::default());
    let services = || Recorder::default().services();
    policy.validate(services(), "{}").unwrap();
    policy.release(services(), &attachment(), "{}").unwrap();
    let applied = proposal();
    policy
        .check(services(), &attachment(), "{}", &applied)
        .unwrap();
    policy.status(services(), "{}").unwrap();
}

#[test]
fn check_sees_what_was_applied() {
    // Crashes unless the MTU is 1450.
    let guest = Guest::checking(
        "(call $mtu (i32.const 2048))
         (if (i32.ne (i32.load (i32.const 2052)) (i32.const 1450)) (then (unreachable)))",
    );
    let guest = guest.import("wasm-cni:plugin/proposal@0.1.0", "mtu", "(param i32)");
    let policy = policy(&guest, &[], Limits::default());
    let check = |applied: plan::Proposal| {
        let services = Recorder::default().services();
        policy.check(services, &attachment(), "{}", &applied)
    };
    check(proposal()).unwrap();
    let refused = check(plan::Proposal::default()).unwrap_err();
    assert!(matches!(refused.outcome, Outcome::Trapped { .. }));
}

#[test]
fn an_installed_policy_needs_the_grant_of_what_it_imports() {
    let plugin = try_load(&mtu().component()).unwrap();
    let refused = plugin.policy(&Grants::ipam(), Limits::default());
    let refused = refused.err().unwrap();
    assert_eq!(refused.phase, Phase::StartUp);
    assert_eq!(
        refused.to_string(),
        "plugin guest, start-up: it imports \"wasm-cni:plugin/mtu@0.1.0\" but has no grant `mtu`; add \"mtu\" to its \
         `grants` if it shall have that"
    );
    assert!(matches!(
        refused.outcome,
        Outcome::NotGranted {
            grant: Grant::Change(ChangeKind::Mtu),
            ..
        }
    ));
}

#[test]
fn a_built_in_policy_is_stopped_when_it_uses_what_it_has_no_grant_for() {
    let plugin = load_builtin(&mtu()).named("portmap");
    let run = |grants: &Grants| {
        let policy = plugin.policy(grants, Limits::default()).unwrap();
        amend(&policy)
    };
    let refused = run(&Grants::of_builtin_policy("portmap")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "plugin portmap, amend: it wanted to set the MTU to 1400, but has no grant `mtu`; add \"mtu\" to its `grants` if it \
         shall do that"
    );
    let Outcome::Ungranted { wanted, grant } = refused.outcome else {
        panic!("{:?}", refused.outcome)
    };
    assert_eq!(wanted, "set the MTU to 1400");
    assert_eq!(grant, Grant::Change(ChangeKind::Mtu));
    let changes = run(&Grants::of_builtin_policy("tuning")).unwrap();
    assert_eq!(changes, [Change::SetMtu { mtu: 1400 }]);
}

#[test]
fn what_a_built_in_policy_does_not_use_needs_no_grant() {
    let guest = Guest::checking("(call $set (i32.const 1400))").import(MTU, "set", "(param i32)");
    let plugin = load_builtin(&guest);
    let policy = plugin.policy(&Grants::none(), Limits::default()).unwrap();
    assert_eq!(amend(&policy).unwrap(), []);
}

#[test]
fn storage_is_granted_call_by_call_as_well() {
    let body = "(call $count (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2048))";
    let guest = Guest::amending(body).import(
        "wasm-cni:plugin/storage@0.1.0",
        "count",
        "(param i32 i32 i32 i32)",
    );
    let plugin = load_builtin(&guest);
    let run = |name| {
        let grants = Grants::of_builtin_policy(name);
        amend(&plugin.policy(&grants, Limits::default()).unwrap())
    };
    let refused = run("portmap").unwrap_err().outcome;
    assert!(
        matches!(&refused, Outcome::Ungranted { wanted, grant: Grant::Storage } if wanted == "call `storage.count`"),
        "{refused:?}"
    );
    assert_eq!(run("quota").unwrap(), []);
}

#[test]
fn a_policy_has_no_leases_even_if_they_are_granted() {
    let guest = Guest::amending("(call $held (i32.const 2048))")
        .import("wasm-cni:plugin/leases@0.1.0", "held", "(param i32)")
        .roles(&[Role::Ipam, Role::Policy]);
    let outcome = ended(&guest, &["leases"], Limits::default());
    assert!(
        matches!(outcome, Outcome::Misused(Misuse::NoLeases)),
        "{outcome:?}"
    );
}

#[test]
fn nothing_is_proposed_outside_of_amend() {
    let set = "(call $set (i32.const 1400))";
    let in_check = Guest::checking(set).import(MTU, "set", "(param i32)");
    let policy = policy(&in_check, &["mtu"], Limits::default());
    let services = Recorder::default().services();
    let refused = policy.check(services, &attachment(), "{}", &proposal());
    let refused = refused.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "plugin guest, check: it broke the contract: it proposed a change by `mtu` outside of `amend`"
    );
    assert!(matches!(
        refused.outcome,
        Outcome::Misused(Misuse::ChangeOutsideAmend(ChangeKind::Mtu))
    ));

    let in_allocate = Guest::allocating(&format!("{set} (i32.const 16)"))
        .import(MTU, "set", "(param i32)")
        .roles(&[Role::Ipam, Role::Policy]);
    let plugin = load_builtin(&in_allocate);
    let ipam = plugin.ipam(&Grants::ipam(), Limits::default()).unwrap();
    let refused = ipam.allocate(Recorder::default().services(), &attachment(), "{}", None);
    let refused = refused.unwrap_err().outcome;
    assert!(
        matches!(
            refused,
            Outcome::Misused(Misuse::ChangeOutsideAmend(ChangeKind::Mtu))
        ),
        "{refused:?}"
    );
}

/// Sets the MTU this often.
fn repeating(count: u32) -> Guest {
    let body = format!(
        "(local i32)
         (loop
            (call $set (i32.const 1400))
            (local.set 1 (i32.add (local.get 1) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get 1) (i32.const {count}))))"
    );
    Guest::amending(&body).import(MTU, "set", "(param i32)")
}

#[test]
fn changes_are_counted() {
    let limits = Limits {
        changes: 10,
        ..Limits::default()
    };
    let full = amend(&policy(&repeating(10), &["mtu"], limits.clone()));
    assert_eq!(full.unwrap().len(), 10);
    let outcome = ended(&repeating(11), &["mtu"], limits);
    assert!(
        matches!(outcome, Outcome::TooManyChanges { limit: 10 }),
        "{outcome:?}"
    );
    let outcome = ended(&repeating(2_000), &["mtu"], Limits::default());
    assert!(
        matches!(outcome, Outcome::TooManyChanges { limit: 1024 }),
        "{outcome:?}"
    );
}

#[test]
fn changes_weigh_on_what_may_be_handed_over() {
    let limits = Limits {
        host_call_kib: 4,
        ..Limits::default()
    };
    let outcome = ended(&repeating(100), &["mtu"], limits.clone());
    assert!(
        matches!(outcome, Outcome::TooManyHostCallBytes { .. }),
        "{outcome:?}"
    );
    let reading = Guest::amending(
        "(local i32)
         (loop
            (call $routes (i32.const 2048))
            (local.set 1 (i32.add (local.get 1) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get 1) (i32.const 100))))",
    );
    let reading = reading.import("wasm-cni:plugin/proposal@0.1.0", "routes", "(param i32)");
    let outcome = ended(&reading, &[], limits);
    assert!(
        matches!(outcome, Outcome::TooManyHostCallBytes { .. }),
        "{outcome:?}"
    );
}

#[test]
fn a_malformed_change_is_told_with_its_interface() {
    // A rule of nothing but zeroes, with a source of 200 bits.
    let guest = Guest::amending(
        "(i32.store8 (i32.const 2060) (i32.const 1))
         (i32.store8 (i32.const 2080) (i32.const 200))
         (call $add (i32.const 2048))",
    );
    let guest = guest.import("wasm-cni:plugin/rule@0.1.0", "add", "(param i32)");
    let refused = amend(&policy(&guest, &["rule"], Limits::default())).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "plugin guest, amend: what it proposed by `rule` breaks the contract: a prefix of 200 bits for 0.0.0.0, which has 32"
    );
    let Outcome::MalformedChange { kind, source } = refused.outcome else {
        panic!("{:?}", refused.outcome)
    };
    assert_eq!(kind, ChangeKind::Rule);
    assert!(matches!(
        source,
        Malformed::PrefixLength { length: 200, .. }
    ));
}

#[test]
fn a_refusal_is_cut_and_made_printable() {
    let guest = Guest::amending(
        "(memory.fill (i32.const 8192) (i32.const 0x1b) (i32.const 9000))
         (call $refuse (i32.const 8192) (i32.const 9000))",
    );
    let guest = guest.import("wasm-cni:plugin/deny@0.1.0", "refuse", "(param i32 i32)");
    let changes = amend(&policy(&guest, &["deny"], Limits::default())).unwrap();
    let reason = "\u{fffd}".repeat(4096);
    assert_eq!(changes, [Change::Deny { reason }]);
}

#[test]
fn what_was_proposed_before_a_crash_is_nothing() {
    let guest = Guest::amending("(call $set (i32.const 1400)) (unreachable)");
    let outcome = ended(
        &guest.import(MTU, "set", "(param i32)"),
        &["mtu"],
        Limits::default(),
    );
    assert!(matches!(outcome, Outcome::Trapped { .. }), "{outcome:?}");
}

#[test]
fn a_component_may_have_both_roles() {
    let both = mtu().roles(&[Role::Ipam, Role::Policy]);
    let plugin = try_load(&both.component()).unwrap();
    assert_eq!(plugin.interface().roles(), [Role::Ipam, Role::Policy]);
    let grants = Grants::parse(["mtu"]).unwrap();
    let policy = plugin.policy(&grants, Limits::default()).unwrap();
    assert_eq!(amend(&policy).unwrap(), [Change::SetMtu { mtu: 1400 }]);
    let ipam = plugin.ipam(&grants, Limits::default()).unwrap();
    let given = ipam.allocate(Recorder::default().services(), &attachment(), "{}", None);
    assert_eq!(given.unwrap(), plan::Addressing::default());
}

#[test]
fn a_role_that_it_lacks_is_answered_with_those_that_it_has() {
    let plugin = try_load(&mtu().component()).unwrap();
    let refused = plugin.ipam(&Grants::ipam(), Limits::default());
    assert_eq!(
        refused.err().unwrap().to_string(),
        "plugin guest, start-up: it is no ipam plugin: it exports only policy"
    );
    let plugin = try_load(&Guest::default().component()).unwrap();
    let refused = plugin.policy(&Grants::none(), Limits::default());
    let refused = refused.err().unwrap().outcome;
    assert!(
        matches!(&refused, Outcome::NoRole { wanted: Role::Policy, offered } if offered == &[Role::Ipam]),
        "{refused:?}"
    );
}
