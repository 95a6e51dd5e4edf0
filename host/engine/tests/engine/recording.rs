//! A call that was recorded and is run again asks and decides the same, and what differs is told.

use engine::{
    Answer, Bytes, Grants, HostAnswer, Limits, LogLevel, NotReplayable, Phase, Policy, Question,
    RecordedCall, RecordedOutcome, Scope,
};
use plan::Change;

use crate::support::{Guest, Recorder, attachment, ipam, load_builtin, policy, proposal, try_load};

const GRANTS: [&str; 2] = ["storage", "mtu"];

/// Puts the instant's seconds and whether there is a durable value under `key` (three letters) into an MTU.
fn deciding(key: &str, factor: u32) -> Guest {
    let body = format!(
        "(call $now (i32.const 2048))
         (call $get (i32.const 1) (i32.const 1024) (i32.const 3) (i32.const 3000))
         (call $set (i32.add
            (i32.wrap_i64 (i64.load (i32.const 2048)))
            (i32.mul (i32.const {factor}) (i32.load8_u (i32.const 3004)))))
         (call $write (i32.const 1) (i32.const 1024) (i32.const 3))"
    );
    Guest::amending(&body)
        .part(&format!("(data (i32.const 1024) \"{key}\")"))
        .import("wasm-cni:plugin/clock@0.1.0", "now", "(param i32)")
        .import(
            "wasm-cni:plugin/storage@0.1.0",
            "get",
            "(param i32 i32 i32 i32)",
        )
        .import("wasm-cni:plugin/mtu@0.1.0", "set", "(param i32)")
        .import("wasm-cni:plugin/log@0.1.0", "write", "(param i32 i32 i32)")
}

fn record(policy: &Policy, host: &Recorder) -> RecordedCall {
    let (_, call) = policy.amend_recorded(host.services(), &attachment(), "{}", &proposal());
    // As it is kept.
    serde_json::from_str(&serde_json::to_string(&call).unwrap()).unwrap()
}

fn changes(mtu: u32) -> RecordedOutcome {
    RecordedOutcome::Changes(vec![Change::SetMtu { mtu }])
}

#[test]
fn a_recorded_call_has_all_that_the_plugin_saw() {
    let policy = policy(&deciding("mtu", 1), &GRANTS, Limits::default());
    let host = Recorder::default();
    host.keep(Scope::Durable, "mtu", b"9000");
    let (result, call) =
        policy.amend_recorded(host.services(), &attachment(), "{\"a\":1}", &proposal());
    assert_eq!(result.unwrap(), [Change::SetMtu { mtu: 1_000_001 }]);
    assert_eq!((call.plugin.as_str(), call.phase), ("guest", Phase::Amend));
    assert_eq!(
        (call.now.seconds, call.now.nanoseconds),
        (1_000_000, 500_000_000)
    );
    let recording = call.recording.unwrap();
    assert_eq!(recording.attachment, attachment());
    assert_eq!(recording.config, "{\"a\":1}");
    assert_eq!(recording.proposal, Some(proposal()));
    let question = Question::Get {
        scope: Scope::Durable,
        key: "mtu".to_owned(),
    };
    let answer = Answer::Value(Some(Bytes(b"9000".to_vec())));
    assert_eq!(recording.answers, [HostAnswer { question, answer }]);
    assert_eq!(recording.outcome, changes(1_000_001));
}

#[test]
fn the_form_is_stable() {
    let policy = policy(&deciding("mtu", 1), &GRANTS, Limits::default());
    let nothing = plan::Proposal::default();
    let services = Recorder::default().services();
    let (_, call) = policy.amend_recorded(services, &attachment(), "{}", &nothing);
    let expected = serde_json::json!({
        "plugin": "guest",
        "phase": "amend",
        "now": {"seconds": 1_000_000, "nanoseconds": 500_000_000},
        "recording": {
            "attachment": {"network": "pods", "containerId": "c1", "interfaceName": "eth0"},
            "config": "{}",
            "proposal": serde_json::to_value(&nothing).unwrap(),
            "answers": [{"ask": "get", "scope": "durable", "key": "mtu", "answer": {"value": null}}],
            "outcome": {"changes": [{"change": "set-mtu", "mtu": 1_000_000}]},
        },
    });
    assert_eq!(serde_json::to_value(&call).unwrap(), expected);
}

