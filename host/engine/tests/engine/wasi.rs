//! WASI is there for languages that can't do without, and leads nowhere.

use engine::{Failure, Limits, LogLevel, Outcome};

use crate::support::{Guest, Recorder, attachment, ipam, outcome};

const MONOTONIC: &str = "wasi:clocks/monotonic-clock@0.2.0";
const STREAMS: &str = "wasi:io/streams@0.2.0";

fn run(guest: &Guest, recorder: &Recorder) -> Result<(), Outcome> {
    let ipam = ipam(guest, Limits::default());
    let ended = ipam.allocate(recorder.services(), &attachment(), "{}", None);
    ended.map(drop).map_err(|error| error.outcome)
}

#[test]
fn there_is_no_environment_no_argument_and_no_file() {
    for (interface, function) in [
        ("wasi:cli/environment@0.2.0", "get-environment"),
        ("wasi:cli/environment@0.2.0", "get-arguments"),
        ("wasi:filesystem/preopens@0.2.0", "get-directories"),
    ] {
        let guest = Guest::allocating(&format!(
            "(i32.store (i32.const 516) (i32.const 99))
             (call ${function} (i32.const 512))
             (if (i32.load (i32.const 516)) (then unreachable))
             (i32.const 16)"
        ));
        run(
            &guest.import(interface, function, "(param i32)"),
            &Recorder::default(),
        )
        .unwrap();
    }
}

#[test]
fn sockets_are_refused() {
    for (protocol, function) in [("tcp", "create-tcp-socket"), ("udp", "create-udp-socket")] {
        // The answer's first byte is 1 (an error), and the error 1 is `access-denied`.
        let guest = Guest::allocating(&format!(
            "(call ${function} (i32.const 0) (i32.const 512))
             (if (i32.ne (i32.load8_u (i32.const 512)) (i32.const 1)) (then unreachable))
             (if (i32.ne (i32.load8_u (i32.const 516)) (i32.const 1)) (then unreachable))
             (i32.const 16)"
        ));
        let interface = format!("wasi:sockets/{protocol}-create-socket@0.2.0");
        run(
            &guest.import(&interface, function, "(param i32 i32)"),
            &Recorder::default(),
        )
        .unwrap();
    }
}

/// A wait of an hour: far longer than the deadline, which the call keeps.
#[test]
fn a_sleep_takes_no_time_and_the_clock_shows_that_it_passed() {
    let guest = Guest::allocating(
        "(call $method-pollable-block (call $subscribe-duration (i64.const 3600000000000)))
         (if (i64.ne (call $now) (i64.const 3600000000000)) (then unreachable))
         (i32.const 16)",
    )
    .import(MONOTONIC, "subscribe-duration", "(param i64) (result i32)")
    .import(MONOTONIC, "now", "(result i64)")
    .import(
        "wasi:io/poll@0.2.0",
        "[method]pollable.block",
        "(param i32)",
    );
    run(&guest, &Recorder::default()).unwrap();
}

#[test]
fn polling_jumps_to_the_first_timer_and_reports_it_alone() {
    let guest = Guest::allocating(
        "(i32.store (i32.const 1024) (call $subscribe-duration (i64.const 7000000000)))
         (i32.store (i32.const 1028) (call $subscribe-duration (i64.const 5000000000)))
         (call $poll (i32.const 1024) (i32.const 2) (i32.const 512))
         (if (i32.ne (i32.load (i32.const 516)) (i32.const 1)) (then unreachable))
         (if (i32.ne (i32.load (i32.load (i32.const 512))) (i32.const 1)) (then unreachable))
         (if (i64.ne (call $now) (i64.const 5000000000)) (then unreachable))
         (call $resource-drop-pollable (i32.load (i32.const 1028)))
         (i32.const 16)",
    )
    .import(MONOTONIC, "subscribe-duration", "(param i64) (result i32)")
    .import(MONOTONIC, "now", "(result i64)")
    .import("wasi:io/poll@0.2.0", "poll", "(param i32 i32 i32)")
    .import(
        "wasi:io/poll@0.2.0",
        "[resource-drop]pollable",
        "(param i32)",
    );
    run(&guest, &Recorder::default()).unwrap();
}

#[test]
fn the_wall_clock_shows_the_instant_of_the_call() {
    let guest = Guest::allocating(
        "(call $now (i32.const 512))
         (if (i64.ne (i64.load (i32.const 512)) (i64.const 1000000)) (then unreachable))
         (i32.const 16)",
    );
    let guest = guest.import("wasi:clocks/wall-clock@0.2.0", "now", "(param i32)");
    run(&guest, &Recorder::default()).unwrap();
}

