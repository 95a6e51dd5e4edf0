//! The CNI executable: reads the request, runs the verb, prints the result.

#[cfg(target_env = "gnu")]
mod heap;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use runtime::{Caller, embed_builtin};

fn main() -> ExitCode {
    #[cfg(target_env = "gnu")]
    heap::populate();
    let answer = runtime::run(Caller {
        program: env::args_os().next().unwrap_or_default(),
        environment: env::vars_os().collect(),
        stdin: &mut io::stdin().lock(),
        builtin: embed_builtin!(env!("WASM_CNI_BUILTINS")),
    });
    // Whoever closed the pipe does not want the answer.
    let _ = io::stderr().write_all(answer.stderr.as_bytes());
    let written = io::stdout().write_all(answer.stdout.as_bytes());
    if answer.success && written.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
