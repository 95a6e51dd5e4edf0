//! Each way of breaking out of a limit has its own outcome, and the next call is none the worse.

use engine::{Limits, Outcome, Phase, Resource};

use crate::support::{Guest, Recorder, allocate, attachment, ipam, outcome};

const ENDLESS: &str = "(loop $again (br $again)) unreachable";
const PLENTY: u64 = u64::MAX / 2;

fn endless_start() -> Guest {
    Guest::default().part("(func $start (loop $again (br $again))) (start $start)")
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let limits = Limits {
        fuel: 1_000_000,
        ..Limits::default()
    };
    let ended = outcome(&Guest::allocating(ENDLESS), limits);
    assert!(
        matches!(ended, Outcome::OutOfFuel { limit: 1_000_000 }),
        "{ended:?}"
    );
}

#[test]
fn with_fuel_enough_an_endless_loop_meets_its_deadline() {
    let limits = Limits {
        fuel: PLENTY,
        deadline_ms: 50,
        ..Limits::default()
    };
    let error = allocate(&Guest::allocating(ENDLESS), limits).unwrap_err();
    assert_eq!(error.phase, Phase::Allocate);
    assert!(
        matches!(error.outcome, Outcome::DeadlineExceeded { limit_ms: 50 }),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "plugin guest, allocate: it did not finish within 50 ms; `limits.deadlineMs` raises that"
    );
}

#[test]
fn an_endless_start_function_is_bounded_as_well() {
    let fuel = allocate(
        &endless_start(),
        Limits {
            fuel: 1_000_000,
            ..Limits::default()
        },
    );
    let error = fuel.unwrap_err();
    assert_eq!(error.phase, Phase::StartUp);
    assert!(
        matches!(error.outcome, Outcome::OutOfFuel { .. }),
        "{error:?}"
    );
    let limits = Limits {
        fuel: PLENTY,
        deadline_ms: 50,
        ..Limits::default()
    };
    let error = allocate(&endless_start(), limits).unwrap_err();
    assert_eq!(error.phase, Phase::StartUp);
    assert!(
        matches!(error.outcome, Outcome::DeadlineExceeded { .. }),
        "{error:?}"
    );
}

#[test]
fn one_calls_deadline_does_not_end_another() {
    let patient = ipam(
        &Guest::allocating(COUNTING),
        Limits {
            fuel: PLENTY,
            deadline_ms: 600_000,
            ..Limits::default()
        },
    );
    std::thread::scope(|scope| {
        let waiting = scope
            .spawn(|| patient.allocate(Recorder::default().services(), &attachment(), "{}", None));
        let limits = Limits {
            fuel: PLENTY,
            deadline_ms: 5,
            ..Limits::default()
        };
        let hasty = ipam(&Guest::allocating(ENDLESS), limits);
        while !waiting.is_finished() {
            let ended = hasty.allocate(Recorder::default().services(), &attachment(), "{}", None);
            let ended = ended.unwrap_err().outcome;
            assert!(
                matches!(ended, Outcome::DeadlineExceeded { limit_ms: 5 }),
                "{ended:?}"
            );
        }
        waiting.join().unwrap().unwrap();
    });
}

/// Some 15 million turns.
const COUNTING: &str = "(local $i i32)
    (loop $again
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 15000000))))
    (i32.const 16)";

fn out_of_memory(guest: &Guest, limits: Limits, expected: Resource) {
    let error = allocate(guest, limits).unwrap_err();
    match error.outcome {
        Outcome::OutOfMemory {
            resource,
            wanted,
            limit,
        } => {
            assert_eq!(resource, expected);
            assert!(wanted > limit, "{wanted} of {limit}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn memory_that_grows_without_end_is_stopped_and_not_taken_for_a_crash() {
    let growing = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    out_of_memory(
        &Guest::allocating(growing),
        Limits::default(),
        Resource::MemoryBytes,
    );
}

#[test]
fn a_memory_that_begins_too_large_is_never_made() {
    let guest = Guest::default().pages(513);
    let error = allocate(&guest, Limits::default()).unwrap_err();
    assert_eq!(error.phase, Phase::StartUp);
    out_of_memory(&guest, Limits::default(), Resource::MemoryBytes);
    assert!(
        allocate(
            &guest,
            Limits {
                memory_mib: 33,
                ..Limits::default()
            }
        )
        .is_ok()
    );
}

#[test]
fn memories_are_summed_and_counted() {
    let three = Guest::default()
        .pages(200)
        .part("(memory 200) (memory 200)");
    out_of_memory(&three, Limits::default(), Resource::MemoryBytes);
    let five = Guest::default().part("(memory 1) (memory 1) (memory 1) (memory 1)");
    out_of_memory(&five, Limits::default(), Resource::Memories);
    assert!(
        allocate(
            &five,
            Limits {
                memories: 5,
                ..Limits::default()
            }
        )
        .is_ok()
    );
}

#[test]
fn tables_are_summed_and_counted() {
    let large = Guest::default().part("(table 60000 funcref) (table 60000 funcref)");
    out_of_memory(&large, Limits::default(), Resource::TableElements);
    let many = Guest::default().part(&"(table 1 funcref)".repeat(17));
    out_of_memory(&many, Limits::default(), Resource::Tables);
}

#[test]
fn instances_are_limited() {
    let ended = outcome(
        &Guest::default(),
        Limits {
            instances: 0,
            ..Limits::default()
        },
    );
    assert!(
        matches!(ended, Outcome::Instantiation { instances: 0, .. }),
        "{ended:?}"
    );
}

#[test]
fn a_crash_says_how() {
    let ended = outcome(&Guest::allocating("unreachable"), Limits::default());
    let Outcome::Trapped { kind } = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(
        kind.to_string(),
        "wasm trap: wasm `unreachable` instruction executed"
    );
    let ended = outcome(
        &Guest::allocating("(i32.load (i32.const -4))"),
        Limits::default(),
    );
    assert!(matches!(ended, Outcome::Trapped { .. }), "{ended:?}");
}

#[test]
fn a_recursion_without_end_overflows_its_own_stack_only() {
    let guest = Guest::allocating("(call $deeper (i32.const 0))").part(
        "(func $deeper (param i32) (result i32)
            (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))",
    );
    let ended = outcome(&guest, Limits::default());
    assert!(matches!(ended, Outcome::StackOverflow), "{ended:?}");
}

#[test]
fn after_a_crash_the_next_call_works() {
    let ipam = ipam(&Guest::allocating("unreachable"), Limits::default());
    let recorder = Recorder::default();
    for _ in 0..2 {
        assert!(
            ipam.allocate(recorder.services(), &attachment(), "{}", None)
                .is_err()
        );
        assert!(ipam.validate(recorder.services(), "{}").is_ok());
    }
}