/// What the plugin's random number is with this configuration: 8 letters.
fn drawn(config: &str) -> Failure {
    // The failure `invalid-config` with the number as its text, four bits of each byte to a letter.
    let guest = Guest::validating(
        "(i64.store (i32.const 1024)
            (i64.add (i64.and (call $get-random-u64) (i64.const 0x0f0f0f0f0f0f0f0f)) (i64.const 0x6161616161616161)))
         (i32.store8 (i32.const 16) (i32.const 1))
         (i32.store (i32.const 24) (i32.const 1024))
         (i32.store (i32.const 28) (i32.const 8))
         (i32.const 16)",
    );
    let guest = guest.import("wasi:random/random@0.2.0", "get-random-u64", "(result i64)");
    let ipam = ipam(&guest, Limits::default());
    match ipam
        .validate(Recorder::default().services(), config)
        .unwrap_err()
        .outcome
    {
        Outcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn random_numbers_follow_from_the_input() {
    assert_eq!(drawn("{}"), drawn("{}"));
    assert_ne!(drawn("{}"), drawn("{ }"));
}

#[test]
fn random_bytes_count_as_handed_over() {
    let guest = Guest::allocating(
        "(call $get-random-bytes (i64.const 0x7fffffffffff) (i32.const 512)) (i32.const 16)",
    );
    let guest = guest.import(
        "wasi:random/random@0.2.0",
        "get-random-bytes",
        "(param i64 i32)",
    );
    let ended = outcome(&guest, Limits::default());
    assert!(
        matches!(ended, Outcome::TooManyHostCallBytes { .. }),
        "{ended:?}"
    );
}

#[test]
fn standard_output_and_error_end_in_the_log() {
    let write = "(call $method-output-stream-blocking-write-and-flush";
    let guest = Guest::allocating(&format!(
        "{write} (call $get-stdout) (i32.const 1024) (i32.const 8) (i32.const 512))
         {write} (call $get-stderr) (i32.const 1024) (i32.const 3) (i32.const 512))
         (i32.const 16)"
    ))
    .part("(data (i32.const 1024) \"one\\ntwo!\")")
    .import("wasi:cli/stdout@0.2.0", "get-stdout", "(result i32)")
    .import("wasi:cli/stderr@0.2.0", "get-stderr", "(result i32)")
    .import(
        STREAMS,
        "[method]output-stream.blocking-write-and-flush",
        "(param i32 i32 i32 i32)",
    );
    let recorder = Recorder::default();
    run(&guest, &recorder).unwrap();
    let expected = [
        (LogLevel::Info, "one"),
        (LogLevel::Info, "two!"),
        (LogLevel::Warning, "one"),
    ];
    assert_eq!(
        recorder.lines(),
        expected.map(|(level, text)| (level, text.to_owned()))
    );
}

#[test]
fn standard_input_is_closed() {
    let guest = Guest::allocating(
        "(call $method-input-stream-blocking-read (call $get-stdin) (i64.const 100) (i32.const 512))
         (if (i32.ne (i32.load8_u (i32.const 512)) (i32.const 1)) (then unreachable))
         (if (i32.ne (i32.load8_u (i32.const 516)) (i32.const 1)) (then unreachable))
         (i32.const 16)",
    )
    .import("wasi:cli/stdin@0.2.0", "get-stdin", "(result i32)")
    .import(STREAMS, "[method]input-stream.blocking-read", "(param i32 i64 i32)");
    run(&guest, &Recorder::default()).unwrap();
}

#[test]
fn an_exit_is_told_apart_from_a_crash() {
    let guest = Guest::allocating("(call $exit (i32.const 1)) unreachable");
    let ended = outcome(
        &guest.import("wasi:cli/exit@0.2.0", "exit", "(param i32)"),
        Limits::default(),
    );
    assert!(matches!(ended, Outcome::Exited { status: 1 }), "{ended:?}");
}

#[test]
fn handles_are_limited() {
    let guest =
        Guest::allocating("(loop $again (drop (call $get-stdout)) (br $again)) unreachable");
    let guest = guest.import("wasi:cli/stdout@0.2.0", "get-stdout", "(result i32)");
    let ended = outcome(&guest, Limits::default());
    assert!(
        !matches!(ended, Outcome::TooManyHostCalls { .. }),
        "{ended:?}"
    );
}