#[test]
fn the_same_plugin_decides_the_same_whatever_the_host_has_now() {
    let policy = policy(&deciding("mtu", 1), &GRANTS, Limits::default());
    for value in [None, Some(b"9000")] {
        let host = Recorder::default();
        if let Some(value) = value {
            host.keep(Scope::Durable, "mtu", value);
        }
        let call = record(&policy, &host);
        let replayed = policy.replay(&call).unwrap();
        assert_eq!(replayed.differences, [""; 0]);
        assert!(replayed.same());
        assert_eq!(replayed.outcome, call.recording.unwrap().outcome);
        assert_eq!(replayed.log, [(LogLevel::Info, "mtu".to_owned())]);
    }
}

#[test]
fn another_decision_is_told_change_by_change() {
    let before = policy(&deciding("mtu", 1), &GRANTS, Limits::default());
    let host = Recorder::default();
    host.keep(Scope::Durable, "mtu", b"9000");
    let call = record(&before, &host);
    let after = policy(&deciding("mtu", 2), &GRANTS, Limits::default());
    let replayed = after.replay(&call).unwrap();
    assert!(!replayed.same());
    assert_eq!(
        replayed.differences,
        ["change 1: it was: set the MTU to 1000001; it is now: set the MTU to 1000002"]
    );
    assert_eq!(replayed.outcome, changes(1_000_002));
}

#[test]
fn another_question_is_told_and_has_no_answer() {
    let before = policy(&deciding("mtu", 1), &GRANTS, Limits::default());
    let call = record(&before, &Recorder::default());
    let after = policy(&deciding("xyz", 1), &GRANTS, Limits::default());
    let replayed = after.replay(&call).unwrap();
    assert_eq!(
        replayed.differences[0],
        "question 1 was: get \"mtu\" (durable); it is now: get \"xyz\" (durable), which the recording does not answer"
    );
}

#[test]
fn a_question_too_many_and_one_too_few_are_told() {
    let asking = policy(&deciding("mtu", 1), &GRANTS, Limits::default());
    let call = record(&asking, &Recorder::default());
    let silent = Guest::amending("(call $set (i32.const 1000000))");
    let silent = silent.import("wasm-cni:plugin/mtu@0.1.0", "set", "(param i32)");
    let silent = policy(&silent, &GRANTS, Limits::default());
    assert_eq!(
        silent.replay(&call).unwrap().differences,
        ["question 1, which was: get \"mtu\" (durable), is not asked any more"]
    );
    let call = record(&silent, &Recorder::default());
    assert_eq!(
        asking.replay(&call).unwrap().differences[0],
        "question 1 was: nothing; it is now: get \"mtu\" (durable), which the recording does not answer"
    );
}

#[test]
fn a_failure_is_recorded_and_fails_again() {
    let guest = deciding("mtu", 1);
    let plugin = load_builtin(&guest);
    let grants = Grants::parse(["storage"]).unwrap();
    let policy = plugin.policy(&grants, Limits::default()).unwrap();
    let call = record(&policy, &Recorder::default());
    let recording = call.recording.as_ref().unwrap();
    let RecordedOutcome::Failed(text) = &recording.outcome else {
        panic!("{recording:?}")
    };
    assert!(text.contains("has no grant `mtu`"), "{text}");
    assert!(policy.replay(&call).unwrap().same());

    let granted = Grants::parse(GRANTS).unwrap();
    let granted = plugin.policy(&granted, Limits::default()).unwrap();
    let replayed = granted.replay(&call).unwrap();
    assert_eq!(replayed.outcome, changes(1_000_000));
    assert_eq!(replayed.differences.len(), 1);
}

/// Reserves 10.1.0.5, and asks what it holds and how full nothing is.
fn reserving() -> Guest {
    let leases = "wasm-cni:plugin/leases@0.1.0";
    let zeroes = "(i32.const 0)".repeat(4);
    let body = format!(
        "(call $reserve (i32.const 0) (i32.const 10) (i32.const 1) (i32.const 0) (i32.const 5) {zeroes} (i32.const 2048))
         (call $held (i32.const 2048))
         (i32.store8 (i32.const 1026) (i32.const 10))
         (i32.store8 (i32.const 1042) (i32.load (i32.const 2052)))
         (i32.store (i32.const 20) (i32.const 1024))
         (i32.store (i32.const 24) (i32.const 1))
         (i32.const 16)"
    );
    let ten = format!("(param {})", "i32 ".repeat(10));
    Guest::allocating(&body)
        .import(leases, "reserve", &ten)
        .import(leases, "held", "(param i32)")
}

#[test]
fn an_allocation_is_run_again_without_reserving_anything() {
    let ipam = ipam(&reserving(), Limits::default());
    for host in [Recorder::default(), Recorder::broken()] {
        let resolver = plan::Dns::default();
        let services = host.services();
        let (result, call) = ipam.allocate_recorded(services, &attachment(), "{}", Some(&resolver));
        let call: RecordedCall =
            serde_json::from_str(&serde_json::to_string(&call).unwrap()).unwrap();
        let held = host.held();
        let replayed = ipam.replay(&call).unwrap();
        assert!(replayed.same(), "{replayed:?}");
        assert_eq!(host.held(), held);
        match (result, replayed.outcome) {
            (Ok(given), RecordedOutcome::Addressing(again)) => {
                // As many bits as addresses were held.
                assert_eq!(given.addresses[0].address.to_string(), "10.0.0.0/1");
                assert_eq!(given, again);
            }
            (Err(error), RecordedOutcome::Failed(again)) => assert_eq!(error.to_string(), again),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_too_large_is_not_kept() {
    let policy = policy(&deciding("mtu", 1), &GRANTS, Limits::default());
    let config = "x".repeat(RecordedCall::MOST_BYTES);
    let services = Recorder::default().services();
    let (result, call) = policy.amend_recorded(services, &attachment(), &config, &proposal());
    assert!(result.is_ok());
    assert_eq!((call.phase, &call.recording), (Phase::Amend, &None));
    assert_eq!(policy.replay(&call), Err(NotReplayable::TooLarge));
}

#[test]
fn a_flood_of_answers_is_not_kept() {
    let guest = Guest::amending(
        "(local i32)
         (loop
            (call $get (i32.const 1) (i32.const 1024) (i32.const 3) (i32.const 2048))
            (local.set 1 (i32.add (local.get 1) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get 1) (i32.const 9000))))",
    );
    let storage = "wasm-cni:plugin/storage@0.1.0";
    let guest = guest.part("(data (i32.const 1024) \"mtu\")").import(
        storage,
        "get",
        "(param i32 i32 i32 i32)",
    );
    let policy = policy(&guest, &["storage"], Limits::default());
    let services = Recorder::default().services();
    let (result, call) = policy.amend_recorded(services, &attachment(), "{}", &proposal());
    assert_eq!(result.unwrap(), []);
    assert_eq!(call.recording, None);
}

#[test]
fn a_recording_of_something_else_is_not_run() {
    let policy = policy(&deciding("mtu", 1), &GRANTS, Limits::default());
    let call = record(&policy, &Recorder::default());
    let ipam = ipam(&Guest::default(), Limits::default());
    let refused = ipam.replay(&call).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "this is a recording of plugin guest, amend, and not one of guest, allocate"
    );
    let other = RecordedCall {
        plugin: "other".to_owned(),
        ..call
    };
    let refused = policy.replay(&other);
    assert!(matches!(refused, Err(NotReplayable::OtherCall { .. })));
}

#[test]
fn a_damaged_recording_is_no_crash() {
    let policy = policy(&deciding("mtu", 1), &GRANTS, Limits::default());
    let mut call = record(&policy, &Recorder::default());
    let recording = call.recording.as_mut().unwrap();
    recording.answers[0].answer = Answer::Count(7);
    let replayed = policy.replay(&call).unwrap();
    assert_eq!(
        replayed.differences[0],
        "the recording is damaged: an answer does not fit its question"
    );
    call.now.seconds = u64::MAX;
    assert!(matches!(
        policy.replay(&call),
        Err(NotReplayable::Damaged(_))
    ));
}

#[test]
fn recorded_or_not_the_host_does_the_same() {
    let guest = deciding("mtu", 1);
    let plugin = try_load(&guest.component()).unwrap();
    let grants = Grants::parse(GRANTS).unwrap();
    let policy = plugin.policy(&grants, Limits::default()).unwrap();
    let (plain, recorded) = (Recorder::default(), Recorder::default());
    let result = policy.amend(plain.services(), &attachment(), "{}", &proposal());
    let (again, _) = policy.amend_recorded(recorded.services(), &attachment(), "{}", &proposal());
    assert_eq!(result.unwrap(), again.unwrap());
    assert_eq!(plain.lines(), recorded.lines());
}
